"""Texts to token ids, without loading a deep-learning framework."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer as FastTokenizer

from leaf_ray.core.padding import pad
from leaf_ray.encoders.folder import ModelFolder

Ids = npt.NDArray[np.int64]


class Tokenizer:
    """The model's own tokenizer, truncating at `max_length` tokens and never padding."""

    def __init__(self, folder: ModelFolder, *, max_length: int) -> None:
        self.pad_id = folder.pad_id
        self._fast = self._load(folder)
        self._fast.no_padding()
        self._fast.enable_truncation(max_length)

    @staticmethod
    def _load(folder: ModelFolder) -> Any:
        file = folder.path / "tokenizer.json"
        if file.is_file():
            return FastTokenizer.from_file(str(file))
        # Older folders hold a vocabulary only; transformers builds the fast form from it.
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(str(folder.path))._tokenizer

    def __call__(self, texts: Sequence[str], *, prompt: str = "") -> list[list[int]]:
        """Token ids of each text, special tokens included."""
        prompted = [prompt + text for text in texts] if prompt else list(texts)
        return [encoding.ids for encoding in self._fast.encode_batch_fast(prompted)]

    def pad(self, ids: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
        """-> ids_BL and mask_BL, int64, padded on the right to the longest."""
        return pad(ids, pad_id=self.pad_id)
