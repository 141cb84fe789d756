"""A report as people read it: a page of Markdown, a figure as PNG. Returned, never written.

The figure is made without pyplot, whose global state servers and worker processes share.
"""

import io
from typing import TYPE_CHECKING

from leaf_ray.core.bootstrap import Interval
from leaf_ray.core.evaluation import Evaluation, evaluation_verdict
from leaf_ray.core.report import Difference, QueryForm, Report, Role, Row, percent, signed, verdict
from leaf_ray.store.grid import grid_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ABSENT = "-"
LONGEST_LABEL = 34
SIDES = ("queries by", "documents by")
ROLE, KEPT = "who", "teacher's nDCG@10 kept"
QUERY_TIME = "ms a query (p50)"

ROLE_NAMES: dict[Role, str] = {
    "teacher": "teacher",
    "asymmetric": "leaf with teacher's documents",
    "symmetric": "leaf on both sides",
    "baseline": "closed-form head, untrained",
    "untrained": "the leaf's initial encoder",
}

# Okabe and Ito's palette, which colour-blind readers can tell apart; what matters is vivid.
ROLE_COLOURS: dict[Role, str] = {
    "teacher": "#000000",
    "asymmetric": "#D55E00",
    "symmetric": "#0072B2",
    "baseline": "#009E73",
    "untrained": "#7F7F7F",
}

# Keeps numbers readable where lines cross them.
WHITE_BOX = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}

QUERY_FORMS: dict[QueryForm, str] = {
    "judged": "queries with relevance judgments",
    "given": "queries that came with the texts",
    "derived": "queries derived from the documents themselves",
}


def to_markdown(evaluation: Evaluation) -> str:
    """Return a Markdown page: what holds on average, then each collection with its tables."""
    reports = [_page(report) for report in evaluation.reports]
    if not evaluation.average:
        return reports[0]
    parts = [
        f"# {len(reports)} collections",
        _table([ROLE, "average nDCG@10 [95 %]", KEPT, "average overlap@10"], _averages(evaluation)),
        evaluation_verdict(evaluation),
        *reports,
    ]
    return "\n\n".join(parts)


def _averages(evaluation: Evaluation) -> list[list[str]]:
    return [
        [
            ROLE_NAMES[row.role],
            _score(row.ndcg),
            ABSENT if row.kept is None else percent(row.kept),
            _score(row.overlap),
        ]
        for row in evaluation.average
    ]


