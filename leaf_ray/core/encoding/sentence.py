"""A sentence-transformers model as one plain module: token ids in, vectors out.

Shapes: B = batch, L = tokens, F = pooled features, D = dimensions of the vectors.
"""

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor, nn


class SentenceVectors(nn.Module):
    """The whole chain of a model's modules, in a form that DDP and exporters take.

    Where the model leaves prompts out of pooling, the ids of a prompt's tokens come marked, as
    core/encoding/prompt_marks.py does it.

    modules: how many of the model's modules to run; None runs all.
    """

    def __init__(self, model: SentenceTransformer, *, modules: int | None = None) -> None:
        super().__init__()
        self.chain = nn.ModuleList(list(model.children())[:modules])
        self._dimensions = model.truncate_dim if modules is None else None
        self._pools_prompt = all(
            module.include_prompt for module in self.chain if isinstance(module, Pooling)
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[B, L] int64 ids and mask -> [B, D] vectors."""
        pooled_mask = attention_mask
        if not self._pools_prompt:
            is_text_BL = input_ids >= 0
            input_ids = torch.where(is_text_BL, input_ids, -1 - input_ids)
            pooled_mask = attention_mask * is_text_BL.to(attention_mask.dtype)
        features = {"input_ids": input_ids, "attention_mask": attention_mask}
        for module in self.chain:
            if isinstance(module, Pooling):
                features["attention_mask"] = pooled_mask
            features = module(features)
        if "sentence_embedding" not in features:
            raise ValueError(
                "its modules give no vector for a text, since modules.json lists no pooling"
            )
        vector_BD: Tensor = features["sentence_embedding"]
        return vector_BD if self._dimensions is None else vector_BD[:, : self._dimensions]
