"""The reader of each format of files, by suffix."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from leaf_ray.errors import InputError
from leaf_ray.sources.canonical import Layout
from leaf_ray.sources.delimited import read_delimited
from leaf_ray.sources.jsonl import read_jsonl
from leaf_ray.sources.locate import SourceFile
from leaf_ray.sources.parquet import read_parquet
from leaf_ray.sources.plain import read_plain
from leaf_ray.sources.row_batch import RowBatch

Reader = Callable[[SourceFile], Iterator[RowBatch]]
DELIMITED = (".csv", ".tsv")


def is_known(file: SourceFile) -> bool:
    """Tell whether there is a reader of this file's suffix."""
    return file.suffix in _as_they_are()


def formats() -> str:
    """Return the suffixes that have a reader, in words."""
    return ", ".join(_as_they_are())


def read_file(file: SourceFile, layout: Layout | None) -> Iterator[RowBatch]:
    """Yield a file's rows as `layout` says; without one, each column as it is in the file.

    Raises InputError for a suffix that has no reader and an empty file, and as the readers do.
    """
    reader = (_as_they_are() if layout is None else _of(layout)).get(file.suffix)
    if reader is None:
        raise InputError(
            f"{file.name} has the suffix {file.suffix!r}; wanted: {formats()}, or a folder"
        )
    if file.is_empty():
        raise InputError(f"{file.name} is empty (0 bytes); fill or remove it")
    yield from reader(file)


def _of(layout: Layout) -> Mapping[str, Reader]:
    texts = frozenset(layout.name(name) for name in ("text", "title", "query", "kind"))
    texts -= layout.leave_out
    ids = [layout.columns["id"]] if "id" in layout.columns else ["id", "_id"]
    ids = [name for name in ids if name not in layout.leave_out]

    def delimited(file: SourceFile) -> Iterator[RowBatch]:
        strings = texts.union(ids, ["id", "_id"])
        return read_delimited(
            file, strings=strings, quotes=layout.quotes, has_types=layout.has_types
        )

    return _readers(
        partial(read_parquet, leave_out=layout.leave_out),
        partial(read_jsonl, strings=texts, ids=ids),
        delimited,
    )


def _as_they_are() -> Mapping[str, Reader]:
    def delimited(file: SourceFile) -> Iterator[RowBatch]:
        # Said as the default has it, so that what there is to tell of quotes is told but once.
        quotes = file.suffix != ".tsv"
        return read_delimited(file, strings=frozenset(), quotes=quotes, has_types=False)

    return _readers(read_parquet, partial(read_jsonl, strings=frozenset(), ids=()), delimited)


def _readers(parquet: Reader, jsonl: Reader, delimited: Reader) -> Mapping[str, Reader]:
    return {
        ".parquet": parquet,
        ".jsonl": jsonl,
        ".ndjson": jsonl,
        **dict.fromkeys(DELIMITED, delimited),
        ".txt": read_plain,
    }
