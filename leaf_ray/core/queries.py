"""Queries to train and to test with: given by rows, or derived from their texts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from leaf_ray.core.texts import normalise

_SENTENCE_END = re.compile(r"[.!?]['\")\]]*\s+(?=\S)")
_FEWEST_WORDS = 4
_MOST_WORDS = 40
# A first sentence of 40 words ends well before this many characters.
_SEARCHED = 2_000


@dataclass(frozen=True, slots=True)
class Query:
    """A query, and the id of the document that answers it where that is known."""

    id: str
    text: str
    answer: str | None

    @property
    def folded(self) -> str:
        """The text as it is compared: without case and with single spaces."""
        return fold(self.text)


def fold(text: str) -> str:
    """Return `text` without differences of case and white space."""
    return " ".join(text.casefold().split())


def stated_queries(queries: pa.Table) -> list[Query]:
    """Return the rows of kind query (id, text) as queries whose answers are unknown."""
    rows = zip(queries["id"].to_pylist(), queries["text"].to_pylist(), strict=True)
    return [Query(identifier, text, None) for identifier, text in rows]


def given_queries(documents: pa.Table) -> list[Query]:
    """Return the queries in column `query` of `documents`, each answered by its row."""
    if "query" not in documents.column_names:
        return []
    return list(_answered(documents["id"].to_pylist(), documents["query"].to_pylist()))


def derived_queries(documents: pa.Table) -> list[Query]:
    """Return the first sentence of each text that has one fit for a query, answered by its row."""
    sentences = [first_sentence(text) for text in documents["text"].to_pylist()]
    return list(_answered(documents["id"].to_pylist(), sentences))


def first_sentence(text: str) -> str | None:
    """Return the first sentence on one line, if it has 4 to 40 words and others follow it."""
    end = _SENTENCE_END.search(text[:_SEARCHED])
    if end is None:
        return None
    words = text[: end.end()].split()
    return " ".join(words) if _FEWEST_WORDS <= len(words) <= _MOST_WORDS else None


def _answered(ids: list[str], texts: list[str | None]) -> Iterator[Query]:
    for identifier, text in zip(ids, texts, strict=True):
        normalised = normalise(text or "")
        if normalised:
            yield Query(f"query:{identifier}", normalised, identifier)
