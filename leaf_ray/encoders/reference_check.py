"""A check that texts get the same vectors here as from sentence-transformers itself.

A probe uses this package's own tokenizer and batches, so it cannot show a setting that these leave
out. This check therefore compares with `encode_query` and `encode_document`, on awkward texts.

Shapes: N = texts, D = dimensions.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from leaf_ray.core.encoding.prompt_marks import without_marks
from leaf_ray.core.space.agreement import Agreement
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.errors import SpaceMismatch

if TYPE_CHECKING:
    # Its import takes seconds, which modules that only need the texts can do without.
    from sentence_transformers import SentenceTransformer

Vector = npt.NDArray[np.float32]

# Texts with capitals, accents, several scripts, almost no content, or special tokens spelled out.
AWKWARD_QUERIES = (
    "How do I read a PARQUET file?",
    "Wie heißt das Café in Zürich, 東京 or Москва?",
    " ",
    ".",
)
AWKWARD_DOCUMENTS = (
    "HTTP 429 Too Many Requests: the Client has sent too many requests (see RFC 6585).",
    "Élan vital, naïve façade: 100 %\n\tdéjà vu. Привет, мир! 你好,世界。",
    ".",
    "<s> [CLS] </s>  [SEP]",
)
_SENTENCE = "The Old Town lies by the river, and rain falls on 17 bridges. "
_LONG = _SENTENCE * 6
# Longer texts are compared by their tokens only. The same tokens get the same vectors, and
# encoding them would take a small model seconds and a large one minutes.
_LONGEST_ENCODED = 128
_WAY_OUT = "Name another model, or serve this one by itself and name the address in space.endpoint"


@dataclass(frozen=True, slots=True)
class _Text:
    """One text as it is compared."""

    text: str
    kind: str
    prompt: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 60 else f"{self.text[:60]}..."
        return f"the {self.kind} {shown!r} with the prompt {self.prompt!r}"


def require_as_reference(
    encoder: SentenceEncoder, reference: "SentenceTransformer", *, name: str, normalize: bool
) -> None:
    """Compare tokens and vectors of awkward texts with those of sentence-transformers.

    encoder: the model in float32, with the run's prompts and length. reference: the same model in
        sentence-transformers; this sets its length to the encoder's.
    name: how the message names the model. normalize: whether the encoder scales vectors to unit
        length, whatever the model does.

    Raises:
        SpaceMismatch: tokens or vectors differ; the message names the text.
    """
    max_length = encoder.tokenizer.max_length
    reference.max_seq_length = max_length
    overlong = _SENTENCE * (max_length // 8 + 1)
    for kind, texts in (
        (QUERY, AWKWARD_QUERIES),
        (DOCUMENT, (overlong, _LONG, *AWKWARD_DOCUMENTS)),
    ):
        cases = [_Text(text, kind, encoder.prompt(kind)) for text in texts]
        for case in cases:
            _require_tokens(case, encoder, reference, name=name)
        if max_length > _LONGEST_ENCODED:
            cases = [case for case in cases if case.text is not overlong]
        # The encoder gets them as a batch, since other texts in it must not matter.
        vectors_ND = encoder.encode([case.text for case in cases], kind=kind)
        for case, ours_D in zip(cases, vectors_ND, strict=True):
            theirs_D = _by_reference(case, reference, normalize=normalize)
            fault = _fault(ours_D, theirs_D, lowest_cosine=encoder.lowest_cosine)
            if fault is not None:
                found, wanted = fault
                raise SpaceMismatch(
                    f"{name} has other vectors here than those of sentence-transformers' "
                    f"encode_{kind}: {found} for {case}, wanted {wanted}. A setting of its folder "
                    f"is not honoured here. {_WAY_OUT}"
                )


def _require_tokens(
    case: _Text, encoder: SentenceEncoder, reference: "SentenceTransformer", *, name: str
) -> None:
    ours = without_marks(encoder.tokenizer([case.text], prompt=case.prompt)[0])
    features: Any = reference.preprocess([case.text], prompt=case.prompt, task=case.kind)
    theirs = features["input_ids"][0].tolist()
    if ours != theirs:
        raise SpaceMismatch(
            f"{name} is not read here as sentence-transformers reads it: {case} is {len(ours)} "
            f"tokens here and {len(theirs)} there, {_first_difference(ours, theirs)}. A setting of "
            f"its tokenizer or a chat template is not honoured here. {_WAY_OUT}"
        )


def _first_difference(ours: list[int], theirs: list[int]) -> str:
    pairs = zip(ours, theirs, strict=False)
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))
    return f"the first that differs is number {place + 1}"


def _fault(ours_D: Vector, theirs_D: Vector, *, lowest_cosine: float) -> tuple[str, str] | None:
    """What was found and what was wanted, if two vectors [D] of one text differ; else None."""
    if ours_D.shape == theirs_D.shape and np.allclose(
        ours_D, theirs_D, rtol=0, atol=1e-6, equal_nan=True
    ):
        # Two vectors without a direction have no cosine.
        return None
    return Agreement.of(theirs_D[None], ours_D[None]).fault(lowest_cosine=lowest_cosine)


def _by_reference(case: _Text, reference: "SentenceTransformer", *, normalize: bool) -> Vector:
    encode = reference.encode_query if case.kind == QUERY else reference.encode_document
    vectors: Any = encode(
        [case.text], prompt=case.prompt, show_progress_bar=False, normalize_embeddings=normalize
    )
    vector_D: Vector = vectors[0].astype(np.float32)
    return vector_D
