"""How much an endpoint takes in one request, as its answers show it; nothing is sent here."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

RowNumbers = npt.NDArray[np.int64]

# A request that keeps failing is cut into so many parts: as few requests as halves would need to
# find one text, and half as many rounds.
PARTS = 4
# An error of the server may have passed meanwhile, so it shows a limit only when it recurs.
STRIKES = 2
# Requests of as many texts differ in their characters by chance.
ALIKE = 1.25
_OF_A_NUMBER = re.compile(r"batch|input|text|item|array|list|document|element", re.IGNORECASE)


class Limits:
    """The largest requests that may be sent, and the largest that were answered.

    texts, characters: of one request, at most; they fall to what the endpoint has shown.
    """

    def __init__(self, *, texts: int, characters: int) -> None:
        self.texts = texts
        self.characters = characters
        self._answered_texts = 0
        self._answered_characters = 0
        self._strikes = 0

    def cut(self, lengths: Sequence[int]) -> list[RowNumbers]:
        """Positions of texts of these lengths in requests within the limits."""
        return list(text_batches(lengths, max_texts=self.texts, max_characters=self.characters))

    def first(self, lengths: Sequence[int], *, start: int) -> RowNumbers:
        """Positions of the texts from `start` on that are the next request."""
        (rows, *_) = self.cut(lengths[start : start + self.texts])
        return start + rows

    def explain(self, lengths: Sequence[int]) -> bool:
        """Whether its size is likely why a request failed: none about as large was answered yet."""
        about = ALIKE * self._answered_characters
        return len(lengths) > self._answered_texts or sum(lengths) > about

    def answered(self, lengths: Sequence[int]) -> None:
        """Note a request that was answered with vectors."""
        self._answered_texts = max(self._answered_texts, len(lengths))
        self._answered_characters = max(self._answered_characters, sum(lengths))

    def failed_whole(self, lengths: Sequence[int], largest: int, *, certain: bool) -> None:
        """Note a request that failed, although each of its parts was answered.

        largest: characters of the largest part. certain: the endpoint rejected the request, so
            that its size is the cause; another error may have passed by itself.
        """
        if not certain:
            few = len(lengths) <= self._answered_texts
            if few and sum(lengths) <= self._answered_characters:
                return
            self._strikes += 1
            if self._strikes < STRIKES:
                return
        if len(lengths) > self._answered_texts:
            self.texts = min(self.texts, self._answered_texts)
        else:
            # Characters stand for tokens: a text in another script may have more of them.
            fits = min(self._answered_characters, sum(lengths) - 1)
            self.characters = min(self.characters, max(largest, 1), max(fits, 1))


def text_batches(
    lengths: Sequence[int], *, max_texts: int, max_characters: int
) -> Iterator[RowNumbers]:
    """Yield positions in order, int64 [B]; every one comes once, and no batch is empty.

    A batch has at most `max_texts` texts and `max_characters`, unless one text alone is longer.
    """
    start = characters = 0
    for row, length in enumerate(lengths):
        full = row - start == max_texts or characters + length > max_characters
        if full and row > start:
            yield np.arange(start, row, dtype=np.int64)
            start, characters = row, 0
        characters += length
    if start < len(lengths):
        yield np.arange(start, len(lengths), dtype=np.int64)


def parts_of(num_texts: int, *, by_size: bool, said: str) -> list[RowNumbers]:
    """Positions of the texts of a failed request in the requests that follow it.

    by_size: the request may have been too large; its halves show a limit better than quarters.
    said: the endpoint's reason, which may name how many texts it takes.
    """
    rows = np.arange(num_texts, dtype=np.int64)
    named = texts_named_in(said, fewer_than=num_texts) if by_size else None
    if named is not None:
        return list(text_batches([0] * num_texts, max_texts=named, max_characters=1))
    return list(np.array_split(rows, min(num_texts, 2 if by_size else PARTS)))


def texts_named_in(said: str, *, fewer_than: int) -> int | None:
    """How many texts a request may hold, by the words of the endpoint; None where they differ."""
    if not _OF_A_NUMBER.search(said):
        return None
    named = {int(word) for word in re.findall(r"(?<![\w.])\d{1,5}(?![\w.]*\w)", said)}
    # A small number may as well be the place of a text: "input 1 is too long".
    likely = [number for number in named if fewer_than <= number * 8 and number < fewer_than]
    return max(likely, default=None)
