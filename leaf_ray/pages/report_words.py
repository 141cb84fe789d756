"""What the intervals of an evaluation allow to be said, in sentences."""

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import Evaluation
from leaf_ray.core.evaluation.results import FEW_QUERIES, QueryForm, Report, Role, Row


def verdict(report: Report) -> str:
    """Say in a few sentences what the intervals allow to be said, and no more.

    The first row of a role speaks for it. A difference whose interval holds zero is reported as
    none that can be claimed.
    """
    leaf = next((row for row in report.rows if row.role == "asymmetric"), None)
    if leaf is None:
        return "The leaf was not measured against the teacher's documents: nothing can be claimed."
    sentences = [
        _headline(leaf, report.query_form),
        _training(report),
        _caution(report) or _document_side(report),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def signed(interval: Interval) -> str:
    """Write a difference, such as +0.120 [+0.101, +0.139]."""
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def score(interval: Interval | None) -> str:
    """Write a score, such as 0.600 [0.55, 0.65], and - where it was not measured."""
    if interval is None:
        return "-"
    return f"{interval.mean:.3f} [{interval.low:.2f}, {interval.high:.2f}]"


def percent(interval: Interval) -> str:
    """Write a share in percent, such as 84.5 % [82.0, 87.1]."""
    return f"{100 * interval.mean:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _headline(leaf: Row, query_form: QueryForm) -> str:
    if leaf.overlap is not None and (query_form == "derived" or leaf.kept is None):
        return f"The leaf finds {percent(leaf.overlap)} of the teacher's first ten documents."
    if leaf.kept is not None:
        return f"The leaf keeps {percent(leaf.kept)} of the teacher's nDCG@10."
    return "Neither overlap with the teacher nor a share of its nDCG@10 was measured."


def _training(report: Report) -> str:
    return _claim(
        report,
        minus="untrained",
        more="Training improved {metric} over the leaf before its first step by {by}.",
        less="Training made {metric} worse than the leaf before its first step, by {by}.",
        neither="No difference can be claimed in {metric} between the trained leaf and "
        "the leaf before its first step ({by}).",
    )


def _document_side(report: Report) -> str:
    return _claim(
        report,
        minus="symmetric",
        more="With documents by the teacher instead of the leaf, {metric} is higher by {by}.",
        less="With documents by the teacher instead of the leaf, {metric} is lower, by {by}.",
        neither="No difference can be claimed in {metric} between documents by the teacher and "
        "documents by the leaf ({by}).",
    )


def _claim(report: Report, *, minus: Role, more: str, less: str, neither: str) -> str:
    """Word the first difference between the leaf and another role; nothing if there is none."""
    pairs = (found for found in report.differences if found.role == "asymmetric")
    difference = next((found for found in pairs if found.minus == minus), None)
    if difference is None:
        return ""
    wording = neither
    if difference.interval.excludes_zero:
        wording = more if difference.interval.mean > 0 else less
    return wording.format(metric=difference.metric, by=signed(difference.interval))


def _caution(report: Report) -> str:
    cautions = []
    if report.query_form == "derived":
        cautions.append(
            "The queries were derived from the documents themselves, so nDCG is a sanity check "
            "here and overlap with the teacher is the figure to read."
        )
    if report.num_queries < FEW_QUERIES:
        cautions.append(
            f"The number of queries, {report.num_queries}, is too small for these intervals to "
            "be relied on."
        )
    return " ".join(cautions)


def evaluation_verdict(evaluation: Evaluation) -> str:
    """Say what the intervals allow: on average where there are several collections."""
    if len(evaluation.reports) == 1:
        return verdict(evaluation.reports[0])
    if not evaluation.average:
        return " ".join(f"{report.collection}: {verdict(report)}" for report in evaluation.reports)
    averaged = evaluation.counted
    number = len(averaged)
    sentences = []
    for role, who in (
        ("asymmetric", "with documents by the teacher"),
        ("symmetric", "with its own documents"),
    ):
        row = next((row for row in evaluation.average if row.role == role), None)
        if row is not None and row.kept is not None:
            sentences.append(
                f"Over {number} collections the leaf keeps {percent(row.kept)} of the teacher's "
                f"average nDCG@10 {who}."
            )
        elif row is not None and row.overlap is not None:
            sentences.append(
                f"Over {number} collections the leaf finds {percent(row.overlap)} of the "
                f"teacher's first ten documents {who}."
            )
    few = [report for report in averaged if report.num_queries < FEW_QUERIES]
    sentences += [
        f"{report.collection} has only {report.num_queries} queries, too few for its intervals to "
        "be relied on."
        for report in few
    ]
    sentences.append("The intervals speak of other queries of these collections, not of others.")
    return " ".join(sentences)
