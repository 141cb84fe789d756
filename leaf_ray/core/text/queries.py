"""Queries to train and to test with: how they are derived, and what choices among them go by.

Shapes: Q = queries.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leaf_ray.core.text.ids import Hashes, hashes

_SENTENCE_END = re.compile(r"[.!?]['\")\]]*\s+(?=\S)")
_FEWEST_WORDS = 4
_MOST_WORDS = 40
# A first sentence of 40 words ends well before this many characters.
_SEARCHED = 2_000


@dataclass(frozen=True, slots=True)
class QueryKeys:
    """What is kept of each query in memory, however many there are: 25 bytes.

    folded_Q: a hash of the text without differences of case and white space.
    test_Q, train_Q: hashes of the id, to hold queries out by and to train by.
    answered_Q: whether the document that answers the query is known.
    """

    folded_Q: Hashes
    test_Q: Hashes
    train_Q: Hashes
    answered_Q: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, ids: Sequence[str], texts: Sequence[str], *, answered: bool) -> "QueryKeys":
        """Return the keys of queries that are all answered or all not."""
        return cls(
            hashes([fold(text) for text in texts], purpose="folded"),
            hashes(ids, purpose="held out"),
            hashes(ids, purpose="train"),
            np.full(len(ids), answered),
        )

    @classmethod
    def room_for(cls, number: int) -> "QueryKeys":
        """Return keys to be `put`; memory is taken only as that happens."""
        return cls(
            np.empty(number, dtype=np.uint64),
            np.empty(number, dtype=np.uint64),
            np.empty(number, dtype=np.uint64),
            np.empty(number, dtype=bool),
        )

    def put(self, begin: int, keys: "QueryKeys") -> None:
        """Write keys over those from `begin` on."""
        end = begin + len(keys)
        self.folded_Q[begin:end] = keys.folded_Q
        self.test_Q[begin:end] = keys.test_Q
        self.train_Q[begin:end] = keys.train_Q
        self.answered_Q[begin:end] = keys.answered_Q

    def first(self, number: int) -> "QueryKeys":
        """Return the first keys, which are not copied."""
        return QueryKeys(
            self.folded_Q[:number],
            self.test_Q[:number],
            self.train_Q[:number],
            self.answered_Q[:number],
        )

    def __len__(self) -> int:
        return len(self.folded_Q)


def fold(text: str) -> str:
    """Return `text` without differences of case and white space."""
    return " ".join(text.casefold().split())


def query_id(document_id: str) -> str:
    """Return the id of the query that a document answers."""
    return f"query:{document_id}"


def first_sentence(text: str) -> str | None:
    """Return the first sentence on one line, if it has 4 to 40 words and others follow it."""
    end = _SENTENCE_END.search(text[:_SEARCHED])
    if end is None:
        return None
    words = text[: end.end()].split()
    return " ".join(words) if _FEWEST_WORDS <= len(words) <= _MOST_WORDS else None
