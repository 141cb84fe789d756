"""Several rankings of documents made into one, by reciprocal rank.

A list that is fused always has the same length, however many hits are asked for: otherwise the
best of ten could be another document than the best of a hundred.
"""

from collections.abc import Sequence

# The most hits that a search gives, and the length of each list that is fused.
MAX_HITS = 1000
# The constant of Cormack, Clarke and Buettcher (SIGIR 2009): how little the first ranks count more.
SMOOTHING = 60


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
