"""A report keeps what it was given, and claims no more than its intervals allow."""

import dataclasses
import json
from typing import Any

import pytest

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.results import (
    Difference,
    Report,
    from_json,
    score,
    to_json,
    verdict,
)
from leaf_ray.errors import InputError
from tests.examples.results import LEAF, REPORT, SIDES, TEACHER, TRAINED


def with_interval(difference: Difference, low: float, high: float) -> Difference:
    return dataclasses.replace(difference, interval=Interval((low + high) / 2, low, high))


def changed(**fields: Any) -> Report:
    return dataclasses.replace(REPORT, **fields)


def test_a_report_survives_json() -> None:
    assert from_json(json.loads(json.dumps(to_json(REPORT)))) == REPORT


def test_json_of_a_report_is_the_same_before_and_after_text() -> None:
    assert json.loads(json.dumps(to_json(REPORT))) == to_json(REPORT)


@pytest.mark.parametrize(
    "damage",
    [
        lambda fields: fields.pop("space"),
        lambda fields: fields.update(extra=1),
        lambda fields: fields.update(rows=3),
        lambda fields: fields.update(query_form="guessed"),
        lambda fields: fields["rows"][0].update(role="friend"),
        lambda fields: fields["rows"][0].pop("ndcg"),
        lambda fields: fields["differences"][0].update(metric="BLEU"),
        lambda fields: fields["grid"][0].update(stored="int4"),
        lambda fields: fields["differences"][0]["interval"].pop("low"),
    ],
)
def test_a_damaged_report_is_refused(damage: Any) -> None:
    fields = to_json(REPORT)
    damage(fields)
    with pytest.raises(InputError, match=r"report .*run `leaf evaluate` again"):
        from_json(fields)


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
