"""Which texts to train with, which queries to test with, and which documents answer those.

All choices go by a hash of ids: the same corpus is split the same way everywhere, and rows that
are added later move few others. They are made on hashes alone, 8 bytes for a document and 25 for
a query, so that a corpus may be larger than memory. Two keys that share a 64-bit hash by chance
can at worst cost a query its place; that happens to one corpus in thousands of 10^8 rows each.

Shapes: N = documents, Q = queries.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from leaf_ray.core.text.ids import Hashes
from leaf_ray.core.text.queries import QueryKeys
from leaf_ray.errors import InputError

QueryOrigin = Literal["judged", "given", "derived", "none"]
"""Where queries come from: judgments, the source's own rows and column, or first sentences.

none: nowhere, since no test queries are wanted and the source has no queries.
"""
Mask = npt.NDArray[np.bool_]

_BLOCK = 1 << 18


def choose_test_queries(
    queries: QueryKeys, *, wanted: int | None, num_documents: int | None
) -> Mask:
    """Return the test queries of a corpus without judgments.

    They are unique, and taken from those that documents answer if there are such: `wanted` of
    them, or a fifth of those that there are where these are fewer; and no more than
    `num_documents`, since the document that answers each is kept. None stands for all of them, and
    for no limit.

    Raises InputError when no query can be one.
    """
    from_documents = bool(queries.answered_Q.any())
    pool_Q = queries.answered_Q if from_documents else np.ones(len(queries), dtype=bool)
    unique_Q = pool_Q & ~is_in(queries.folded_Q, repeated(queries.folded_Q))
    num_unique = int(unique_Q.sum())
    if not num_unique:
        raise InputError(
            f"{num_unique} of {int(pool_Q.sum())} queries are unique and {wanted or 'all'} are "
            "wanted to test with; at least one is needed: give judgments, a column `query`, rows "
            "of kind 'query', or texts of more than one sentence; or set texts.num_test_queries to "
            "0 for a run that only embeds"
        )
    if wanted is None:
        number = num_unique
    else:
        number = wanted if wanted <= num_unique else max(1, num_unique // 5)
    if num_documents is not None and from_documents:
        number = min(number, num_documents)
    return smallest(queries.test_Q, number, among=unique_Q)


def train_queries(
    queries: QueryKeys, is_test_Q: Mask, is_other_Q: Mask, *, limit: int | None
) -> Mask:
    """Return which of the other queries to train with: distinct ones, none equal to a test one.

    Of queries that differ in case and white space only, the first by hash stands for all.
    """
    folded_Q = queries.folded_Q
    distinct_Q = is_other_Q & ~is_in(folded_Q, np.unique(folded_Q[is_test_Q]))
    rows = np.flatnonzero(distinct_Q)
    rows = rows[is_in(folded_Q[rows], repeated(folded_Q[rows]))]
    rows = rows[np.lexsort((queries.train_Q[rows], folded_Q[rows]))]
    is_later = np.append(False, folded_Q[rows[1:]] == folded_Q[rows[:-1]])[: len(rows)]
    distinct_Q[rows[is_later]] = False
    return distinct_Q if limit is None else smallest(queries.train_Q, limit, among=distinct_Q)


def choose_documents(order_N: Hashes, is_needed_N: Mask, *, num_documents: int | None) -> Mask:
    """Return the needed documents and others up to `num_documents`; None stands for all."""
    if num_documents is None or num_documents >= len(order_N):
        return np.ones(len(order_N), dtype=bool)
    free = max(0, num_documents - int(is_needed_N.sum()))
    return is_needed_N | smallest(order_N, free, among=~is_needed_N)


def smallest(order: Hashes, number: int, *, among: Mask) -> Mask:
    """Return the mask of the `number` smallest entries among those marked, or of all of them."""
    rows = np.flatnonzero(among)
    if number < len(rows):
        rows = rows[np.argpartition(order[rows], number - 1)[:number]] if number else rows[:0]
    mask = np.zeros(len(order), dtype=bool)
    mask[rows] = True
    return mask


def is_in(keys: Hashes, among: Hashes) -> Mask:
    """Return which keys are among others, which are sorted; with little memory beside the mask."""
    mask = np.zeros(len(keys), dtype=bool)
    for begin in range(0, len(keys) if len(among) else 0, _BLOCK):
        block = keys[begin : begin + _BLOCK]
        places = np.minimum(np.searchsorted(among, block), len(among) - 1)
        mask[begin : begin + _BLOCK] = among[places] == block
    return mask


def repeated(keys: Hashes) -> Hashes:
    """Return the values that occur more than once, sorted."""
    ordered = np.sort(keys)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
