"""A cost report's tables as cells of text: the header first. Markdown and the page share them."""

from leaf_ray.core.cost.cost import CostReport, documents_by, queries_by
from leaf_ray.core.cost.prices import million_stored
from leaf_ray.core.cost.sizes import Estimate
from leaf_ray.core.cost.timings import Latency
from leaf_ray.core.evaluation.results import Role
from leaf_ray.pages.cost.words import amount, score, share

Lines = list[list[str]]

WHO = "encoders"
ABSENT, REFERENCE = "-", "the reference"
NAMES: dict[Role, str] = {
    "teacher": "teacher",
    "asymmetric": "leaf, teacher's documents",
    "symmetric": "leaf, its own documents",
}


def quality_and_time(report: CostReport) -> Lines:
    """What each pair of encoders finds, and how long it takes."""
    header = [WHO, *_quality_header(report), "ms a query, p50 / p99"]
    has_search = report.timings.num_indexed is not None
    lines = [[*header, *(["with search, p50 / p99"] if has_search else []), "documents a second"]]
    for row in report.rows:
        asked, stored = queries_by(row.role, report.timings), documents_by(row.role, report.timings)
        lines.append(
            [
                NAMES[row.role],
                *_quality(report, row.score, row.kept),
                _latency(asked.query if asked else None),
                *([_latency(asked.search if asked else None)] if has_search else []),
                ABSENT if stored is None else f"{stored.documents.per_second:,.0f}",
            ]
        )
    return lines


def costs(report: CostReport) -> Lines:
    """What a million costs each pair of encoders, with whole float32 vectors."""
    unit = report.prices.currency
    lines = [
        [
            WHO,
            f"a million queries, {unit}",
            f"a million documents, {unit}",
            "bytes a vector",
            f"a million stored for a month, {unit}",
        ]
    ]
    for row in report.rows:
        made = [ABSENT if cost is None else amount(cost) for cost in (row.queries, row.documents)]
        lines.append([NAMES[row.role], *made, f"{row.bytes:,}", amount(row.stored)])
    return lines


def sizes(report: CostReport) -> Lines:
    """What the leaf keeps when documents are stored in fewer bytes."""
    own = {cell.size: cell for cell in report.sizes if cell.role == "symmetric"}
    lines = [
        [
            "documents stored as",
            "bytes a vector",
            f"a million stored for a month, {report.prices.currency}",
            *_quality_header(report),
            *(["with the leaf's own documents"] if own else []),
        ]
    ]
    for cell in report.sizes:
        if cell.role == "asymmetric":
            other = own.get(cell.size)
            lines.append(
                [
                    cell.size,
                    f"{cell.bytes:,}",
                    amount(million_stored(cell.bytes, report.prices)),
                    *_quality(report, cell.score, cell.kept),
                    *([_kept(other.kept if other else None)] if own else []),
                ]
            )
    return lines


def _quality_header(report: CostReport) -> list[str]:
    average = "average " if report.num_collections > 1 else ""
    if report.measure == "nDCG@10":
        return [f"{average}nDCG@10 [95 %]", "of the teacher's"]
    return [f"{average}overlap@10 with the teacher [95 %]"]


def _quality(report: CostReport, found: Estimate | None, kept: Estimate | None) -> list[str]:
    """Score and share; overlap is a share by itself."""
    if report.measure == "overlap@10":
        return [REFERENCE if found is None else share(found)]
    scored = ABSENT if found is None else score(found)
    return [scored, REFERENCE if kept is None else share(kept)]


def _kept(kept: Estimate | None) -> str:
    return ABSENT if kept is None else share(kept)


def _latency(latency: Latency | None) -> str:
    return ABSENT if latency is None else f"{latency.p50_ms:.1f} / {latency.p99_ms:.1f}"
