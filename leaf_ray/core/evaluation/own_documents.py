"""Queries that are documents of the collection themselves, as in ArguAna and Quora.

Such a query finds itself before anything else, which says nothing of a model. BEIR therefore leaves
the document of the query's own id out of the ranking (`ignore_identical_ids`). Elsewhere queries
and documents may both be numbered from 1, and equal ids mean nothing: the texts tell which it is.

Shapes: Q = queries.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

# Stands for a document's row where there is no document.
NO_ROW = -1
# A shorter text may be part of another by chance.
FEWEST_CHARACTERS = 12


def own_documents(
    query_ids: Sequence[str],
    query_texts: Sequence[str],
    document_ids: Sequence[str],
    document_texts: Sequence[str],
    judgments: Sequence[Mapping[str, int]] | None,
) -> npt.NDArray[np.int64] | None:
    """The row of the document that each query is itself, or None where ids are equal by chance.

    Queries are documents where most of those whose id is a document's have its text too: then all
    whose id is a document's count, as in BEIR, even if a text was edited. Where their own document
    is all that most of them have to find, such as the one whose title is the query, it is the
    answer, and has to be found.

    Args:
        query_ids: of the queries.
        query_texts: of the queries, in the same order.
        document_ids: of the documents.
        document_texts: of the documents, in the same order, with titles joined in front.
        judgments: of each query, grades by document id; None where nothing is judged.

    Returns:
        Rows, int64 [Q], NO_ROW for a query whose id is no document's; or None.

    """
    wanted = set(query_ids)
    rows = {own: row for row, own in enumerate(document_ids) if own in wanted}
    asked = [query for query, own in enumerate(query_ids) if own in rows]
    same = [is_same_text(query_texts[q], document_texts[rows[query_ids[q]]]) for q in asked]
    if not _most(same):
        return None
    if judgments is not None and _most([_relevant(judgments[q]) == {query_ids[q]} for q in asked]):
        return None
    return np.array([rows.get(own, NO_ROW) for own in query_ids], dtype=np.int64)


def _most(answers: Sequence[bool]) -> bool:
    return 2 * sum(answers) > len(answers)


def _relevant(grades: Mapping[str, int]) -> set[str]:
    return {document for document, grade in grades.items() if grade > 0}


def is_same_text(one: str, other: str) -> bool:
    """Whether two texts are one, but for case, punctuation, white space, a title or a cut end."""
    shorter, longer = sorted((_plain(one), _plain(other)), key=len)
    if shorter == longer:
        return True
    # A title stands in front, and the text behind it is whole.
    if shorter and longer.endswith(f" {shorter}"):
        return True
    return len(shorter) >= FEWEST_CHARACTERS and shorter in longer


def _plain(text: str) -> str:
    """The words alone, in one case; for a text without any, all but its white space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded)) or "".join(folded.split())
