"""Costs are hours at a price or tokens at a price, and unknown where nobody said the price."""

import dataclasses

import pytest

from leaf_ray.core.cost.prices import million_documents, million_queries, million_stored
from tests.examples.costs import GPU, prices
from tests.examples.timings import LEAF, TEACHER

ASKED = dataclasses.replace(TEACHER, place="endpoint")


def test_a_core_has_a_price_that_is_assumed_and_a_gpu_has_none() -> None:
    assert (prices().machine_per_hour, prices().machine_is_assumed) == (0.1, True)
    assert (prices(GPU).machine_per_hour, prices(GPU).machine_is_assumed) == (None, False)
    said = prices(GPU, hour=2.5)
    assert (said.machine_per_hour, said.machine_is_assumed) == (2.5, False)


def test_queries_cost_the_hours_that_they_take_one_after_the_other() -> None:
    # 8 ms a query are 8,000 seconds a million.
    assert million_queries(LEAF, prices(hour=0.9)) == pytest.approx(8000 / 3600 * 0.9)


def test_documents_cost_the_hours_that_they_take_many_at_once() -> None:
    # 100 a second are 10,000 seconds a million.
    assert million_documents(LEAF, prices(hour=0.36)) == pytest.approx(1.0)


def test_an_endpoint_costs_its_tokens_whatever_time_it_takes() -> None:
    asked = prices(hour=99, tokens=0.13)
    assert million_queries(ASKED, asked) == pytest.approx(20 * 0.13)
    assert million_documents(ASKED, asked) == pytest.approx(150 * 0.13)


def test_without_a_price_or_a_time_there_is_no_cost() -> None:
    assert million_queries(ASKED, prices(hour=1)) is None
    assert million_documents(LEAF, prices(GPU)) is None
    assert million_queries(None, prices()) is million_documents(None, prices()) is None


def test_what_costs_nothing_costs_zero_and_not_nothing_known() -> None:
    assert million_queries(LEAF, prices(hour=0)) == 0


def test_a_million_vectors_of_a_kilobyte_are_a_gigabyte() -> None:
    assert million_stored(1000, prices()) == pytest.approx(0.02)
    assert million_stored(4000, prices()) == pytest.approx(4 * million_stored(1000, prices()))
