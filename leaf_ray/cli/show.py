"""What `leaf show` and `leaf search` print."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leaf_ray.config import RunConfig
from leaf_ray.core.evaluation.evaluation import evaluation_from_json
from leaf_ray.core.evaluation.results import Report
from leaf_ray.pages.report_words import evaluation_verdict, score
from leaf_ray.runs import PARTS, Manifest, Run
from leaf_ray.runs.folder import (
    COST_PAGE,
    EVALUATION_JSON,
    EVALUATION_MARKDOWN,
    EVALUATION_PLOT,
    GRID_PLOT,
)
from leaf_ray.runs.parts import read_as
from leaf_ray.table.schema import Hit

SHOWN_CHARACTERS = 160


def print_run(console: Console, config: RunConfig) -> None:
    """The parts of a run, then its report if there is one."""
    run = Run.open(config.root)
    run.require_folder()
    table = Table("part", "made by", "what is in it", title=escape(config.root), box=SIMPLE_HEAD)
    for name, stage in PARTS.items():
        manifest = run.part(name).manifest()
        said = "not made yet" if manifest is None else _in_words(manifest)
        table.add_row(name, f"leaf {stage}", escape(said))
    console.print(table)
    if run.evaluation.manifest() is not None:
        print_report(console, run)
    if run.cost.manifest() is not None:
        console.print(f"  {run.cost.uri}/{COST_PAGE}", markup=False, highlight=False)


def print_report(console: Console, run: Run) -> None:
    """The comparison, its verdict, and where the whole report lies."""
    evaluation = read_as(run.evaluation, EVALUATION_JSON, evaluation_from_json)
    for report in evaluation.reports:
        console.print(_rows(report))
    console.print(escape(evaluation_verdict(evaluation)), highlight=False)
    for name in (EVALUATION_MARKDOWN, EVALUATION_PLOT, GRID_PLOT):
        console.print(f"  {run.evaluation.uri}/{name}", markup=False, highlight=False)


def print_hits(console: Console, hits: Sequence[Hit]) -> None:
    """Hits with their place in a file, where they know it."""
    if not hits:
        console.print("nothing found")
    for rank, hit in enumerate(hits, start=1):
        console.print(f"[bold]{rank}[/] {escape(hit.id)}  [dim]{hit.score:.3f}[/]")
        if hit.metadata.get("file"):
            place = f"  {hit.metadata['file']}:{hit.metadata.get('line', 1)}"
            console.print(place, markup=False)
        console.print(f"  {escape(' '.join(hit.text.split())[:SHOWN_CHARACTERS])}", style="dim")


def _rows(report: Report) -> Table:
    """A table that fits into 80 columns."""
    table = Table(
        "queries by",
        "documents\nby",
        "nDCG@10 [95 %]",
        "overlap@10\nwith the teacher",
        "ms a\nquery",
        title=escape(f"{report.num_queries:,} queries, {report.collection}"),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for row in report.rows:
        table.add_row(
            row.queries_by,
            row.documents_by,
            escape(score(row.ndcg)),
            escape(score(row.overlap)),
            "" if row.query_ms is None else f"{row.query_ms:.1f}",
        )
    return table


def _in_words(manifest: Manifest) -> str:
    """What a part holds, how long it took, and when it was finished."""
    # Parts of earlier versions have counts alone.
    counts = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in _plain(manifest))
    when = manifest.finished[:16].replace("T", " ")
    return f"{manifest.summary or counts} ({manifest.seconds:.0f} s, {when})"


def _plain(manifest: Manifest) -> list[tuple[str, int | float | str]]:
    return [
        (name, round(value, 3) if isinstance(value, float) else value)
        for name, value in manifest.counts.items()
        if isinstance(value, int | float | str)
    ]
