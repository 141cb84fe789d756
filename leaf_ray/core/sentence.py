"""A sentence-transformers model as one plain module: token ids in, vectors out.

Shapes: B = batch, L = tokens, F = pooled features, D = dimensions of the vectors.
"""

from sentence_transformers import SentenceTransformer
from torch import Tensor, nn


class SentenceVectors(nn.Module):
    """The whole chain of a model's modules, in a form that DDP and exporters take.

    modules: how many of the model's modules to run; None runs all.
    """

    def __init__(self, model: SentenceTransformer, *, modules: int | None = None) -> None:
        super().__init__()
        self.chain = nn.ModuleList(list(model.children())[:modules])

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[B, L] int64 ids and mask -> [B, D] vectors."""
        features = {"input_ids": input_ids, "attention_mask": attention_mask}
        for module in self.chain:
            features = module(features)
        vector_BD: Tensor = features["sentence_embedding"]
        return vector_BD
