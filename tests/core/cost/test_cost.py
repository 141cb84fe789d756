"""A cost report puts each row's quality, time and price together, and mixes up none of them."""

import dataclasses

import pytest

from leaf_ray.core.cost.sizes import Estimate
from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import AverageRow, Evaluation
from leaf_ray.core.evaluation.results import Role
from leaf_ray.errors import ConfigError
from tests.examples.costs import OWN, costed, judged
from tests.examples.results import LEAF, REPORT, TEACHER
from tests.examples.timings import TIMINGS


def test_queries_and_documents_are_priced_by_the_model_that_encodes_them() -> None:
    rows = {row.role: (row.queries, row.documents) for row in costed().rows}
    teacher, leaf = pytest.approx((3.2, 10.0)), pytest.approx((0.8, 1.0))
    assert rows["teacher"] == teacher
    assert rows["symmetric"] == leaf
    assert rows["asymmetric"] == pytest.approx((0.8, 10.0))


def test_baselines_have_no_price() -> None:
    assert [row.role for row in costed().rows] == ["teacher", "asymmetric", "symmetric"]


def test_a_row_has_whole_vectors_and_the_quality_of_the_evaluation() -> None:
    row = costed().row("asymmetric")
    assert row is not None
    assert row.bytes == 32
    assert row.score == Estimate(0.6, 0.55, 0.65)
    assert row.kept == Estimate(0.845, 0.82, 0.871)
    assert row.stored == pytest.approx(32e6 / 1e9 * 0.02)


def test_a_teacher_that_was_not_timed_leaves_what_it_encodes_without_a_cost() -> None:
    alone = costed(timings=dataclasses.replace(TIMINGS, teacher=None))
    known: dict[Role, tuple[bool, bool]] = {
        row.role: (row.queries is not None, row.documents is not None) for row in alone.rows
    }
    assert known == {
        "teacher": (False, False),
        "asymmetric": (True, False),
        "symmetric": (True, True),
    }


def test_where_nothing_is_judged_overlap_is_the_quality() -> None:
    rows = [dataclasses.replace(row, ndcg=None, kept=None) for row in (TEACHER, LEAF, OWN)]
    report = costed(Evaluation((judged(*rows),)))
    assert report.measure == "overlap@10"
    teacher, leaf = report.row("teacher"), report.row("asymmetric")
    assert teacher is not None and teacher.score is None
    assert leaf is not None and leaf.score == leaf.kept == Estimate(0.68, 0.66, 0.7)


def test_several_collections_count_by_their_average() -> None:
    averages = (
        AverageRow("teacher", Interval(0.7, 0.6, 0.8), None, None),
        AverageRow("asymmetric", Interval(0.5, 0.4, 0.6), None, Interval(0.7, 0.6, 0.8)),
    )
    report = costed(Evaluation((judged(), judged()), averages))
    leaf = report.row("asymmetric")
    assert leaf is not None and leaf.kept == Estimate(0.7, 0.6, 0.8)
    assert report.row("symmetric") is None, "a role without an average has no figure"
    assert (report.subject, report.num_queries) == ("2 collections", 700)


def test_sizes_are_those_of_both_of_the_leafs_roles() -> None:
    report = costed(sizes=("8 int8", "8 binary"))
    assert [(found.role, found.size) for found in report.sizes] == [
        ("asymmetric", "8 int8"),
        ("asymmetric", "8 binary"),
        ("symmetric", "8 int8"),
    ]
    with pytest.raises(ConfigError, match="7 int8"):
        costed(sizes=("7 int8",))


def test_few_queries_are_known_as_such() -> None:
    few = dataclasses.replace(judged(), num_queries=29)
    assert costed(Evaluation((few,))).is_few
    assert not costed().is_few
    assert REPORT.num_queries >= 30
