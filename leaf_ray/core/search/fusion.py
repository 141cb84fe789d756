"""Rankings of documents in a total order, and several of them made into one by reciprocal rank.

A ranking always has the same length, however many hits are asked for: otherwise the best of ten
could be another document than the best of a hundred.
"""

from collections.abc import Callable, Sequence

import pyarrow as pa

# The most hits that a search gives, and the length of each list that is fused.
MAX_HITS = 1000
# The constant of Cormack, Clarke and Buettcher (SIGIR 2009): how little the first ranks count more.
SMOOTHING = 60
# How far beyond MAX_HITS a ranking is read to find all documents that share its last score.
MOST_TIES = 16


def best_first(find: Callable[[int], pa.Table]) -> pa.Table:
    """Return the MAX_HITS best; of equal scores the lower id comes first.

    find: gives at most so many of the best as `id`, `score` and other columns, in any order.
    """
    limit = MAX_HITS + 1
    while True:
        found = find(limit)
        ranked = found.sort_by([("score", "descending"), ("id", "ascending")])
        last = ranked["score"].slice(MAX_HITS - 1)
        if len(found) < limit or last[0] != last[-1] or limit > MOST_TIES * MAX_HITS:
            return ranked.slice(0, MAX_HITS)
        limit *= 4


def fused(rankings: Sequence[pa.Table]) -> list[tuple[str, float]]:
    """Return ids with their scores, best first: of one ranking, or of several that are fused."""
    ids = [ranking["id"].to_pylist() for ranking in rankings]
    if len(rankings) > 1:
        return reciprocal_rank_fusion(ids)
    return list(zip(ids[0], rankings[0]["score"].to_pylist(), strict=True))


def reciprocal_rank_fusion(rankings: Sequence[Sequence[str]]) -> list[tuple[str, float]]:
    """Return ids with their scores, best first; of equal scores the lower id comes first.

    A score is the sum of 1 / (60 + rank) over the rankings that hold the id; ranks begin at 1.

    rankings: ids, best first, each at most once in a ranking.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, document_id in enumerate(ranking, start=1):
            scores[document_id] = scores.get(document_id, 0.0) + 1 / (SMOOTHING + rank)
    return sorted(scores.items(), key=lambda found: (-found[1], found[0]))
