"""Sizes: what each keeps on average, which are worth it, and which there are."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.cost.sizes import Estimate, Sized, chosen, frontier, measure_of, sized, whole
from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import AverageRow, Evaluation
from leaf_ray.errors import ConfigError
from tests.examples.costs import a_report
from tests.examples.results import LEAF, REPORT


def of_bytes(size: int, kept: float) -> Sized:
    return Sized("asymmetric", size, "int8", size, Estimate(kept), Estimate(kept))


def test_ndcg_is_the_measure_where_it_says_something_of_every_collection() -> None:
    derived = dataclasses.replace(REPORT, query_form="derived")
    unjudged = dataclasses.replace(REPORT, rows=(dataclasses.replace(LEAF, kept=None),))
    assert measure_of(Evaluation((REPORT,))) == "nDCG@10"
    for other in (derived, unjudged):
        assert measure_of(Evaluation((other,))) == "overlap@10"


def test_a_single_collection_keeps_its_intervals() -> None:
    report = a_report(0.5, 0.4, 0.3, 0.2)
    cells = sized(Evaluation((report,)))
    assert [found.size for found in cells] == [
        "8 float32", "8 float32", "8 int8", "4 int8", "8 binary",
    ]  # fmt: skip
    reference, whole, *_ = cells
    assert (reference.role, reference.kept) == ("teacher", None)
    assert whole.score == Estimate(0.5, 0.45, 0.55)
    derived = dataclasses.replace(report, query_form="derived")
    overlap = sized(Evaluation((derived,)))
    assert overlap[1].score == overlap[1].kept == Estimate(0.5, 0.45, 0.55)
    assert overlap[0].score is None


def test_several_collections_have_means_and_no_interval_that_nobody_computed() -> None:
    average = Interval(0.45, 0.41, 0.49)
    averages = (
        AverageRow("teacher", Interval(0.6, 0.5, 0.7), None, None),
        AverageRow("asymmetric", average, Interval(0.5, 0.4, 0.6), Interval(0.75, 0.7, 0.8)),
    )
    reports = (a_report(0.5, 0.4, 0.3, 0.2), a_report(0.4, 0.3, 0.2, 0.1))
    cells = {(found.role, found.size): found for found in sized(Evaluation(reports, averages))}
    small = cells["asymmetric", "8 int8"]
    assert small.score is not None and small.score.mean == pytest.approx(0.35)
    assert small.kept is not None and small.kept.mean == pytest.approx(0.35 / 0.6)
    assert small.score.low is small.kept.low is small.kept.high is None
    # What is averaged with an interval is this very size.
    assert cells["asymmetric", "8 float32"].score == Estimate.of(average)
    assert cells["teacher", "8 float32"].kept is None


def test_a_size_that_not_all_collections_have_has_no_mean() -> None:
    some = a_report(0.5, 0.4, 0.3, 0.2)
    fewer = dataclasses.replace(some, grid=some.grid[:3])
    averages = (AverageRow("teacher", Interval(0.6, 0.5, 0.7), None, None),)
    cells = sized(Evaluation((some, fewer), averages))
    assert [found.size for found in cells] == ["8 float32", "8 float32", "8 int8"]


def test_derived_queries_do_not_speak_for_others() -> None:
    report = a_report(0.5, 0.4, 0.3, 0.2)
    derived = dataclasses.replace(a_report(0.1, 0.1, 0.1, 0.1), query_form="derived")
    both, alone = Evaluation((derived, report)), Evaluation((report,))
    assert measure_of(both) == "nDCG@10"
    assert sized(both) == sized(alone)
    assert whole(both) == whole(alone)


def test_collections_without_an_average_have_means_of_overlap() -> None:
    derived = dataclasses.replace(a_report(0.5, 0.4, 0.3, 0.2), query_form="derived")
    found = whole(Evaluation((derived, derived)))
    assert found["asymmetric"] == (Estimate(0.68), Estimate(0.68))
    assert found["teacher"] == (None, None)


POINTS = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20)), min_size=1, max_size=30)


@given(POINTS)
def test_the_frontier_is_what_no_other_beats(points: list[tuple[int, int]]) -> None:
    cells = [of_bytes(size, kept / 20) for size, kept in points]
    best = frontier(cells)
    assert set(best) <= set(cells)

    def is_beaten(one: Sized) -> bool:
        assert one.kept is not None
        return any(
            other.bytes <= one.bytes
            and other.kept is not None
            and other.kept.mean >= one.kept.mean
            and (other.bytes, other.kept) != (one.bytes, one.kept)
            for other in cells
        )

    assert {one for one in cells if not is_beaten(one)} == set(best)
    assert [one.bytes for one in best] == sorted({one.bytes for one in best})


def test_sizes_come_as_they_are_asked_for_and_else_the_frontier_does() -> None:
    cells = [of_bytes(4, 0.9), of_bytes(2, 0.5), of_bytes(8, 0.8)]
    assert chosen(cells, ["8 int8", "4 int8", "8 int8"]) == (cells[2], cells[0])
    assert chosen(cells, []) == (cells[1], cells[0])


def test_an_unknown_size_is_answered_with_those_that_there_are() -> None:
    wanted = r"'3 int8' is not in the grid.*has 4 int8; 2 int8\. .*evaluate\.dimensions"
    with pytest.raises(ConfigError, match=wanted):
        chosen([of_bytes(4, 0.9), of_bytes(2, 0.5)], ["4 int8", "3 int8"])
