"""A leaf and its teacher as one model, a Router of sentence-transformers.

`encode_query` is the leaf's, `encode_document` the teacher's.

A Router's folder holds the modules of both. sentence-transformers loads a Router's modules from
inside its folder only: a path that leads out of it is refused, and no module of its own stands for
a model elsewhere. So where the teacher is not copied, the folder is that of the leaf, with a file
that names the teacher, and `load_router` puts the two together.
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaf_ray.core.space.space import Space
from leaf_ray.errors import ConfigError, SpaceMismatch
from leaf_ray.exports.folder import copy_leaf
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.json_file import read_json_file
from leaf_ray.models.leaf_folder import PROBE_FILE, SPACE_FILE, TRAINING_FILE, leaf_space
from leaf_ray.models.reference import load_reference
from leaf_ray.models.resolve import resolve_model

if TYPE_CHECKING:
    # Its import takes seconds, which whoever only reads an export can do without.
    from sentence_transformers import SentenceTransformer

ROUTER_FILE = "router.json"


def resolve_teacher(name: str, space: Space, *, trust_remote_code: bool = False) -> Path:
    """The teacher's folder on this machine.

    name: a folder or a model id.

    Raises:
        ConfigError: the teacher is no model that can be loaded, or its vectors are rotated.
        ModelNotFound: there is no such model.
        SpaceMismatch: it is not the model that the space was made with.
    """
    if not space.weights.startswith("sha256:"):
        raise ConfigError(
            f"the teacher {space.teacher} is known as {space.weights}, which cannot be put into "
            "a folder: export to sentence-transformers, onnx or openvino instead"
        )
    if space.rotation:
        raise ConfigError(
            f"the vectors of {space} are rotated after the teacher, which a Router does not do: "
            "export to sentence-transformers, onnx or openvino instead"
        )
    folder = resolve_model(name, trust_remote_code=trust_remote_code)
    weights = f"sha256:{ModelFolder.read(folder).weights_sha256()}"
    if weights != space.weights:
        raise SpaceMismatch(
            f"{name} is not the teacher of the space {space}: its weights are {weights}, wanted "
            f"{space.weights}; name the model that the vectors were made with"
        )
    return folder


def write_router(leaf: Path, teacher: Path, space: Space, into: Path) -> None:
    """Write both models into one folder that sentence-transformers loads by itself."""
    router = _joined(load_reference(leaf), load_reference(teacher), space)
    router.save(str(into), create_model_card=False)
    for name in (SPACE_FILE, PROBE_FILE, TRAINING_FILE):
        if (leaf / name).is_file():
            shutil.copyfile(leaf / name, into / name)


def write_router_reference(leaf: Path, teacher: str, space: Space, into: Path) -> None:
    """Write the leaf, and router.json: what `load_router` and the card's snippet put together.

    teacher: a model id, or a folder, which is then wanted wherever the export is loaded.
    """
    copy_leaf(leaf, into)
    reference = {
        "teacher": teacher,
        "weights": space.weights,
        "max_length": space.max_length,
        "similarity_fn_name": space.similarity,
    }
    (into / ROUTER_FILE).write_text(json.dumps(reference, indent=2), "utf-8")


def load_router(folder: str | Path, *, trust_remote_code: bool = False) -> "SentenceTransformer":
    """Load an export in the Router form, whether it holds its teacher or names it.

    trust_remote_code: run code that comes with the teacher's folder.

    Raises:
        SpaceMismatch: the folder is no leaf, or the teacher found is another model.
        ModelNotFound: the teacher that it names is not there.
    """
    folder = Path(folder)
    file = folder / ROUTER_FILE
    if not file.is_file():
        return load_reference(folder, trust_remote_code=trust_remote_code)
    reference: dict[str, Any] = read_json_file(file)
    space = leaf_space(folder)
    teacher = resolve_teacher(reference["teacher"], space, trust_remote_code=trust_remote_code)
    model = load_reference(teacher, trust_remote_code=trust_remote_code)
    return _joined(load_reference(folder), model, space)


def _joined(
    leaf: "SentenceTransformer", teacher: "SentenceTransformer", space: Space
) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Router

    # Its own limit may be longer than what the documents were cut at.
    teacher.max_seq_length = space.max_length
    of_teacher = list(teacher.children())
    if space.normalized and not isinstance(of_teacher[-1], Normalize):
        of_teacher.append(Normalize())
    router = Router.for_query_document(
        query_modules=list(leaf.children()), document_modules=of_teacher
    )
    return SentenceTransformer(
        modules=[router],
        prompts={"query": space.query_prompt, "document": space.document_prompt},
        similarity_fn_name=space.similarity,
        device="cpu",
    )
