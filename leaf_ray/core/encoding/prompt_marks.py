"""Token ids with marks on the tokens of a prompt, for models that leave it out of pooling.

Queries and documents, whose prompts are of different lengths, share batches. A mark that is part of
the id goes with its token through all of them.

A marked id is the complement of the id, which is negative; the complement of that is the id.
"""

from collections.abc import Sequence


def marked(ids: Sequence[int], number: int) -> list[int]:
    """The ids of one text, the first `number` of them marked."""
    return [*(~token for token in ids[:number]), *ids[number:]]


def without_marks(ids: Sequence[int]) -> list[int]:
    """The ids of one text as the model knows them."""
    return [~token if token < 0 else token for token in ids]
