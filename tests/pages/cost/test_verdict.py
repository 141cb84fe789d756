"""The verdict follows from a cost report's figures, and claims no more than they do."""

import dataclasses

import pytest

from leaf_ray.core.cost.timings import Latency, Machine, Timings
from leaf_ray.core.evaluation.evaluation import Evaluation
from leaf_ray.pages.cost.verdict import advantage, cost_verdict, smallest_alike, verdict_sentences
from leaf_ray.pages.cost.words import (
    missing_prices,
)
from tests.examples.costs import costed, judged
from tests.examples.results import LEAF, TEACHER
from tests.examples.timings import LEAF as LEAF_TIMED
from tests.examples.timings import TIMINGS


def with_leaf_ms(mean_ms: float) -> Timings:
    query = Latency(p50_ms=mean_ms, p99_ms=mean_ms, mean_ms=mean_ms, num_timed=200)
    return dataclasses.replace(TIMINGS, leaf=dataclasses.replace(LEAF_TIMED, query=query))


def test_the_verdict_opens_with_cost_and_what_is_kept_with_its_interval() -> None:
    assert verdict_sentences(costed())[0] == (
        "Queries by the leaf cost 4.0 times less than by the teacher and keep 84.5 % [82.0, 87.1] "
        "of the teacher's nDCG@10."
    )


def test_documents_by_the_leaf_are_a_choice_of_their_own() -> None:
    assert (
        "Documents by the leaf cost 10.0 times less than by the teacher, and with them its queries "
        "keep 80.0 % [75.0, 85.0] of the teacher's nDCG@10."
    ) in cost_verdict(costed())


def test_the_smallest_size_that_keeps_as_much_to_a_point_is_named() -> None:
    report = costed()
    small = smallest_alike(report)
    assert small is not None and small.size == "8 int8"
    assert "Documents stored as 8 int8 take 4.0 times fewer bytes" in cost_verdict(report)
    lossy = dataclasses.replace(judged(), grid=judged().grid[:2])
    assert smallest_alike(costed(Evaluation((lossy,)))) is None


@pytest.mark.parametrize(
    ("mean_ms", "said"),
    [
        (1.0, "cost 32 times less than by"),
        (16.0, "cost 2.0 times less than by"),
        (31.0, "cost about as much as by"),
        (33.0, "cost about as much as by"),
        (64.0, "cost 2.0 times more than by"),
    ],
)
def test_more_is_called_more_and_alike_alike(mean_ms: float, said: str) -> None:
    assert said in cost_verdict(costed(timings=with_leaf_ms(mean_ms)))


@pytest.mark.parametrize("hour", [None, 0.0])
def test_without_a_price_times_are_compared(hour: float | None) -> None:
    gpu = dataclasses.replace(TIMINGS, machine=Machine("x", 16, "NVIDIA H100"))
    report = costed(timings=gpu, hour=hour)
    assert "Queries by the leaf take 4.0 times less time than by the teacher" in cost_verdict(
        report
    )
    assert advantage(report) == pytest.approx(4.0)
    assert [("cost.machine_per_hour" in line) for line in missing_prices(report)] == (
        [True] if hour is None else []
    )


def test_a_teacher_that_cannot_be_asked_is_compared_with_nothing() -> None:
    report = costed(timings=dataclasses.replace(TIMINGS, teacher=None))
    assert cost_verdict(report).startswith(
        "The teacher cannot be asked, and was not timed. Queries by the leaf keep 84.5 %"
    )
    assert "than by the teacher" not in cost_verdict(report)
    assert advantage(report) is None


def test_overlap_is_found_and_not_kept() -> None:
    rows = [dataclasses.replace(row, ndcg=None, kept=None) for row in (TEACHER, LEAF)]
    said = cost_verdict(costed(Evaluation((judged(*rows),))))
    assert "and find 68.0 % [66.0, 70.0] of the teacher's first ten documents" in said
    assert "nDCG" not in said


def test_what_the_figures_do_not_bear_is_said() -> None:
    assert "idle" not in cost_verdict(costed())
    busy = costed(timings=dataclasses.replace(TIMINGS, others=0.41))
    assert "Other work took 41 % of the cores meanwhile" in cost_verdict(busy)
    few = costed(Evaluation((dataclasses.replace(judged(), num_queries=7),)))
    assert "7 queries are too few" in cost_verdict(few)
    derived = costed(Evaluation((dataclasses.replace(judged(), query_form="derived"),)))
    assert "derived from the documents themselves" in cost_verdict(derived)


def test_an_evaluation_without_the_leaf_bears_no_claim() -> None:
    assert "nothing can be claimed" in cost_verdict(costed(Evaluation((judged(TEACHER),))))
