"""BEIR folders: corpus.jsonl, queries.jsonl and qrels/*.tsv.

Documents and queries have ids of their own, which may coincide; (kind, id) is the key.
"""

from collections.abc import Iterator
from dataclasses import replace

from pyarrow import fs

from leaf_ray.core.texts import DOCUMENT, QUERY
from leaf_ray.errors import InputError
from leaf_ray.store.sources.canonical import CONTENT, NUMBER_FIELD, Layout, Rows, canonical
from leaf_ray.store.sources.columns import agreeing
from leaf_ray.store.sources.jsonl import read_jsonl
from leaf_ray.store.sources.locate import COMPRESSIONS, Location, SourceFile
from leaf_ray.store.sources.passed_over import tell_passed_over
from leaf_ray.store.sources.qrels import choose_qrels, read_qrels
from leaf_ray.store.sources.rejected import Rejected
from leaf_ray.store.sources.source import Source

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

    The columns are those of the format, whatever `layout` says; its limit of length holds. An
    `id` is one only in rows without `_id`. A warning names files and folders that are not read.

    Raises InputError as the readers of its files do, and when a kind has no text.
    """
    chosen = {table.path for table in files.values()}
    others = [file.path.rsplit("/", 1)[-1] for file in folder.files() if file.path not in chosen]
    tell_passed_over(folder.uri, others, [name for name in folder.folders() if name != "qrels"])
    file = _judgments(folder)
    qrels = None if file is None else read_qrels(file)
    if file is not None and qrels is not None and not qrels.num_rows:
        raise InputError(
            f"{file.name} holds 0 judgments; fill it, or remove it to hold queries out instead"
        )
    sizes = {kind: table.size() for kind, table in files.items()}
    return Source(
        file.name if file else folder.uri,
        _rows(files, sizes, layout.max_characters),
        float(sum(sizes.values())),
        qrels=qrels,
    )


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
    files: dict[str, SourceFile], sizes: dict[str, int], max_characters: int
) -> Iterator[Rows]:
    documents = _of_kind(files[DOCUMENT], DOCUMENT, max_characters)
    for rows in agreeing(documents, {}):
        yield replace(rows, done=rows.done * sizes[DOCUMENT])
    ours = ["id", "text", "kind", *CONTENT, NUMBER_FIELD.name]
    for rows in _of_kind(files[QUERY], QUERY, max_characters):
        done = sizes[DOCUMENT] + rows.done * sizes[QUERY]
        yield replace(rows, table=rows.table.select(ours), done=done)


def _of_kind(file: SourceFile, kind: str, max_characters: int) -> Iterator[Rows]:
    if file.is_empty():
        raise InputError(f"{file.name} is empty (0 bytes); fill or remove it")
    # A column `kind` is metadata of theirs that no one asked for.
    layout = Layout(kind=kind, max_characters=max_characters)
    num_texts, rejected = 0, list[Rejected]()
    for part in read_jsonl(file, strings=_STRINGS, ids=_IDS):
        # An `id` is one only where there is no `_id`.
        left_out = ("kind", "id") if "_id" in part.table.column_names else ("kind",)
        names = [name for name in part.table.column_names if name not in left_out]
        rows = canonical(replace(part, table=part.table.select(names)), layout, done=part.done)
        num_texts += rows.table.num_rows
        rejected += rows.rejected[: 1 - len(rejected)]
        yield rows
    if not num_texts:
        found = f"; {rejected[0]}" if rejected else ""
        raise InputError(f"{file.name} holds no {kind} with text{found}; a BEIR folder needs some")
