"""Encoders as mteb's models: what `mteb.evaluate` encodes the texts of any task with.

Shapes: N = texts, A, B = texts that are compared, D = dimensions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from leaf_ray.core.encoding.backend import Backend
from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import Encoder, EncoderSource
from leaf_ray.encoders.teacher import describe_space
from leaf_ray.errors import ConfigError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.leaf_folder import leaf_probe, leaf_space
from leaf_ray.models.resolve import resolve_model
from leaf_ray.mteb.library import import_mteb

# What mteb wants before the slash of a name: the organisation. Not one of a hub, on purpose: these
# are results of this library's own computation.
MAKER = "leaf_ray"
Vectors = npt.NDArray[np.float32]


class MtebModel:
    """mteb's EncoderProtocol over our encoders, one for queries and one for documents.

    mteb says of each text whether it is a query or a document in retrieval and the like, and says
    nothing in symmetric tasks (STS, clustering, classification): such texts are encoded as
    documents, whose prompt is empty for most models. A model without prompts encodes all alike.
    """

    def __init__(self, queries: Encoder, documents: Encoder, meta: Any) -> None:
        self._encoders = {QUERY: queries, DOCUMENT: documents}
        self._meta = meta

    @property
    def mteb_model_meta(self) -> Any:
        """What mteb is told of the model, a ModelMeta."""
        return self._meta

    def encode(
        self,
        inputs: Iterable[Mapping[str, Sequence[str]]],
        *,
        prompt_type: str | None = None,
        **_: Any,
    ) -> Vectors:
        """Batches of texts, under "text" -> [N, D] float32, in the order given.

        mteb's batch size is not used: the encoder sorts all of the texts by length and fills its
        own batches.

        Raises:
            EncodingError: the model fails on a text.
        """
        texts = [text for batch in inputs for text in batch["text"]]
        kind = QUERY if prompt_type == QUERY else DOCUMENT
        return self._encoders[kind].encode(texts, kind=kind)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """[A, D], [B, D] -> [A, B] float32 tensor: cosines, or inner products.

        Inner products where the vectors of the space are not of unit length.
        """
        from mteb import similarity_functions

        compare = (
            similarity_functions.cos_sim if self._is_cosine else similarity_functions.dot_score
        )
        return compare(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """[N, D], [N, D] -> [N] float32 tensor: the same, row by row."""
        from mteb import similarity_functions

        compare = (
            similarity_functions.pairwise_cos_sim
            if self._is_cosine
            else similarity_functions.pairwise_dot_score
        )
        return compare(embeddings1, embeddings2)

    @property
    def _is_cosine(self) -> bool:
        return bool(self._meta.similarity_fn_name == "cosine")


def leaf_model(folder: Path, *, backend: Backend = "auto") -> MtebModel:
    """The leaf for queries and documents.

    folder: what `leaf distill` wrote. backend: how it is computed.

    Raises:
        ConfigError: mteb is not installed.
        ModelNotFound: there is no model in the folder.
        SpaceMismatch: it is no leaf, or does not encode as recorded.
    """
    import_mteb()
    space = leaf_space(folder)
    leaf = _load_leaf(folder, backend)
    about = _About(f"leaf-of-{space.teacher}", ModelFolder.read(folder).sha256(), space)
    return MtebModel(leaf, leaf, about.meta(leaf))


def teacher_model(
    teacher: str | Path | EncoderSource, space: Space | None = None, *, backend: Backend = "auto"
) -> MtebModel:
    """The teacher for queries and documents, or any model that could be one.

    teacher: a sentence-transformers folder, a model id, or what loads an encoder. space: what it
        is to embed into; None takes what a folder says of its model. backend: how a folder or
        model id is computed.

    Raises:
        ConfigError: mteb is not installed, or there is neither a space nor a folder to take it of.
        ModelNotFound, EndpointError, EncodingError: the teacher cannot be loaded or asked.
        SpaceMismatch: it does not encode as the space's teacher did.
    """
    import_mteb()
    space = _described(teacher) if space is None else space
    encoder = _load_teacher(teacher, space, backend)
    about = _About(space.teacher, space.fingerprint, space)
    return MtebModel(encoder, encoder, about.meta(encoder))


def asymmetric_model(
    leaf: Path, teacher: str | Path | EncoderSource, *, backend: Backend = "auto"
) -> MtebModel:
    """Queries by the leaf, documents by its teacher: what is served.

    leaf: what `leaf distill` wrote. teacher, backend: as in `teacher_model`; a teacher whose
        vectors are rotated afterwards is given as what loads it, rotation included.

    Texts of symmetric tasks, being documents here, are the teacher's: such a task says nothing of
    the pair. (sentence-transformers' Router sends them the same way.)

    Raises:
        ConfigError: mteb is not installed.
        ModelNotFound, EndpointError, EncodingError: one of the two cannot be loaded or asked.
        SpaceMismatch: the folder is no leaf, or the teacher is not the one of its space.
    """
    import_mteb()
    space = leaf_space(leaf)
    documents = _load_teacher(teacher, space, backend)
    queries = _load_leaf(leaf, backend)
    about = _About(
        f"leaf-of-{space.teacher}-asymmetric",
        f"{ModelFolder.read(leaf).sha256()}-{space.fingerprint}",
        space,
    )
    return MtebModel(queries, documents, about.meta(queries, documents, model_type="router"))


@dataclass(frozen=True, slots=True)
class _About:
    """What mteb is told of a model, and keeps results apart by."""

    name: str
    revision: str
    space: Space

    def meta(self, *encoders: Encoder, model_type: str = "dense") -> Any:
        return model_meta(
            name=self.name,
            revision=self.revision,
            max_tokens=self.space.max_length,
            embed_dim=self.space.dimension,
            similarity_fn_name="cosine" if self.space.normalized else "dot",
            use_instructions=bool(self.space.query_prompt or self.space.document_prompt),
            model_type=[model_type],
            # Another precision is another experiment with the same model.
            experiment_kwargs={"backend": "+".join(dict.fromkeys(e.name for e in encoders))},
        )


def model_meta(*, name: str, **known: Any) -> Any:
    """A ModelMeta of mteb, of what is known; None, its word for unknown, where it is not.

    name: without the organisation, which is always MAKER.
    """
    from mteb.models.model_meta import ModelMeta

    unknown = {field: None for field, info in ModelMeta.model_fields.items() if info.is_required()}
    fields = {**unknown, "name": f"{MAKER}/{name}", "framework": [], "modalities": ["text"]}
    return ModelMeta(**{**fields, **known})


def _load_leaf(folder: Path, backend: Backend) -> Encoder:
    probe = leaf_probe(folder)
    encoder = EncoderSpec(folder=str(folder), backend=backend).load()
    probe.check(encoder, name=f"the leaf {folder}")
    return encoder


def _load_teacher(teacher: str | Path | EncoderSource, space: Space, backend: Backend) -> Encoder:
    if isinstance(teacher, str | Path):
        encoder: Encoder = EncoderSpec.for_teacher(teacher, space, backend=backend).load()
        name = f"the teacher {teacher}"
    else:
        encoder = teacher.load()
        name = f"the teacher of {space}"
    space.probe.check(encoder, name=name)
    return encoder


def _described(teacher: str | Path | EncoderSource) -> Space:
    if not isinstance(teacher, str | Path):
        raise ConfigError(
            "the space of a teacher is known only for a folder or a model id: give the argument "
            "`space` too"
        )
    return describe_space(
        resolve_model(str(teacher)),
        name=str(teacher),
        max_length=None,
        query_prompt=None,
        document_prompt=None,
    )
