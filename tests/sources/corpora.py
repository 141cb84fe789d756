"""Whole sources at once, for tests that are small enough."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from leaf_ray.core.text.texts import (
    DOCUMENT,
    ID_FIELD,
    KIND_FIELD,
    QUERY,
    SPLIT_FIELD,
    TEST,
    TEXT_FIELD,
    TRAIN,
    normalise,
)
from leaf_ray.corpus.divide import Divided, Sizes, divide
from leaf_ray.corpus.gather import gather
from leaf_ray.corpus.survey import survey
from leaf_ray.sources.canonical import CONTENT, NUMBER_FIELD, Layout
from leaf_ray.sources.columns import OURS, Agreement
from leaf_ray.sources.read import open_source
from leaf_ray.sources.source import Source


@dataclass(frozen=True, slots=True)
class Corpus:
    """All rows of a source in its order, repeats included."""

    texts: pa.Table
    qrels: pa.Table | None
    num_empty: int
    agreement: Agreement


def read_corpus(path: str, **layout: Any) -> Corpus:
    """Read a source to its end and through what all sources go through."""
    source = open_source(path, Layout(**layout))
    parts = list(source.rows)
    # What is refused only once everything is known, is refused here too.
    with TemporaryDirectory() as scratch:
        gathered = gather(replace(source, rows=iter(parts)), Path(scratch) / "rows")
        if gathered.num_documents:
            survey(gathered, Path(scratch) / "queries", gathered.form(has_test=True))
    table = pa.concat_tables([part.table for part in parts], promote_options="permissive")
    passed_over = [name for name in source.agreement.passed_over if name in table.column_names]
    table = table.drop_columns([name for name in passed_over if name not in OURS])
    return Corpus(
        _without_empty(table.drop_columns([*CONTENT, NUMBER_FIELD.name])),
        source.qrels,
        sum(part.num_empty for part in parts),
        source.agreement,
    )


def _without_empty(table: pa.Table) -> pa.Table:
    kinds = (pa.null(), pa.struct([]))
    return table.drop_columns([field.name for field in table.schema if field.type in kinds])


@dataclass(frozen=True, slots=True)
class Split:
    """A division as one table, and the rows that were rejected."""

    texts: pa.Table
    rejected: pa.Table
    qrels: pa.Table
    query_form: str
    counts: Mapping[str, Any]


def split_of(source: Source, *, max_rejected: int = 0, **sizes: int | None) -> Split:
    """Divide a source and read the result whole."""
    with TemporaryDirectory() as scratch:
        divided: Divided = divide(source, Path(scratch), Sizes(**sizes), max_rejected=max_rejected)
        texts = pa.concat_tables(divided.tables())
        assert texts.num_rows == divided.num_rows
        rejected = divided.gathered.rejections.table()
        return Split(texts, rejected, divided.qrels, divided.survey.form, divided.counts())


def keeps_contract(texts: pa.Table, *, split: bool = True) -> bool:
    """Whether the columns of the contract come first, with nothing in them that it forbids."""
    fields = [ID_FIELD, TEXT_FIELD, KIND_FIELD, *([SPLIT_FIELD] if split else [])]
    rows = texts.select([field.name for field in fields]).to_pylist()
    allowed = {"kind": {QUERY, DOCUMENT}, "split": {TRAIN, TEST}}
    return (
        list(texts.schema)[: len(fields)] == fields
        and all(row["id"] and row["text"] == normalise(row["text"]) != "" for row in rows)
        and all(row[name] in allowed[name] for row in rows for name in allowed if name in row)
        and len({(row["kind"], row["id"]) for row in rows}) == len(rows)
    )
