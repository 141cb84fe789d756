"""Prices are stated, formulas explained, and numbers written with the digits that count."""

import dataclasses

import pytest

from leaf_ray.core.cost.sizes import Estimate
from leaf_ray.pages.cost.verdict import cost_verdict
from leaf_ray.pages.cost.words import (
    amount,
    formulas,
    how_measured,
    missing_prices,
    share,
    stated_prices,
)
from tests.examples.costs import costed
from tests.examples.timings import TEACHER as TEACHER_TIMED
from tests.examples.timings import TIMINGS


def test_a_price_that_was_assumed_is_called_so_with_the_key_to_set() -> None:
    (what, price, source), stored = stated_prices(costed(hour=None))
    assert (what, price) == ("an hour of AMD EPYC, 2 cores", "0.1")
    assert source == "assumed: 0.05 for each of 2 cores; set cost.machine_per_hour"
    assert stored == ("a GB stored for a month", "0.02", "cost.storage_gb_month")
    assert stated_prices(costed())[0][2] == "cost.machine_per_hour"


def test_an_endpoint_has_formulas_and_prices_of_its_own() -> None:
    asked = dataclasses.replace(TEACHER_TIMED, place="endpoint")
    report = costed(timings=dataclasses.replace(TIMINGS, teacher=asked))
    assert any("tokens" in formula for _, formula in formulas(report))
    assert ("a million tokens at the endpoint", "not set", "cost.tokens_per_million") in (
        stated_prices(report)
    )
    assert any("set cost.tokens_per_million" in line for line in missing_prices(report))
    assert any("leaf's tokenizer" in line for line in how_measured(report))
    assert "Queries by the leaf take 4.0 times less time" in cost_verdict(report)
    assert not any("token" in formula for _, formula in formulas(costed()))


def test_the_bound_of_one_query_after_the_other_is_stated() -> None:
    assert "upper bound" in dict(formulas(costed()))["A million queries"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.0000921, "0.000092"),
        (0.0707, "0.0707"),
        (0.1234, "0.123"),
        (5.234, "5.23"),
        (0.99999, "1.00"),
        (99.9, "99.90"),
        (123.4, "123"),
        (12345.6, "12,346"),
    ],
)
def test_amounts_have_the_digits_that_count(value: float, said: str) -> None:
    assert amount(value) == said


def test_no_interval_is_shown_where_there_is_none() -> None:
    assert share(Estimate(0.845)) == "84.5 %"
    assert share(Estimate(0.845, 0.82, 0.871)) == "84.5 % [82.0, 87.1]"
