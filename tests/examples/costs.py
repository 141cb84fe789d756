"""What a teacher and a leaf cost, made up."""

import dataclasses

from leaf_ray.core.cost.cost import CostReport, cost_report
from leaf_ray.core.cost.prices import Prices
from leaf_ray.core.cost.timings import Machine, Timings
from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import Evaluation
from leaf_ray.core.evaluation.results import Cell, Report, Role, Row
from leaf_ray.core.search.stored import Stored
from tests.examples.results import LEAF, REPORT, TEACHER
from tests.examples.timings import TIMINGS


def cell(role: Role, d: int, stored: Stored, size: int, ndcg: float | None) -> Cell:
    kept = None if ndcg is None else Interval(ndcg / 0.6, ndcg / 0.6 - 0.1, ndcg / 0.6 + 0.1)
    return Cell(
        role,
        d,
        stored,
        size,
        None if ndcg is None else Interval(ndcg, ndcg - 0.05, ndcg + 0.05),
        Interval(0.5, 0.45, 0.55),
        kept,
    )


def a_report(*ndcg: float) -> Report:
    """Of 8 dimensions, whose asymmetric cells take 32, 8, 4 and 1 bytes."""
    reference = Cell("teacher", 8, "float32", 32, Interval(0.6, 0.5, 0.7), None, None)
    sizes: list[tuple[int, Stored, int]] = [
        (8, "float32", 32), (8, "int8", 8), (4, "int8", 4), (8, "binary", 1),
    ]  # fmt: skip
    leaf = [cell("asymmetric", *size, n) for size, n in zip(sizes, ndcg, strict=True)]
    return dataclasses.replace(REPORT, grid=(reference, *leaf))


CPU, GPU = Machine("AMD EPYC", 2), Machine("AMD EPYC", 16, "NVIDIA H100")


def prices(
    machine: Machine = CPU, *, hour: float | None = None, tokens: float | None = None
) -> Prices:
    return Prices.on(
        machine,
        currency="USD",
        machine_per_hour=hour,
        storage_gb_month=0.02,
        tokens_per_million=tokens,
    )


OWN = dataclasses.replace(
    LEAF, role="symmetric", ndcg=Interval(0.48, 0.4, 0.5), kept=Interval(0.8, 0.75, 0.85)
)


BASELINE = dataclasses.replace(LEAF, role="baseline")


def judged(*rows: Row) -> Report:
    """A collection with a grid in which 8 int8 keeps all but a little."""
    report = a_report(0.51, 0.505, 0.3, 0.2)
    own = cell("symmetric", 8, "int8", 8, 0.45)
    return dataclasses.replace(
        report, rows=rows or (TEACHER, LEAF, OWN, BASELINE), grid=(*report.grid, own)
    )


def costed(
    evaluation: Evaluation | None = None,
    timings: Timings = TIMINGS,
    *,
    hour: float | None = 0.36,
    sizes: tuple[str, ...] = (),
) -> CostReport:
    return cost_report(
        evaluation or Evaluation((judged(),)),
        timings,
        prices(timings.machine, hour=hour),
        dimension=8,
        sizes=sizes,
    )
