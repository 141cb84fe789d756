"""BEIR folders: corpus.jsonl, queries.jsonl and qrels/*.tsv.

Documents and queries have ids of their own, which may coincide; (kind, id) is the key.
"""

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from leaf_ray.core.texts import DOCUMENT, QUERY
from leaf_ray.errors import InputError
from leaf_ray.store.sources.canonical import Rows, canonical
from leaf_ray.store.sources.corpus import Corpus
from leaf_ray.store.sources.jsonl import read_jsonl
from leaf_ray.store.sources.locate import COMPRESSIONS, Location, SourceFile
from leaf_ray.store.sources.merge import finished, without_repeats
from leaf_ray.store.sources.part import Part
from leaf_ray.store.sources.qrels import choose_qrels, read_qrels

_TABLES = {DOCUMENT: "corpus.jsonl", QUERY: "queries.jsonl"}


def find_beir(folder: Location) -> dict[str, SourceFile] | None:
    """Return the files of documents and of queries by kind, or None if this is no such folder."""
    names = {file.path.rsplit("/", 1)[-1]: file for file in folder.files()}
    found = {
        kind: names[name + suffix]
        for kind, name in _TABLES.items()
        for suffix in ("", *COMPRESSIONS)
        if name + suffix in names
    }
    return found if len(found) == len(_TABLES) else None


def read_beir(folder: Location, files: dict[str, SourceFile], *, max_characters: int) -> Corpus:
    """Return documents with their metadata, then queries, and the judgments between them.

    Judgments of a text that is not there (some collections judge empty documents) are counted
    in `dropped`. Raises InputError as the readers of its files do, and when nothing is left.
    """
    documents = _rows(files[DOCUMENT], DOCUMENT, max_characters=max_characters)
    queries = _rows(files[QUERY], QUERY, max_characters=max_characters)
    table = pa.concat_tables(
        [documents.table, queries.table.select(["id", "text", "kind"])], promote_options="default"
    )
    texts, num_repeats = without_repeats(table)
    texts = finished(texts)
    dropped = {"empty": documents.num_empty + queries.num_empty, "duplicate": num_repeats}
    judgments = folder.child("qrels")
    file = choose_qrels(judgments) if judgments.file_type() == fs.FileType.Directory else None
    if file is None:
        return Corpus(texts, None, dropped)
    qrels, lost = _of_known_texts(read_qrels(file), texts, file.name)
    return Corpus(texts, qrels, dropped | {"judgment without text": lost})


def _rows(file: SourceFile, kind: str, *, max_characters: int) -> Rows:
    part = read_jsonl(file)
    table = part.table.append_column("kind", pa.array([kind] * part.table.num_rows, pa.string()))
    rows = canonical(Part(table, part.name, part.lines), max_characters=max_characters)
    if not rows.table.num_rows:
        raise InputError(f"{file.name} holds no {kind} with text; a BEIR folder needs some")
    return rows


def _of_known_texts(qrels: pa.Table, texts: pa.Table, name: str) -> tuple[pa.Table, int]:
    known = pa.array([True] * qrels.num_rows, pa.bool_())
    for column, kind in (("query_id", QUERY), ("document_id", DOCUMENT)):
        ids = texts.filter(pc.equal(texts["kind"], kind))["id"]
        known = pc.and_(known, pc.is_in(qrels[column], value_set=ids))
    kept = qrels.filter(known)
    if not kept.num_rows:
        raise InputError(
            f"{name} holds {qrels.num_rows} judgments and none is of a query and a document that "
            "are there; ids as in corpus.jsonl and queries.jsonl are wanted"
        )
    return kept, qrels.num_rows - kept.num_rows
