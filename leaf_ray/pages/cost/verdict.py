"""What a cost report's figures allow to be said, and no more."""

from collections.abc import Sequence
from typing import Literal

from leaf_ray.core.cost.cost import CostReport
from leaf_ray.core.cost.sizes import Estimate, Sized
from leaf_ray.core.evaluation.results import Role
from leaf_ray.pages.cost.words import share

# What two models' times differ by on any machine says nothing.
ALIKE = 1.05
# A smaller size is named when what it keeps is at most one point below what all bytes keep.
ONE_POINT = 0.01
# What other work may take of the cores before it is said.
IDLE = 0.1
DERIVED = (
    "The queries were derived from the documents themselves, so nDCG would be a sanity check only "
    "and overlap with the teacher is the figure to read."
)


def cost_verdict(report: CostReport) -> str:
    """Say in a few sentences what the figures allow to be said, and no more."""
    return " ".join(verdict_sentences(report))


def verdict_sentences(report: CostReport) -> list[str]:
    """The verdict's sentences, the one that counts first."""
    leaf, own = report.row("asymmetric"), report.row("symmetric")
    if leaf is None or leaf.kept is None:
        return ["The leaf was not measured against its teacher: nothing can be claimed."]
    sentences = [
        f"{_queries(report)} {_keeps(report, leaf.kept)}.",
        _smaller(report, leaf.kept),
        ""
        if own is None or own.kept is None
        else f"{_documents(report)} {_keeps(report, own.kept)}.",
        _busy(report.timings.others),
        DERIVED if report.is_derived else "",
        _few(report.fewest_queries) if report.is_few else "",
    ]
    return [sentence for sentence in sentences if sentence]


def _few(num_queries: int) -> str:
    return f"{num_queries} queries are too few for their intervals to be relied on."


def _busy(others: float) -> str:
    if others <= IDLE:
        return ""
    return (
        f"Other work took {100 * others:.0f} % of the cores meanwhile: time both again on an idle "
        "machine (--again) before relying on times and costs."
    )


def _queries(report: CostReport) -> str:
    teacher, leaf = report.timings.teacher, report.timings.leaf
    if teacher is None:
        return "The teacher cannot be asked, and was not timed. Queries by the leaf"
    compared = _compared(
        [_cost(report, role, "queries") for role in ("asymmetric", "teacher")],
        [timed.query.mean_ms for timed in (leaf, teacher)],
    )
    return f"Queries by the leaf {compared} by the teacher and"


def _documents(report: CostReport) -> str:
    teacher, leaf = report.timings.teacher, report.timings.leaf
    if teacher is None:
        return "With documents by the leaf too, its queries"
    compared = _compared(
        [_cost(report, role, "documents") for role in ("symmetric", "teacher")],
        [1 / timed.documents.per_second for timed in (leaf, teacher)],
    )
    return f"Documents by the leaf {compared} by the teacher, and with them its queries"


def _cost(report: CostReport, role: Role, of: Literal["queries", "documents"]) -> float | None:
    row = report.row(role)
    if row is None:
        return None
    return row.queries if of == "queries" else row.documents


def _compared(costs: Sequence[float | None], times: Sequence[float]) -> str:
    """The leaf's beside the teacher's: costs, or times where a price is missing or nothing."""
    mine, theirs = costs
    if mine and theirs:
        return f"cost {_less(mine, theirs, '')}"
    return f"take {_less(times[0], times[1], ' time')}"


def _less(mine: float, theirs: float, noun: str) -> str:
    if theirs >= ALIKE * mine:
        return f"{_ratio(theirs / mine)} times less{noun} than"
    if mine >= ALIKE * theirs:
        return f"{_ratio(mine / theirs)} times more{noun} than"
    return f"about as much{noun} as"


def _ratio(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.1f}"


def _keeps(report: CostReport, kept: Estimate) -> str:
    average = "average " if report.num_collections > 1 else ""
    if report.measure == "nDCG@10":
        return f"keep {share(kept)} of the teacher's {average}nDCG@10"
    return f"find {share(kept)} of the teacher's first ten documents"


def _smaller(report: CostReport, kept: Estimate) -> str:
    small, full = smallest_alike(report), report.row("asymmetric")
    if small is None or small.kept is None or full is None:
        return ""
    return (
        f"Documents stored as {small.size} take {_ratio(full.bytes / small.bytes)} times fewer "
        f"bytes, and queries by the leaf {_keeps(report, small.kept)}."
    )


def smallest_alike(report: CostReport) -> Sized | None:
    """The smallest size that keeps what whole vectors keep, to a point; None without a smaller."""
    full = report.row("asymmetric")
    if full is None or full.kept is None:
        return None
    for cell in report.frontier("asymmetric"):
        if cell.bytes < full.bytes and cell.kept and cell.kept.mean >= full.kept.mean - ONE_POINT:
            return cell
    return None


def advantage(report: CostReport) -> float | None:
    """How many times less a query by the leaf costs, or takes where a price is missing."""
    teacher, leaf = report.timings.teacher, report.timings.leaf
    if teacher is None:
        return None
    mine, theirs = (_cost(report, role, "queries") for role in ("asymmetric", "teacher"))
    return theirs / mine if mine and theirs else teacher.query.mean_ms / leaf.query.mean_ms
