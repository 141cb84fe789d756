"""What `leaf init` prints of a source."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leaf_ray.core.survey.column import Column
from leaf_ray.core.survey.findings import Findings
from leaf_ray.core.survey.hints import hints_of, in_percent, scripts_in_words
from leaf_ray.core.survey.words import Lengths

_EXAMPLE = 24
_NAME = 20
_TYPE = 14
# Metadata beyond these are counted.
_MOST_METADATA = 12
_LONGEST_REASON = 160


def print_findings(console: Console, findings: Findings) -> None:
    """Its size, its columns and their roles, its texts, and what to know of them."""
    for name, said in _above(findings):
        console.print(f"[bold]{name:9}[/] {escape(said)}", highlight=False)
    columns = _shown(findings)
    console.print(_table(findings, columns))
    more = len(findings.columns) - len(columns)
    if more:
        console.print(f"  and {more} more columns of metadata", highlight=False)
    for name, said in _below(findings):
        console.print(f"[bold]{name:9}[/] {escape(said)}", highlight=False)


def _above(findings: Findings) -> Iterator[tuple[str, str]]:
    yield "source", findings.form
    kinds = ""
    if findings.num_queries:
        kinds = f" ({findings.num_documents:,} documents, {findings.num_queries:,} queries)"
    yield "rows", findings.rows.in_words() + kinds


def _below(findings: Findings) -> Iterator[tuple[str, str]]:
    for name, why in findings.choice.leave_out.items():
        yield "left out", f"{name}: {why}"
    for name, why in findings.passed_over.items():
        yield "skipped", f"{name} is passed over: {_cut(why, _LONGEST_REASON)}"
    for our, names in findings.choice.others.items():
        yield "or", f"{' or '.join(names[:3])} as {our}; the run file says how"
    yield "texts", ", ".join(_lengths(findings))
    yield "scripts", scripts_in_words(findings.scripts)
    yield "queries", findings.plan.in_words()
    lost = ", ".join(_lost(findings))
    if lost:
        yield "lost", lost
    for hint in hints_of(findings):
        yield "hint", hint


def _lengths(findings: Findings) -> Iterator[str]:
    yield _in_words(findings.words, "words")
    tokens = findings.tokens
    if tokens is None:
        yield f"tokens unknown, since {findings.teacher} is not on this machine"
        return
    yield _in_words(tokens.lengths, "tokens")
    share = in_percent(tokens.share_longer) if tokens.share_longer else "none"
    yield f"{share} longer than the {tokens.window} that the teacher reads"


def _in_words(lengths: Lengths, unit: str) -> str:
    return f"{lengths.median:,} {unit} (95th percentile {lengths.high:,})"


def _lost(findings: Findings) -> Iterator[str]:
    losses = findings.losses
    counts = {
        "empty": losses.num_empty,
        "that come again": losses.num_duplicates,
        "with the id of another text": losses.num_clashes,
    }
    for what, number in counts.items():
        if number:
            yield f"{number:,} rows {what}"
    if losses.num_rejected:
        yield f"{losses.num_rejected:,} rejected, such as {_cut(losses.reason, _LONGEST_REASON)}"


def _shown(findings: Findings) -> list[Column]:
    """Return all columns that are more than metadata, and some that are not."""
    plain = [column for column in findings.columns if _role(findings, column) == "metadata"]
    hidden = plain[_MOST_METADATA:]
    return [column for column in findings.columns if column not in hidden]


def _table(findings: Findings, columns: list[Column]) -> Table:
    table = Table("column", "type", "empty", "role", "example", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_row(
            escape(_cut(column.name, _NAME)),
            escape(_cut(column.type, _TYPE)),
            in_percent(column.share_empty) if column.share_empty else "",
            _role(findings, column),
            escape(_cut(column.example, _EXAMPLE)),
        )
    return table


def _role(findings: Findings, column: Column) -> str:
    roles = {their: our for our, their in findings.choice.columns.items()}
    if column.name in roles:
        return roles[column.name]
    if column.name in findings.choice.leave_out:
        return "left out"
    return "passed over" if column.name in findings.passed_over else "metadata"


def _cut(text: str, width: int) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= width else f"{line[: width - 3]}..."
