"""Validation on validation texts while a leaf is trained: the curve, the best leaf, when to stop.

Shapes: N = validation texts, M = documents, D = dimensions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.core.encoding.sentence import SentenceVectors
from leaf_ray.core.training.training_texts import RowNumbers, TrainingTexts
from leaf_ray.core.training.validation import ValidationMetrics

# Texts that a validation encodes, and the teacher's documents that they are searched in.
NUM_TEXTS, NUM_DOCUMENTS = 512, 10_000
# With fewer queries than this, documents count too.
FEWEST_QUERIES = 20
# The most texts and tokens of a forward pass without gradients.
FORWARD_TEXTS, FORWARD_TOKENS = 64, 16_384


class Validation:
    """The validation texts, and the teacher's vectors of documents to find.

    is_measured_N: which validation texts count, as those that are trained on do.
    is_found_M: which texts that are trained on may be found.
    """

    def __init__(
        self,
        validation_texts: TrainingTexts,
        is_measured_N: npt.NDArray[np.bool_],
        trained_on: TrainingTexts,
        is_found_M: npt.NDArray[np.bool_],
    ) -> None:
        queries = validation_texts.is_query_N & is_measured_N
        enough = queries.sum() >= FEWEST_QUERIES
        self._texts = validation_texts
        self._rows = validation_texts.sample(NUM_TEXTS, among=queries if enough else is_measured_N)
        documents = ~trained_on.is_query_N & is_found_M
        found = trained_on.sample(NUM_DOCUMENTS, among=documents if documents.any() else is_found_M)
        self._document_MD = trained_on.vectors(found)
        self._teacher_ND = validation_texts.vectors(self._rows)

    def measure(self, leaf: SentenceTransformer) -> dict[str, float]:
        """How near the leaf is now."""
        leaf_ND = forward(leaf, self._texts, self._rows, modules=None)
        if not np.isfinite(leaf_ND).all():
            return dict.fromkeys(ValidationMetrics.__slots__, 0.0)
        return ValidationMetrics.of(leaf_ND, self._teacher_ND, self._document_MD).to_json()


def is_better(curve: list[dict[str, Any]], best: int) -> bool:
    """Whether the last validation is better than that of step `best`; later ones win ties."""
    overlaps = {point["step"]: point["overlap"] for point in curve}
    return bool(curve[-1]["overlap"] >= overlaps.get(best, -1.0))


def is_stale(curve: list[dict[str, Any]], *, patience: int | None) -> bool:
    """Whether the last `patience` validations were no better than the best before them."""
    if patience is None or len(curve) <= patience:
        return False
    overlaps = [point["overlap"] for point in curve]
    return bool(max(overlaps[-patience:]) <= max(overlaps[:-patience]))


def forward(
    leaf: SentenceTransformer, texts: TrainingTexts, rows: RowNumbers, *, modules: int | None
) -> npt.NDArray[np.float32]:
    """Vectors of some rows after the first `modules` of the leaf's modules, without gradients."""
    model = SentenceVectors(leaf, modules=modules)
    model.eval()
    outputs: dict[int, npt.NDArray[np.float32]] = {}
    with torch.inference_mode():
        batches = texts.by_length(rows, batch_size=FORWARD_TEXTS, batch_tokens=FORWARD_TOKENS)
        for batch in batches:
            moved = batch.to(leaf.device)
            output_BD = model(moved.input_ids_BL, moved.attention_mask_BL).float().cpu().numpy()
            outputs.update(zip(batch.rows_B.tolist(), output_BD, strict=True))
    return np.stack([outputs[row] for row in rows.tolist()])
