"""A report as a page of Markdown."""

from leaf_ray.core.evaluation.evaluation import AverageRow, Evaluation
from leaf_ray.core.evaluation.results import Difference, QueryForm, Report, Role, Row
from leaf_ray.core.markdown import table
from leaf_ray.pages.grid_plot import grid_lines, share_of
from leaf_ray.pages.report_words import evaluation_verdict, percent, score, signed, verdict

ABSENT = "-"
SIDES = ("queries by", "documents by")
ROLE, KEPT = "who", "teacher's nDCG@10 kept"
QUERY_TIME = "ms a query (p50)"

ROLE_NAMES: dict[Role, str] = {
    "teacher": "teacher",
    "asymmetric": "leaf with teacher's documents",
    "symmetric": "leaf on both sides",
    "untrained": "leaf before training",
    "baseline": "the baseline by itself",
}

QUERY_FORMS: dict[QueryForm, str] = {
    "judged": "queries with relevance judgments",
    "given": "queries that came with the texts",
    "derived": "queries derived from the documents themselves",
}


def to_markdown(evaluation: Evaluation) -> str:
    """Return a Markdown page: what holds on average, then each collection with its tables."""
    reports = [_page(report) for report in evaluation.reports]
    if len(reports) == 1:
        return reports[0]
    parts = [
        f"# {len(reports)} collections",
        table(average_lines(evaluation.average)) if evaluation.average else "",
        evaluation_verdict(evaluation),
        *reports,
    ]
    return "\n\n".join(part for part in parts if part)


def average_lines(rows: tuple[AverageRow, ...]) -> list[list[str]]:
    """Rows of a table: who is on both sides, and the averages; the header first."""
    lines = [
        [
            ROLE_NAMES[row.role],
            score(row.ndcg),
            ABSENT if row.kept is None else percent(row.kept),
            score(row.overlap),
        ]
        for row in rows
    ]
    return [[ROLE, "average nDCG@10 [95 %]", KEPT, "average overlap@10"], *lines]


def _page(report: Report) -> str:
    parts = [
        f"# {' '.join(report.collection.split())}",
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
    share = share_of([report.grid])
    lines = table(grid_lines(report.grid))
    return f"Documents in fewer bytes, and what is kept of {share}:\n\n{lines}"


def _lengths(report: Report) -> str:
    if not report.lengths:
        return ""
    lines = [
        [
            f"{row.fewest} and more" if row.most is None else f"{row.fewest} to {row.most}",
            f"{row.num_queries:,}",
            ROLE_NAMES[row.role],
            score(row.ndcg),
            score(row.overlap),
        ]
        for row in report.lengths
    ]
    header = ["words of a query", "queries", ROLE, "nDCG@10 [95 %]", "overlap@10 with the teacher"]
    return table([header, *lines])


def _main_table(rows: tuple[Row, ...]) -> str:
    lines = [
        [
            row.queries_by,
            row.documents_by,
            score(row.ndcg),
            score(row.overlap),
            ABSENT if row.query_ms is None else f"{row.query_ms:.1f}",
        ]
        for row in rows
    ]
    header = [*SIDES, "nDCG@10 [95 %]", "overlap@10 with the teacher", QUERY_TIME]
    return table([header, *lines])


def _second_table(rows: tuple[Row, ...]) -> str:
    lines = [
        [
            row.queries_by,
            row.documents_by,
            score(row.recall),
            score(row.mrr),
            score(row.map),
            score(row.correlation),
            ABSENT if row.kept is None else percent(row.kept),
        ]
        for row in rows
    ]
    header = [*SIDES, "recall@100", "MRR@10", "MAP@100", "rank correlation", KEPT]
    return table([header, *lines])


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
    return table([["difference over the same queries", "metric", "mean [95 %]"], *lines])


def _notes(report: Report) -> str:
    lines = [
        f"{report.num_queries:,} {QUERY_FORMS[report.query_form]}, "
        f"{report.num_documents:,} documents.",
        *_missing(report),
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


def _missing(report: Report) -> list[str]:
    said = []
    if report.num_unknown:
        said.append(
            f"{report.num_unknown:,} judgments are of documents that the collection does not hold: "
            "they count as not found, as in trec_eval."
        )
    if report.num_queries_left_out or report.num_documents_left_out:
        said.append(
            f"{report.num_queries_left_out:,} queries and {report.num_documents_left_out:,} "
            "documents were rejected when they were embedded, and are left out of every figure."
        )
    if report.num_own_documents:
        said.append(
            f"{report.num_own_documents:,} of the queries are documents of the collection "
            "themselves: the document of a query's own id is left out of its ranking in every "
            "figure, as BEIR does (`ignore_identical_ids`)."
        )
    return said
