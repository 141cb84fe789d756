"""Encoders together use every core or card once, and leave CPUs for the tasks around them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.encoding.pool import Pool, plan_pool

COUNTS = st.integers(1, 40)
SOME = st.one_of(st.none(), COUNTS)


def a_pool(**changes: Any) -> Pool:
    asked: dict[str, Any] = {
        "actors": None,
        "max_actors": None,
        "nodes": 1,
        "cores_per_node": 8,
        "gpus": 0,
        "waits": False,
    }
    return plan_pool(**{**asked, **changes})


@given(SOME, SOME, COUNTS, COUNTS)
def test_threads_of_a_node_are_never_more_than_its_cores_unless_actors_are(
    actors: int | None, max_actors: int | None, nodes: int, cores: int
) -> None:
    largest = max_actors if max_actors is None else max(max_actors, actors or 1)
    pool = a_pool(actors=actors, max_actors=largest, nodes=nodes, cores_per_node=cores)
    per_node = -(-pool.largest // nodes)
    assert pool.threads >= 1
    assert per_node * pool.threads <= cores or pool.threads == 1
    # No core is left idle that one more thread for each would use.
    assert per_node * (pool.threads + 1) > cores


@given(actors=SOME, nodes=COUNTS, cores=COUNTS, gpus=st.integers(0, 9))
def test_encoders_leave_half_a_cpu_of_every_node_to_tasks_however_many_they_are(
    *, actors: int | None, nodes: int, cores: int, gpus: int
) -> None:
    pool = a_pool(actors=actors, nodes=nodes, cores_per_node=cores, gpus=gpus)
    per_node = -(-pool.largest // nodes)
    assert pool.cpus > 0
    assert cores - per_node * pool.cpus >= 0.5 - 1e-9


@given(COUNTS, COUNTS)
def test_on_large_nodes_a_tenth_is_left_to_tasks(nodes: int, cores: int) -> None:
    pool = a_pool(nodes=nodes, cores_per_node=cores + 5)
    assert pool.cpus == pytest.approx(0.9 * (cores + 5))
    assert pool.gpus == 0


@given(COUNTS, COUNTS)
def test_there_is_one_encoder_per_card_however_many_nodes(gpus: int, nodes: int) -> None:
    pool = a_pool(gpus=gpus, nodes=nodes)
    assert (pool.smallest, pool.largest, pool.gpus, pool.threads) == (gpus, gpus, 1, 0)
    assert pool.cpus < 1


@given(COUNTS)
def test_without_cards_there_is_one_encoder_per_node_with_all_its_cores(nodes: int) -> None:
    pool = a_pool(nodes=nodes, cores_per_node=6)
    assert (pool.smallest, pool.largest, pool.threads) == (nodes, nodes, 6)


@given(max_actors=COUNTS, nodes=COUNTS, waits=st.booleans(), gpus=st.integers(0, 9))
def test_no_more_encoders_start_than_max_actors_allows(
    *, max_actors: int, nodes: int, waits: bool, gpus: int
) -> None:
    pool = a_pool(max_actors=max_actors, nodes=nodes, waits=waits, gpus=gpus)
    assert 1 <= pool.smallest <= pool.largest == max_actors


@given(COUNTS, SOME)
def test_the_number_that_is_asked_for_is_started(actors: int, more: int | None) -> None:
    max_actors = None if more is None else actors + more
    pool = a_pool(actors=actors, max_actors=max_actors)
    assert (pool.smallest, pool.largest) == (actors, max_actors or actors)


@pytest.mark.parametrize("gpus", [0, 4])
def test_who_waits_for_an_endpoint_is_one_and_takes_neither_cores_nor_cards(gpus: int) -> None:
    pool = a_pool(waits=True, nodes=3, gpus=gpus)
    assert (pool.smallest, pool.largest, pool.threads, pool.gpus) == (1, 1, 1, 0)
    assert pool.cpus <= 0.1
