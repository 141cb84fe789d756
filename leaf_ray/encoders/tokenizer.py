"""Texts to token ids, without loading a deep-learning framework."""

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer as FastTokenizer

from leaf_ray.core.windows import token_windows
from leaf_ray.encoders.folder import ModelFolder


class Tokenizer:
    """The model's own tokenizer, truncating at `max_length` tokens and never padding."""

    def __init__(self, folder: ModelFolder, *, max_length: int) -> None:
        self.pad_id = folder.pad_id
        self.max_length = max_length
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
        return [encoding.ids for encoding in self._encode(texts, prompt)]

    def with_truncated(
        self, texts: Sequence[str], *, prompt: str = ""
    ) -> tuple[list[list[int]], list[bool]]:
        """The same, and whether each text was longer than what is left of it."""
        encodings = self._encode(texts, prompt)
        return [e.ids for e in encodings], [bool(e.overflowing) for e in encodings]

    def _encode(self, texts: Sequence[str], prompt: str) -> list[Any]:
        prompted = [prompt + text for text in texts] if prompt else list(texts)
        encodings: list[Any] = self._fast.encode_batch_fast(prompted)
        return encodings

    def windows(self, text: str, *, prompt: str = "", overlap: int) -> list[tuple[int, int]]:
        """Ranges of characters of `text`, each of which fits in `max_length` with the prompt.

        overlap: tokens that a range shares with the one before, about.

        Raises:
            ValueError: the prompt leaves no more than `overlap` tokens of `max_length`.
        """
        self._fast.no_truncation()
        try:
            frame = len(self._fast.encode(prompt).ids)
            encoding = self._fast.encode(text, add_special_tokens=False)
        finally:
            self._fast.enable_truncation(self.max_length)
        size = self.max_length - frame
        if len(encoding.ids) <= size:
            return [(0, len(text))]
        tokens = token_windows(encoding.word_ids, size=size, overlap=overlap)
        offsets = encoding.offsets
        return [(offsets[start][0], offsets[end - 1][1]) for start, end in tokens]
