"""Windows over a long text's tokens, so that a model reads all of it in several pieces."""

from collections.abc import Sequence

# Columns of a window: the text that it is of, and its range of characters there.
PARENT, BEGIN, END = "parent_id", "begin", "end"
WINDOW_COLUMNS = (PARENT, BEGIN, END)


def token_windows(words: Sequence[int | None], *, size: int, overlap: int) -> list[tuple[int, int]]:
    """Return half-open ranges of tokens that together cover all of them.

    A window has at most `size` tokens, and shares about `overlap` with the one before. It begins
    and ends between words where that is possible, so that its text alone has the same tokens.

    words: for each token the word that it belongs to, as tokenizers count them.

    Raises:
        ValueError: not 0 <= overlap < size.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap {overlap} is not in [0, {size}), the window's size")
    windows: list[tuple[int, int]] = []
    start, end, number = 0, 0, len(words)
    while True:
        # After the last end and not only the start: every window has to add something.
        end = _word_start(words, min(start + size, number), after=end)
        windows.append((start, end))
        if end >= number:
            return windows
        start = max(start + 1, _word_start(words, max(end - overlap, start + 1), after=start))


def _word_start(words: Sequence[int | None], token: int, *, after: int) -> int:
    """The last place up to `token` where a word begins, or `token` if none is behind `after`."""
    if token >= len(words):
        return len(words)
    begin = token
    while begin > after and words[begin] is not None and words[begin] == words[begin - 1]:
        begin -= 1
    return begin if begin > after else token
