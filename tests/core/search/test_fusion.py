import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.search.fusion import MAX_HITS, SMOOTHING, reciprocal_rank_fusion

IDS = st.sampled_from([f"d{number}" for number in range(20)])
RANKINGS = st.lists(st.lists(IDS, unique=True), min_size=1, max_size=3)


def test_a_score_is_the_sum_of_reciprocal_ranks() -> None:
    fused = reciprocal_rank_fusion([["a", "b", "c"], ["b", "d"]])
    assert fused == [
        ("b", 1 / (SMOOTHING + 2) + 1 / (SMOOTHING + 1)),
        ("a", 1 / (SMOOTHING + 1)),
        ("d", 1 / (SMOOTHING + 2)),
        ("c", 1 / (SMOOTHING + 3)),
    ]


def test_of_equal_scores_the_lower_id_comes_first() -> None:
    assert [i for i, _ in reciprocal_rank_fusion([["b", "a"], ["a", "b"]])] == ["a", "b"]
    assert [i for i, _ in reciprocal_rank_fusion([["z"], ["y"], ["x"]])] == ["x", "y", "z"]


def test_one_ranking_stays_as_it_is() -> None:
    ids = [f"d{number}" for number in range(MAX_HITS)][::-1]
    assert [i for i, _ in reciprocal_rank_fusion([ids])] == ids
    assert reciprocal_rank_fusion([[], []]) == []


@settings(deadline=None)
@given(rankings=RANKINGS)
def test_every_id_comes_once_and_scores_fall(rankings: list[list[str]]) -> None:
    fused = reciprocal_rank_fusion(rankings)
    assert sorted(i for i, _ in fused) == sorted({i for ranking in rankings for i in ranking})
    assert fused == sorted(fused, key=lambda found: (-found[1], found[0]))


@settings(deadline=None)
@given(rankings=RANKINGS)
def test_the_order_of_the_rankings_does_not_matter(rankings: list[list[str]]) -> None:
    forward, backward = (dict(reciprocal_rank_fusion(r)) for r in (rankings, rankings[::-1]))
    assert forward == pytest.approx(backward)
