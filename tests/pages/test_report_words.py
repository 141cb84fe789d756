"""An evaluation is worded by what its intervals allow."""

import dataclasses
from typing import Any

import pytest

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import (
    Evaluation,
)
from leaf_ray.core.evaluation.results import Difference, Report
from leaf_ray.pages.report_words import evaluation_verdict, score, verdict
from tests.examples.results import LEAF, REPORT, SEVERAL, SIDES, TEACHER, TRAINED


def with_interval(difference: Difference, low: float, high: float) -> Difference:
    return dataclasses.replace(difference, interval=Interval((low + high) / 2, low, high))


def changed(**fields: Any) -> Report:
    return dataclasses.replace(REPORT, **fields)


def test_a_score_that_was_not_measured_is_a_dash() -> None:
    assert [score(Interval(0.6, 0.55, 0.65)), score(None)] == ["0.600 [0.55, 0.65]", "-"]


def test_the_verdict_says_what_the_leaf_keeps_with_its_interval() -> None:
    assert "The leaf keeps 84.5 % [82.0, 87.1] of the teacher's nDCG@10." in verdict(REPORT)


def test_training_is_praised_only_where_the_interval_excludes_zero() -> None:
    assert (
        "Training improved overlap@10 over the leaf before its first step by "
        "+0.120 [+0.100, +0.140]."
    ) in verdict(REPORT)


@pytest.mark.parametrize(("low", "high"), [(-0.01, 0.3), (0.0, 0.3), (-0.3, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("difference", [TRAINED, SIDES])
def test_nothing_is_claimed_of_an_interval_that_holds_zero(
    difference: Difference, low: float, high: float
) -> None:
    said = verdict(changed(differences=(with_interval(difference, low, high),)))
    assert f"No difference can be claimed in {difference.metric}" in said
    assert not any(word in said for word in ("improved", "worse", "higher", "lower"))


def test_a_loss_is_said_as_plainly_as_a_gain() -> None:
    said = verdict(changed(differences=(with_interval(TRAINED, -0.2, -0.1),)))
    assert "Training made overlap@10 worse than the leaf before its first step" in said
    said = verdict(changed(differences=(with_interval(SIDES, -0.2, -0.1),)))
    assert "nDCG@10 is lower" in said


def test_derived_queries_bring_a_warning_and_overlap_to_the_front() -> None:
    said = verdict(changed(query_form="derived"))
    assert said.startswith("The leaf finds 68.0 % [66.0, 70.0] of the teacher's first ten")
    assert "sanity check" in said
    assert "sanity check" not in verdict(REPORT)


def test_few_queries_bring_a_warning() -> None:
    assert "too small" in verdict(changed(num_queries=29))
    assert "too small" not in verdict(changed(num_queries=30))


def test_a_comparison_that_was_not_made_is_not_mentioned() -> None:
    said = verdict(changed(differences=()))
    assert said == "The leaf keeps 84.5 % [82.0, 87.1] of the teacher's nDCG@10."


def test_nothing_is_said_of_a_leaf_that_was_not_measured() -> None:
    assert "nothing can be claimed" in verdict(changed(rows=(TEACHER,)))
    bare = dataclasses.replace(LEAF, overlap=None, kept=None)
    assert "Neither overlap" in verdict(changed(rows=(bare,), differences=()))


def test_the_verdict_on_several_collections_is_of_their_average() -> None:
    said = evaluation_verdict(SEVERAL)
    assert "Over 2 collections the leaf keeps 85.0 % [80.0, 90.0]" in said
    assert "other queries of these collections" in said


def test_the_verdict_warns_of_a_collection_with_few_queries() -> None:
    assert "has only 20 queries" in evaluation_verdict(SEVERAL)
    enough = dataclasses.replace(SEVERAL, reports=(REPORT, REPORT))
    assert "has only" not in evaluation_verdict(enough)


def test_derived_queries_are_none_of_those_that_are_averaged() -> None:
    derived = dataclasses.replace(REPORT, collection="mine", query_form="derived")
    several = dataclasses.replace(SEVERAL, reports=(derived, *SEVERAL.reports))
    assert several.counted == SEVERAL.reports
    assert Evaluation((derived,)).counted == (derived,)
    assert "Over 2 collections the leaf keeps" in evaluation_verdict(several)
    alone = evaluation_verdict(Evaluation((derived, REPORT)))
    assert f"mine: {verdict(derived)}" in alone
    assert verdict(REPORT) in alone


def test_the_verdict_on_one_collection_is_its_own() -> None:
    assert evaluation_verdict(Evaluation((REPORT,))) == verdict(REPORT)
