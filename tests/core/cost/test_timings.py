"""What was timed is told by its quantiles and survives a file."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from leaf_ray.core.cost.timings import (
    Latency,
    Machine,
    Timings,
    timings_from_json,
    timings_to_json,
)
from leaf_ray.errors import InputError
from tests.examples.timings import LEAF, TIMINGS


def test_quantiles_are_of_single_queries_and_the_mean_is_of_all() -> None:
    seconds = [0.001] * 98 + [0.101, 0.101]
    latency = Latency.of(seconds)
    assert latency.p50_ms == pytest.approx(1.0)
    assert latency.p99_ms == pytest.approx(101.0)
    assert latency.mean_ms == pytest.approx(3.0)
    assert latency.num_timed == 100


def test_no_query_has_no_latency() -> None:
    with pytest.raises(InputError, match="no query was timed"):
        Latency.of([])


@pytest.mark.parametrize(
    "timings",
    [TIMINGS, Timings(Machine("x", 1, "a GPU"), "a", None, LEAF, None, 0.0)],
)
def test_timings_survive_json(timings: Timings) -> None:
    assert timings_from_json(json.loads(json.dumps(timings_to_json(timings)))) == timings


@pytest.mark.parametrize(
    "damage",
    [
        lambda fields: fields.pop("machine"),
        lambda fields: fields.update(extra=1),
        lambda fields: fields.update(leaf=None),
        lambda fields: fields["leaf"].pop("query"),
        lambda fields: fields["leaf"]["documents"].update(extra=1),
    ],
)
def test_what_is_no_timings_is_refused(damage: Callable[[dict[str, Any]], Any]) -> None:
    fields = timings_to_json(TIMINGS)
    damage(fields)
    with pytest.raises(InputError, match="run `leaf cost FILE --again`"):
        timings_from_json(fields)


def test_a_machine_is_named_with_its_cores_and_gpu() -> None:
    assert str(Machine("AMD EPYC", 2)) == "AMD EPYC, 2 cores"
    assert str(Machine("arm", 1, "NVIDIA H100")) == "arm, 1 core, NVIDIA H100"
