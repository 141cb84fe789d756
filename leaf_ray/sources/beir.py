"""BEIR folders: corpus.jsonl, queries.jsonl and qrels/*.tsv.

Documents and queries have ids of their own, which may coincide; (kind, id) is the key.
"""

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
from pyarrow import fs

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import InputError
from leaf_ray.sources.canonical import CONTENT, NUMBER_FIELD, CanonicalRows, Layout, canonical
from leaf_ray.sources.columns import Agreement, agreeing, checked
from leaf_ray.sources.jsonl import read_jsonl
from leaf_ray.sources.locate import COMPRESSIONS, Location, SourceFile
from leaf_ray.sources.passed_over import tell_passed_over
from leaf_ray.sources.qrels import choose_qrels, read_qrels
from leaf_ray.sources.rejected import Rejected
from leaf_ray.sources.row_batch import RowBatch
from leaf_ray.sources.source import Source

_TABLES = {DOCUMENT: "corpus.jsonl", QUERY: "queries.jsonl"}
_STRINGS = frozenset(["text", "title", "query"])
_IDS = ("_id", "id")


def find_beir(folder: Location) -> dict[str, SourceFile] | None:
    """Return the files of documents and of queries by kind, or None if this is no such folder.

    Raises InputError when one of them is there twice, such as plain and compressed.
    """
    names = {file.path.rsplit("/", 1)[-1]: file for file in folder.files()}
    found = {
        kind: [name + suffix for suffix in ("", *COMPRESSIONS) if name + suffix in names]
        for kind, name in _TABLES.items()
    }
    if not all(found.values()):
        return None
    for several in found.values():
        if len(several) > 1:
            raise InputError(f"{folder.uri} holds {several}; leave one of them")
    return {kind: names[name] for kind, (name,) in found.items()}


def beir_source(folder: Location, files: dict[str, SourceFile], layout: Layout) -> Source:
    """Return documents with their metadata, then queries, and the judgments between them.

    The columns are those of the format, whatever `layout` says; its limit of length and what it
    leaves out hold. An `id` is one only in rows without `_id`. A warning names files and folders
    that are not read.

    Raises InputError as the readers of its files do, and when a kind has no text.
    """
    chosen = {table.path for table in files.values()}
    others = [file.path.rsplit("/", 1)[-1] for file in folder.files() if file.path not in chosen]
    tell_passed_over(folder.uri, others, [name for name in folder.folders() if name != "qrels"])
    file, qrels = read_judgments(folder)
    sizes = {kind: table.size() for kind, table in files.items()}
    agreement = Agreement()
    rows = _rows(files, sizes, layout, agreement)
    return Source(
        file.name if file else folder.uri,
        checked(rows, folder.uri, layout, agreement),
        float(sum(sizes.values())),
        qrels=qrels,
        agreement=agreement,
    )


def read_judgments(folder: Location) -> tuple[SourceFile | None, pa.Table | None]:
    """Return the file of judgments and what is in it, as `read_qrels` does; None without one.

    Raises InputError when it cannot be read or holds none, and when it lies in the wrong place.
    """
    file = _judgments(folder)
    qrels = None if file is None else read_qrels(file)
    if file is not None and qrels is not None and not qrels.num_rows:
        raise InputError(
            f"{file.name} holds 0 judgments; fill it, or remove it to hold queries out instead"
        )
    return file, qrels


def _judgments(folder: Location) -> SourceFile | None:
    judgments = folder.child("qrels")
    if judgments.file_type() == fs.FileType.Directory:
        return choose_qrels(judgments)
    beside = [file.path.rsplit("/", 1)[-1] for file in folder.files()]
    beside = [name for name in beside if name.startswith("qrels")]
    if beside:
        raise InputError(
            f"{folder.uri} holds {beside} beside its texts, but judgments are read from "
            "qrels/test.tsv; move the file there, or remove it to hold queries out instead"
        )
    return None


def _rows(
    files: dict[str, SourceFile], sizes: dict[str, int], layout: Layout, agreement: Agreement
) -> Iterator[CanonicalRows]:
    for rows in agreeing(_of_kind(files[DOCUMENT], DOCUMENT, layout), layout, agreement):
        yield replace(rows, done=rows.done * sizes[DOCUMENT])
    ours = ["id", "text", "kind", *CONTENT, NUMBER_FIELD.name]
    for rows in _of_kind(files[QUERY], QUERY, layout):
        agreement.seen |= set(rows.columns)
        for column in rows.table.drop_columns(ours).schema:
            if column.name != "query" and not pa.types.is_null(column.type):
                told = f"{column.name} of queries"
                agreement.passed_over[told] = "metadata are kept of documents alone"
        done = sizes[DOCUMENT] + rows.done * sizes[QUERY]
        yield replace(rows, table=rows.table.select(ours), done=done)


def read_beir(file: SourceFile, layout: Layout) -> Iterator[RowBatch]:
    """Yield the rows of one of the two files, without columns that mean nothing in this form.

    Raises InputError when it is empty, and as the reader of JSONL does.
    """
    if file.is_empty():
        raise InputError(f"{file.name} is empty (0 bytes); fill or remove it")
    strings, ids = _STRINGS - layout.leave_out, [i for i in _IDS if i not in layout.leave_out]
    for part in read_jsonl(file, strings=strings, ids=ids):
        yield _of_the_form(part)


def _of_kind(file: SourceFile, kind: str, layout: Layout) -> Iterator[CanonicalRows]:
    layout = replace(layout, kind=kind)
    num_texts, rejected = 0, list[Rejected]()
    for part in read_beir(file, layout):
        rows = canonical(part, layout, done=part.done)
        num_texts += rows.table.num_rows
        rejected += rows.rejected[: 1 - len(rejected)]
        yield rows
    if not num_texts:
        found = f"; {rejected[0]}" if rejected else ""
        raise InputError(f"{file.name} holds no {kind} with text{found}; a BEIR folder needs some")


def _of_the_form(part: RowBatch) -> RowBatch:
    """Return `part` without columns that would be ours elsewhere, and are nothing here."""
    found = part.table.column_names
    others = {"kind": "in this form the file says what is a document and what a query"}
    if "_id" in found:
        others["id"] = "in this form `_id` is the id"
    others = {name: why for name, why in others.items() if name in found}
    table = part.table.drop_columns([*others])
    return replace(part, table=table, passed_over={**part.passed_over, **others})
