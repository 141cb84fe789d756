"""Order is kept, not too much is begun, and nothing is left running."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from leaf_ray.core.encoding.ahead import map_ahead


@pytest.mark.parametrize("ahead", [0, 1, 3, 50])
@pytest.mark.parametrize("number", [0, 1, 2, 20])
def test_results_come_in_the_order_of_the_items(ahead: int, number: int) -> None:
    gates = [threading.Event() for _ in range(number)]
    # Later items end first, wherever two are at work at once.
    for gate in reversed(gates):
        threading.Timer(0.001, gate.set).start()

    def wait_for(item: int) -> int:
        gates[item].wait(5)
        return item * item

    with ThreadPoolExecutor(4) as pool:
        got = list(map_ahead(pool, wait_for, range(number), ahead=ahead))
    assert got == [item * item for item in range(number)]


def test_no_more_is_begun_than_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(10):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(4) as pool:
        results = map_ahead(pool, lambda item: item, items(), ahead=3)
        assert next(results) == 0
        assert taken == [0, 1, 2, 3]
        assert next(results) == 1
        assert taken == [0, 1, 2, 3, 4]
        results.close()


def test_an_error_comes_in_its_place_and_ends_the_rest() -> None:
    done: list[int] = []

    def fail_at_two(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        done.append(item)
        return item

    with ThreadPoolExecutor(1) as pool:
        results = map_ahead(pool, fail_at_two, range(100), ahead=5)
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="two"):
            next(results)
        begun = list(done)
        pool.submit(int).result()
        assert done == begun, "nothing runs on after the error"
    assert len(done) < 10


def test_who_stops_early_waits_for_what_is_at_work_only() -> None:
    release, at_work = threading.Event(), threading.Event()
    done: list[int] = []

    def slow(item: int) -> int:
        if item > 0:
            at_work.set()
            release.wait(5)
        done.append(item)
        return item

    with ThreadPoolExecutor(1) as pool:
        results = map_ahead(pool, slow, range(100), ahead=10)
        assert next(results) == 0
        at_work.wait(5)
        threading.Timer(0.05, release.set).start()
        results.close()
        assert done == [0, 1]
