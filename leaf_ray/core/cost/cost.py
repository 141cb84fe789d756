"""What a teacher and its leaf cost, beside what they find: the figures of one report."""

from dataclasses import dataclass

from leaf_ray.core.cost.prices import Prices, million_documents, million_queries, million_stored
from leaf_ray.core.cost.sizes import (
    PRICED_ROLES,
    Estimate,
    Found,
    Measure,
    Sized,
    chosen,
    frontier,
    measure_of,
    sized,
    whole,
)
from leaf_ray.core.cost.timings import Timed, Timings
from leaf_ray.core.evaluation.evaluation import Evaluation
from leaf_ray.core.evaluation.results import FEW_QUERIES, Role
from leaf_ray.core.search.stored import bytes_per_vector


@dataclass(frozen=True, slots=True)
class CostRow:
    """One pair of encoders with whole float32 vectors; costs are of a million, None if unknown.

    score, kept: as in Sized. queries: encoding them one after the other. documents: encoding them
    many at once. stored: a month of their vectors.
    """

    role: Role
    bytes: int
    score: Estimate | None
    kept: Estimate | None
    queries: float | None
    documents: float | None
    stored: float


@dataclass(frozen=True, slots=True)
class CostReport:
    """All that the page shows.

    subject: what was evaluated on, of the collections that count. cells: every size of the grid.
    sizes: those that are shown, of the leaf with the teacher's documents and with its own.
    """

    subject: str
    num_collections: int
    num_queries: int
    fewest_queries: int
    teacher: str
    leaf: str
    space: str
    is_derived: bool
    measure: Measure
    rows: tuple[CostRow, ...]
    sizes: tuple[Sized, ...]
    cells: tuple[Sized, ...]
    timings: Timings
    prices: Prices

    def row(self, role: Role) -> CostRow | None:
        """A role's row; None where it was not evaluated."""
        return next((row for row in self.rows if row.role == role), None)

    def frontier(self, role: Role) -> tuple[Sized, ...]:
        """The sizes of a role that no other of its sizes beats."""
        return frontier([cell for cell in self.cells if cell.role == role])

    @property
    def is_few(self) -> bool:
        """Whether a collection has too few queries for its intervals to be relied on."""
        return self.fewest_queries < FEW_QUERIES


def cost_report(
    evaluation: Evaluation,
    timings: Timings,
    prices: Prices,
    *,
    dimension: int,
    sizes: tuple[str, ...] = (),
) -> CostReport:
    """Put quality, time and prices together.

    dimension: of whole vectors. sizes: to show, such as "256 int8"; none: those that no other
        beats.

    Raises:
        ConfigError: a size is not in the evaluation's grid; lists what there is.
    """
    reports, found = evaluation.counted, whole(evaluation)
    size = bytes_per_vector(dimension, "float32")
    return CostReport(
        subject=reports[0].collection if len(reports) == 1 else f"{len(reports)} collections",
        num_collections=len(reports),
        num_queries=sum(report.num_queries for report in reports),
        teacher=reports[0].teacher,
        leaf=reports[0].leaf,
        space=reports[0].space,
        fewest_queries=min(report.num_queries for report in reports),
        is_derived=any(report.query_form == "derived" for report in reports),
        measure=measure_of(evaluation),
        rows=tuple(
            _row(role, found[role], timings, prices, size) for role in PRICED_ROLES if role in found
        ),
        sizes=chosen_sizes(evaluation, sizes),
        cells=sized(evaluation),
        timings=timings,
        prices=prices,
    )


def _row(role: Role, found: Found, timings: Timings, prices: Prices, size: int) -> CostRow:
    score, kept = found
    return CostRow(
        role=role,
        bytes=size,
        score=score,
        kept=kept,
        queries=million_queries(queries_by(role, timings), prices),
        documents=million_documents(documents_by(role, timings), prices),
        stored=million_stored(size, prices),
    )


def queries_by(role: Role, timings: Timings) -> Timed | None:
    """The model that encodes a role's queries; None where it was not timed."""
    return timings.teacher if role == "teacher" else timings.leaf


def documents_by(role: Role, timings: Timings) -> Timed | None:
    """The model that encodes a role's documents; None where it was not timed."""
    return timings.leaf if role == "symmetric" else timings.teacher


def chosen_sizes(evaluation: Evaluation, sizes: tuple[str, ...]) -> tuple[Sized, ...]:
    """The sizes to show: chosen by the leaf with the teacher's documents, with both roles of each.

    Raises:
        ConfigError: one is not in the evaluation's grid; lists what there is.
    """
    cells = sized(evaluation)
    shown = chosen([cell for cell in cells if cell.role == "asymmetric"], sizes)
    wanted = [cell.size for cell in shown]
    own = {cell.size: cell for cell in cells if cell.role == "symmetric"}
    return (*shown, *(own[size] for size in wanted if size in own))