def _page(report: Report) -> str:
    parts = [
        f"# {_cell(report.collection)}",
        _main_table(report.rows),
        _second_table(report.rows),
        _differences_table(report.differences),
        verdict(report),
        _grid(report),
        _lengths(report),
        _notes(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _grid(report: Report) -> str:
    if not report.grid:
        return ""
    judged = any(cell.kept is not None for cell in report.grid)
    share = "share of the teacher's nDCG@10" if judged else "overlap@10 with the teacher"
    header, *lines = grid_lines(report.grid)
    return f"Documents in fewer bytes, and the {share} that is kept:\n\n{_table(header, lines)}"


def _lengths(report: Report) -> str:
    if not report.lengths:
        return ""
    lines = [
        [
            f"{row.fewest} and more" if row.most is None else f"{row.fewest} to {row.most}",
            f"{row.num_queries:,}",
            ROLE_NAMES[row.role],
            _score(row.ndcg),
            _score(row.overlap),
        ]
        for row in report.lengths
    ]
    header = ["words of a query", "queries", ROLE, "nDCG@10 [95 %]", "overlap@10 with the teacher"]
    return _table(header, lines)


def plot(report: Report) -> bytes:
    """Return a PNG: nDCG@10 and overlap@10 of each row as dots with their 95 % intervals."""
    # Imported here, since it takes a second that only a figure is worth.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)
    figure = Figure(figsize=(10, 2.0 + 0.6 * len(report.rows)), layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(
        f"{_short(report.collection)}: {report.num_queries:,} queries, "
        f"{report.num_documents:,} documents",
        fontsize=13,
        fontweight="bold",
    )
    ndcg_axes, overlap_axes = figure.subplots(1, 2, sharey=True)
    _draw(ndcg_axes, report.rows, [row.ndcg for row in report.rows])
    _draw(overlap_axes, report.rows, [row.overlap for row in report.rows])
    ndcg_axes.set_xlabel("nDCG@10, 95 % interval")
    overlap_axes.set_xlabel("overlap@10 with the teacher, 95 % interval")
    _mark_teacher(ndcg_axes, report.rows)
    _label_rows(ndcg_axes, report.rows)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return png.getvalue()


def _main_table(rows: tuple[Row, ...]) -> str:
    lines = [
        [
            row.queries_by,
            row.documents_by,
            _score(row.ndcg),
            _score(row.overlap),
            ABSENT if row.query_ms is None else f"{row.query_ms:.1f}",
        ]
        for row in rows
    ]
    return _table([*SIDES, "nDCG@10 [95 %]", "overlap@10 with the teacher", QUERY_TIME], lines)


def _second_table(rows: tuple[Row, ...]) -> str:
    lines = [
        [
            row.queries_by,
            row.documents_by,
            _score(row.recall),
            _score(row.mrr),
            _score(row.map),
            _score(row.correlation),
            ABSENT if row.kept is None else percent(row.kept),
        ]
        for row in rows
    ]
    header = [*SIDES, "recall@100", "MRR@10", "MAP@100", "rank correlation", KEPT]
    return _table(header, lines)


def _differences_table(differences: tuple[Difference, ...]) -> str:
    if not differences:
        return ""
    lines = [
        [
            f"{ROLE_NAMES[found.role]} minus {ROLE_NAMES[found.minus]}",
            found.metric,
            signed(found.interval),
        ]
        for found in differences
    ]
    return _table(["difference over the same queries", "metric", "mean [95 %]"], lines)


def _notes(report: Report) -> str:
    lines = [
        f"{report.num_queries:,} {QUERY_FORMS[report.query_form]}, "
        f"{report.num_documents:,} documents.",
        *_unknown(report),
        f"Teacher `{report.teacher}`, leaf `{report.leaf}`, space `{report.space}`.",
        "nDCG, recall, MRR and MAP are means over queries and defined as in trec_eval, "
        "with linear gains; a query without results counts as 0.",
        "overlap@10 is the share of the teacher's first ten documents that are also among "
        "the row's first ten, in any order.",
        "rank correlation is Spearman's between the row's and the teacher's scores of the "
        "teacher's first 100 documents.",
        "In fewer bytes only documents are: queries stay float32, except in `binary`, which counts "
        "equal bits. `rescored` orders the first of those by the query's own numbers; int8 has a "
        "scale for each dimension, found on the documents.",
        "Brackets hold 95 % percentile bootstrap intervals over queries; differences and "
        "kept shares are paired, over the same draws of queries. They speak of other queries "
        "of this kind, not of other collections or training seeds.",
        f"{QUERY_TIME} is the median over queries, on the machine of the evaluation.",
    ]
    return "How it was measured:\n\n" + "\n".join(f"- {line}" for line in lines)


def _unknown(report: Report) -> list[str]:
    if not report.num_unknown:
        return []
    return [
        f"{report.num_unknown:,} judgments are of documents that the collection does not hold: "
        "they count as not found, as in trec_eval."
    ]


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Keep a name from ending its cell or line."""
    return " ".join(text.split()).replace("|", "\\|")


def _score(interval: Interval | None) -> str:
    if interval is None:
        return ABSENT
    return f"{interval.mean:.3f} [{interval.low:.2f}, {interval.high:.2f}]"


def _draw(axes: "Axes", rows: tuple[Row, ...], intervals: list[Interval | None]) -> None:
    """Draw one metric, a row at each height."""
    for height, (row, interval) in enumerate(zip(rows, intervals, strict=True)):
        if interval is not None:
            _draw_interval(axes, interval, height=height, colour=ROLE_COLOURS[row.role])
        elif row.role == "teacher":
            axes.annotate(
                "the reference",
                (0.5, height),
                xycoords=("axes fraction", "data"),
                horizontalalignment="center",
                verticalalignment="center",
                color="#777777",
                fontstyle="italic",
                bbox=WHITE_BOX,
            )
    axes.margins(x=0.1)
    axes.grid(axis="both", color="#EBEBEB", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_interval(axes: "Axes", interval: Interval, *, height: int, colour: str) -> None:
    axes.plot([interval.low, interval.high], [height, height], color=colour, linewidth=2.5)
    axes.plot(interval.mean, height, "o", color=colour, markersize=8)
    axes.annotate(
        f"{interval.mean:.3f}",
        (interval.mean, height),
        xytext=(0, 8),
        textcoords="offset points",
        horizontalalignment="center",
        color=colour,
        fontsize=9.5,
        bbox=WHITE_BOX,
    )


def _mark_teacher(axes: "Axes", rows: tuple[Row, ...]) -> None:
    """Draw the teacher's mean as a line down to the other rows."""
    for row in rows:
        if row.role == "teacher" and row.ndcg is not None:
            axes.axvline(row.ndcg.mean, color="#777777", linestyle=":", linewidth=1.3, zorder=0.9)


def _label_rows(axes: "Axes", rows: tuple[Row, ...]) -> None:
    labels = [
        f"queries: {_short(row.queries_by)}\ndocuments: {_short(row.documents_by)}" for row in rows
    ]
    axes.set_yticks(range(len(rows)), labels, fontsize=9)
    axes.set_ylim(len(rows) - 0.5, -0.6)  # the first row on top
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.role == "asymmetric" else "normal")


def _short(name: str) -> str:
    short = name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 3]}..."
    return short.replace("$", r"\$")  # a pair of them would be read as a formula
