"""Whether an export encodes as what it was made from.

Shapes: N = texts, D = dimensions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from leaf_ray.core.space.agreement import Agreement
from leaf_ray.core.space.probe import PROBE_DOCUMENTS, PROBE_QUERIES, Encodes
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import SpaceMismatch

if TYPE_CHECKING:
    # Its import takes seconds, which whoever only reads an export can do without.
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: of how many texts, and the lowest cosine to the original."""

    num_texts: int
    lowest_cosine: float


class AsUsersEncode:
    """A sentence-transformers model by the methods that its users call."""

    def __init__(self, model: "SentenceTransformer") -> None:
        self._model = model

    def encode(self, texts: Sequence[str], *, kind: str) -> Vectors:
        """[N texts] -> [N, D] float32."""
        encode = self._model.encode_query if kind == QUERY else self._model.encode_document
        vectors_ND: Vectors = encode(list(texts), show_progress_bar=False)
        return vectors_ND


@dataclass(frozen=True, slots=True)
class ByKind:
    """Queries by one encoder and documents by another."""

    queries_by: Encodes
    documents_by: Encodes

    def encode(self, texts: tuple[str, ...], *, kind: str) -> Vectors:
        """[N texts] -> [N, D] float32."""
        return (self.queries_by if kind == QUERY else self.documents_by).encode(texts, kind=kind)


def require_same(
    original: Encodes,
    exported: Encodes,
    texts: Mapping[str, Sequence[str]],
    *,
    lowest_cosine: float,
    name: str,
) -> Checked:
    """Encode the probe's texts and these by both, and compare text by text.

    texts: by kind. lowest_cosine: that any text may show; its length may be off by as much as an
        error of that size explains.

    Raises:
        SpaceMismatch: a text is off by more; nothing is known of the export then but that it is
            wrong.
    """
    lowest, furthest, number = 1.0, 0.0, 0
    for kind, probe in ((QUERY, PROBE_QUERIES), (DOCUMENT, PROBE_DOCUMENTS)):
        checked = (*probe, *texts.get(kind, ()))
        found = Agreement.of(
            original.encode(checked, kind=kind), exported.encode(checked, kind=kind)
        )
        lowest, furthest = min(lowest, found.lowest_cosine), max(furthest, found.length_off)
        number += len(checked)
    fault = Agreement(lowest, furthest).fault(lowest_cosine=lowest_cosine)
    if fault is not None:
        off, wanted = fault
        raise SpaceMismatch(
            f"{name} gives other vectors than the leaf: {off} over {number} texts, wanted "
            f"{wanted}. Nothing was written; export it in f32 or in another format"
        )
    return Checked(number, lowest)
