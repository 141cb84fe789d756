"""Texts to token ids, without loading a deep-learning framework."""

from collections.abc import Sequence
from typing import Any

from leaf_ray.core.encoding.prompt_marks import marked
from leaf_ray.core.text.windows import token_windows
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.loaded_tokenizer import LoadedTokenizer


class Tokenizer:
    """The model's own tokenizer, truncating at `max_length` tokens and never padding.

    Where the folder leaves the prompt out of pooling, the ids of a prompt's tokens are marked.
    """

    def __init__(
        self, folder: ModelFolder, *, max_length: int, trust_remote_code: bool = False
    ) -> None:
        self.pad_id = folder.pad_id
        self.max_length = max_length
        self._pools_prompt = folder.pools_prompt
        loaded = LoadedTokenizer.of(folder, trust_remote_code=trust_remote_code)
        self._fast, self._side, self._special_ids = loaded.fast, loaded.side, loaded.special_ids
        self._fast.no_padding()
        self._truncate()

    def __call__(self, texts: Sequence[str], *, prompt: str = "") -> list[list[int]]:
        """Token ids of each text, special tokens included."""
        return self.with_truncated(texts, prompt=prompt)[0]

    def with_truncated(
        self, texts: Sequence[str], *, prompt: str = ""
    ) -> tuple[list[list[int]], list[bool]]:
        """The same, and whether each text was longer than what is left of it."""
        encodings = self._encode(texts, prompt)
        ids = [encoding.ids for encoding in encodings]
        if not self._pools_prompt and (number := self._prompt_length(prompt)):
            ids = [marked(tokens, number) for tokens in ids]
        return ids, [bool(encoding.overflowing) for encoding in encodings]

    def _truncate(self) -> None:
        self._fast.enable_truncation(self.max_length, direction=self._side)

    def _encode(self, texts: Sequence[str], prompt: str) -> list[Any]:
        prompted = [prompt + text for text in texts] if prompt else list(texts)
        encodings: list[Any] = self._fast.encode_batch_fast(prompted)
        return encodings

    def _prompt_length(self, prompt: str) -> int:
        """Tokens of a prompt by itself, without a special token that ends it."""
        if not prompt:
            return 0
        ids = self._fast.encode(prompt).ids
        return len(ids) - (bool(ids) and ids[-1] in self._special_ids)

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
            self._truncate()
        size = self.max_length - frame
        if len(encoding.ids) <= size:
            return [(0, len(text))]
        tokens = token_windows(encoding.word_ids, size=size, overlap=overlap)
        offsets = encoding.offsets
        return [(offsets[start][0], offsets[end - 1][1]) for start, end in tokens]
