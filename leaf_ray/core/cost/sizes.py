"""Sizes that vectors can be stored in, and what each keeps: the grid as one list to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import AverageRow, Evaluation
from leaf_ray.core.evaluation.results import Cell, Role, Row
from leaf_ray.core.search.stored import Stored
from leaf_ray.errors import ConfigError

Measure = Literal["nDCG@10", "overlap@10"]

# Who stands on each side is worth a price; baselines are not.
PRICED_ROLES: tuple[Role, ...] = ("teacher", "asymmetric", "symmetric")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, with the ends of its 95 % interval where there is one."""

    mean: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, interval: Interval | None) -> "Estimate | None":
        """With the interval's ends."""
        if interval is None:
            return None
        return cls(interval.mean, interval.low, interval.high)


Found = tuple[Estimate | None, Estimate | None]
"""Score and share of the teacher's, as in Sized."""


@dataclass(frozen=True, slots=True)
class Sized:
    """A role with documents stored in one size.

    score: by the measure, None for the reference where that is overlap with itself. kept: share
    of the teacher's nDCG@10, or of its first ten documents; None for the reference.
    """

    role: Role
    dimensions: int
    stored: Stored
    bytes: int
    score: Estimate | None
    kept: Estimate | None

    @property
    def size(self) -> str:
        """The size as run files spell it, such as `256 int8`."""
        return f"{self.dimensions} {self.stored}"


def measure_of(evaluation: Evaluation) -> Measure:
    """nDCG@10 where it says something of every collection, else overlap with the teacher.

    Of queries that were derived from the documents themselves nDCG is a sanity check only.
    """
    for report in evaluation.counted:
        leaf = next((row for row in report.rows if row.role == "asymmetric"), None)
        if report.query_form == "derived" or leaf is None or leaf.kept is None:
            return "overlap@10"
    return "nDCG@10"


def whole(evaluation: Evaluation) -> dict[Role, Found]:
    """What each role finds with whole vectors; the first row of a role speaks for it.

    Of several collections the average, or where there is none the mean without an interval.
    """
    measure, reports = measure_of(evaluation), evaluation.counted
    if len(reports) > 1 and evaluation.average:
        return {row.role: _found(row, measure) for row in evaluation.average}
    by_role: dict[Role, list[Row]] = {}
    for report in reports:
        for row in {row.role: row for row in reversed(report.rows)}.values():
            by_role.setdefault(row.role, []).append(row)
    common = {role: rows for role, rows in by_role.items() if len(rows) == len(reports)}
    if len(reports) == 1:
        return {role: _found(rows[0], measure) for role, rows in common.items()}
    return {role: _mean(rows, common.get("teacher", []), measure) for role, rows in common.items()}


def sized(evaluation: Evaluation) -> tuple[Sized, ...]:
    """Every role and size that all collections have, each collection counting alike.

    Of several collections a size has the mean alone: intervals of each do not make one of their
    mean. The size that the averages speak of has theirs.
    """
    measure, reports = measure_of(evaluation), evaluation.counted
    found: dict[tuple[Role, int, Stored], list[Cell]] = {}
    for report in reports:
        for cell in report.grid:
            if cell.role in PRICED_ROLES:
                found.setdefault((cell.role, cell.dimensions, cell.stored), []).append(cell)
    common = {key: cells for key, cells in found.items() if len(cells) == len(reports)}
    full = max((d for _, d, _ in common), default=0)
    averages, reference = whole(evaluation), common.get(("teacher", full, "float32"), [])

    def one(role: Role, d: int, stored: Stored, cells: Sequence[Cell]) -> Found:
        if len(cells) == 1:
            return _found(cells[0], measure)
        if (d, stored) == (full, "float32") and role in averages:
            return averages[role]
        return _mean(cells, reference, measure)

    return tuple(Sized(*key, cells[0].bytes, *one(*key, cells)) for key, cells in common.items())


def frontier(cells: Sequence[Sized]) -> tuple[Sized, ...]:
    """Those that no other beats: none takes as few bytes and keeps as much, and is not equal.

    cells: of one role. Returns: by bytes; of equals the first.
    """
    best: list[Sized] = []
    for cell in sorted(cells, key=lambda cell: (cell.bytes, -_kept_mean(cell))):
        if not best or _kept_mean(cell) > _kept_mean(best[-1]):
            best.append(cell)
    return tuple(best)


def chosen(cells: Sequence[Sized], sizes: Sequence[str]) -> tuple[Sized, ...]:
    """The cells of one role in the sizes that are named, such as "256 int8"; none: the frontier.

    Raises:
        ConfigError: there is no such size; lists what there is.
    """
    if not sizes:
        return frontier(cells)
    known = {cell.size: cell for cell in cells}
    for size in sizes:
        if size not in known:
            raise ConfigError(
                f"cost.sizes: {size!r} is not in the grid of the evaluation, which has "
                f"{'; '.join(known) or 'none'}. Other dimensions come with evaluate.dimensions"
            )
    return tuple(known[size] for size in dict.fromkeys(sizes))


def _kept_mean(cell: Sized) -> float:
    return 1.0 if cell.kept is None else cell.kept.mean


def _found(found: Cell | Row | AverageRow, measure: Measure) -> Found:
    if measure == "overlap@10":
        return Estimate.of(found.overlap), Estimate.of(found.overlap)
    return Estimate.of(found.ndcg), Estimate.of(found.kept)


def _mean(found: Sequence[Cell | Row], teacher: Sequence[Cell | Row], measure: Measure) -> Found:
    """Score and share, the latter as averages have it: an average over the teacher's."""
    score = _mean_score(found, measure)
    if score is None or measure == "overlap@10":
        return score, score
    reference = _mean_score(teacher, measure)
    if reference is None or reference.mean <= 0 or found == teacher:
        return score, None
    return score, Estimate(score.mean / reference.mean)


def _mean_score(found: Sequence[Cell | Row], measure: Measure) -> Estimate | None:
    scores = [score for one in found if (score := _found(one, measure)[0]) is not None]
    if not scores or len(scores) < len(found):
        return None
    return Estimate(sum(score.mean for score in scores) / len(scores))
