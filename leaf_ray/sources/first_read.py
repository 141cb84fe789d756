"""What `leaf texts` would make of the first rows of a source, found out by its own readers."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from leaf_ray.core.survey.query_plan import QueryPlan, plan_queries
from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.core.survey.row_tally import RowTally
from leaf_ray.errors import InputError
from leaf_ray.sources.beir import read_judgments
from leaf_ray.sources.canonical import Layout
from leaf_ray.sources.columns import Agreement, agreeing
from leaf_ray.sources.find import Found
from leaf_ray.sources.rejected import Rejected
from leaf_ray.sources.sample import Progress, count_rows, sampled_rows


@dataclass(frozen=True, slots=True)
class FirstRead:
    """What became of the rows that were read.

    rows: how many there are. tally: what the usable ones are.
    rejected: the first of num_rejected rows that cannot be used; empty if there are none.
    agreement: what became of the columns.
    """

    rows: RowCount
    tally: RowTally
    num_empty: int
    num_duplicates: int
    num_rejected: int
    rejected: tuple[Rejected, ...]
    agreement: Agreement

    @property
    def num_lost(self) -> int:
        """Rows that a run would reject, those whose id another text has among them."""
        return self.num_rejected + self.tally.num_clashes


@dataclass(slots=True)
class _Counts:
    empty: int = 0
    repeats: int = 0
    rejected: int = 0
    first: list[Rejected] = field(default_factory=list)


def first_read(found: Found, layout: Layout) -> FirstRead:
    """Read the first rows of a source as a run with this layout does.

    Raises InputError as a run does, but for rows that cannot be used, and when none has text.
    """
    progress, agreement, tally, counts = Progress(), Agreement(), RowTally(), _Counts()
    for rows in agreeing(sampled_rows(found, layout, progress), layout, agreement):
        counts.empty += rows.num_empty
        counts.repeats += rows.num_repeats
        counts.rejected += len(rows.rejected)
        counts.first += rows.rejected[: 1 - len(counts.first)]
        for row in _values(rows.table):
            tally.add(*row)
    if not tally.num_documents + tally.num_queries:
        raise InputError(_no_text(found, counts))
    return FirstRead(
        count_rows(found, progress),
        tally,
        counts.empty,
        counts.repeats + tally.num_duplicates,
        counts.rejected,
        tuple(counts.first),
        agreement,
    )


def plan_of(found: Found, read: FirstRead) -> QueryPlan:
    """Return which queries a run would test with.

    Raises InputError when judgments cannot be used.
    """
    qrels = None if found.folder is None else read_judgments(found.folder)[1]
    if qrels is None:
        return read.tally.plan(read.rows)
    judged = set(qrels["query_id"].to_pylist())
    known = judged & read.tally.query_ids if read.rows.total is not None else judged
    if not known:
        raise InputError(
            f"{found.name} holds judgments of {len(judged)} queries, and none of them is in "
            "queries.jsonl; ids as there are wanted"
        )
    number = read.tally.num_documents
    return plan_queries("judged", len(known), read.rows, num_documents=number)


def _values(table: pa.Table) -> Iterator[tuple[str, str, str, str | None]]:
    columns = [table[name].to_pylist() for name in ("id", "text", "kind")]
    has_query = "query" in table.column_names
    queries = table["query"].to_pylist() if has_query else [None] * table.num_rows
    yield from zip(*columns, queries, strict=True)


def _no_text(found: Found, counts: _Counts) -> str:
    if counts.rejected:
        return (
            f"{found.name} holds no text that can be used: {counts.empty:,} rows are empty and "
            f"{counts.rejected:,} are rejected; {'; '.join(map(str, counts.first))}"
        )
    return (
        f"{found.name} holds no text: {counts.empty:,} rows, all of them empty; rows with texts "
        "are wanted"
    )
