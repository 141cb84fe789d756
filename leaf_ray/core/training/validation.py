"""How near a leaf is to its teacher on texts that it is not trained on, while it is trained.

Overlap of what both find is the figure to go by: a mean cosine rises while the order of near
documents, which is what a search shows, still gets worse.
Shapes: N = validation texts, M = documents, D = dimensions, K = neighbours.
"""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from leaf_ray.core.evaluation.metrics import overlap
from leaf_ray.core.search.ranking import top_k

NEIGHBOURS = 10
WORST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class ValidationMetrics:
    """Means over the validation texts, and over the worst tenth of them.

    overlap: the share of the teacher's ten nearest documents that the leaf finds too.
    """

    cosine: float
    worst_cosine: float
    overlap: float
    worst_overlap: float

    @classmethod
    def of(
        cls,
        leaf_ND: npt.NDArray[np.float32],
        teacher_ND: npt.NDArray[np.float32],
        document_MD: npt.NDArray[np.float32],
    ) -> "ValidationMetrics":
        """The metrics of one text or more, each a query of leaf and of teacher."""
        cosine_N = _cosines(leaf_ND, teacher_ND)
        overlap_N = _overlaps(leaf_ND, teacher_ND, document_MD)
        return cls(
            float(cosine_N.mean()), _worst(cosine_N), float(overlap_N.mean()), _worst(overlap_N)
        )

    def to_json(self) -> dict[str, float]:
        """The metrics by name."""
        return asdict(self)


def _cosines(
    a_ND: npt.NDArray[np.float32], b_ND: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    norms_N = np.linalg.norm(a_ND, axis=1) * np.linalg.norm(b_ND, axis=1)
    cosine_N: npt.NDArray[np.float64] = np.einsum("nd,nd->n", a_ND, b_ND) / np.maximum(
        norms_N, 1e-12
    )
    return cosine_N


def _overlaps(
    leaf_ND: npt.NDArray[np.float32],
    teacher_ND: npt.NDArray[np.float32],
    document_MD: npt.NDArray[np.float32],
) -> npt.NDArray[np.float64]:
    found, wanted = (
        top_k(v_ND, document_MD, k=NEIGHBOURS).index_QK for v_ND in (leaf_ND, teacher_ND)
    )
    return overlap(found, wanted, k=NEIGHBOURS)


def _worst(values_N: npt.NDArray[np.float64]) -> float:
    number = max(1, round(WORST_SHARE * len(values_N)))
    return float(np.sort(values_N)[:number].mean())
