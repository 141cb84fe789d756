"""Words of texts in any script, and figures of their lengths."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Scripts without blanks between words: each character counts as one, as word processors count.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Lengths:
    """The lengths of some texts in one unit. num_texts: how many were measured."""

    num_texts: int
    median: int
    high: int
    """The 95th percentile."""

    @classmethod
    def of(cls, lengths: Sequence[int]) -> "Lengths":
        """Return the figures of lengths; zeros of none."""
        if not lengths:
            return cls(0, 0, 0)
        median, high = np.percentile(lengths, [50, 95], method="inverted_cdf")
        return cls(len(lengths), int(median), int(high))


def num_words(text: str) -> int:
    """Return the number of words between white space; a Han or Kana character is one."""
    return len(text.split()) if text.isascii() else sum(1 for _ in _WORD.finditer(text))
