"""From a path to a source, whatever the format."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pyarrow import fs

from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError
from leaf_ray.sources.beir import beir_source, find_beir
from leaf_ray.sources.canonical import Layout, Rows, canonical
from leaf_ray.sources.columns import Agreement, agreeing, checked
from leaf_ray.sources.delimited import read_delimited
from leaf_ray.sources.hub import HUB, read_hub
from leaf_ray.sources.jsonl import read_jsonl
from leaf_ray.sources.lance_folder import read_lance
from leaf_ray.sources.locate import (
    Location,
    SourceFile,
    is_glob,
    locate,
    match_glob,
)
from leaf_ray.sources.parquet import read_parquet
from leaf_ray.sources.part import Part
from leaf_ray.sources.passed_over import (
    all_below,
    tell_of_values_in_names,
    tell_passed_over,
)
from leaf_ray.sources.plain import read_plain
from leaf_ray.sources.saved import find_saved, read_saved, without_split
from leaf_ray.sources.source import Source

DOCSTRINGS = "docstrings:"
Reader = Callable[[SourceFile], Iterator[Part]]


def open_source(path: str, layout: Layout | None = None) -> Source:
    """Return the texts at `path`, to be read once: normalised, with ids, without empty ones.

    `path` is a file (Parquet, JSONL, CSV, TSV or plain text; all but Parquet may be .gz or .zst),
    a folder or glob of such files, a BEIR folder, a Lance dataset (`*.lance`), a
    folder that Hugging Face's `datasets` saved, all of these local or at a URI that pyarrow.fs
    understands; `hf:ORG/NAME?name=CONFIG&split=SPLIT` for a dataset on the hub; or
    `docstrings:` for the API documentation of this Python environment,
    `docstrings:json,asyncio` for some packages of it.

    A column `title` is joined in front of `text`, and a column `vector` is not read. `layout`
    says what the columns are called where these are not their names. A row is an object of JSONL
    (blank lines are none), a row below the header of CSV and TSV, and a line of plain text: an
    empty line is an empty text there, and counted. A line ends at a line feed, a carriage return
    or both. A warning names files and folders at `path` that are not read.

    Raises InputError for a path that stands for nothing; its rows raise it, naming file and
    line, for whatever cannot be used.
    """
    layout = layout or Layout()
    if path.startswith(DOCSTRINGS):
        return _docstrings(path, layout)
    if path.startswith(HUB):
        # How much there is in all, a stream does not know.
        return _stream(read_hub(path, leave_out=layout.leave_out), path, layout, size=0.0)
    folder, split = without_split(path)
    if is_glob(folder):
        return _files(_readable(match_glob(path), path, folders=()), path, layout)
    place = locate(folder)
    kind = place.file_type()
    if kind == fs.FileType.NotFound:
        raise InputError(
            f"{place.uri} does not exist; a file, a folder, a glob, `{HUB}` or `{DOCSTRINGS}` is "
            "wanted"
        )
    return _place(place, kind, split, path, layout)


def _place(
    place: Location, kind: fs.FileType, split: str | None, path: str, layout: Layout
) -> Source:
    saved = find_saved(place, split) if kind == fs.FileType.Directory else None
    if saved is not None:
        reader = partial(read_saved, leave_out=layout.leave_out)
        return _files(saved, path, layout, reader=reader)
    if split is not None:
        raise InputError(
            f"{place.uri} is nothing that `datasets` saved, so it has no split {split!r}; leave "
            "it out"
        )
    if place.path.rstrip("/").endswith(".lance"):
        parts = read_lance(place.uri, leave_out=layout.leave_out)
        return _stream(parts, path, layout, size=100.0)
    if kind == fs.FileType.File:
        return _files([place.as_file()], path, layout)
    beir = find_beir(place)
    if beir is not None:
        _refuse_names(path, layout)
        return beir_source(place, beir, layout)
    files = _readable(place.files(), path, folders=place.folders())
    return _files(files, path, layout)


def _refuse_names(path: str, layout: Layout) -> None:
    if layout.columns:
        raise InputError(
            f"{redacted(path)} is of a form whose columns are known, but texts.columns names "
            f"{list(layout.columns.values())}; leave texts.columns out"
        )


def _docstrings(path: str, layout: Layout) -> Source:
    _refuse_names(path, layout)
    # Imported here: that package yields parts too, so it imports this one.
    from leaf_ray.sources.docstrings.read import docstrings_of

    packages = path.removeprefix(DOCSTRINGS).split(",")
    names = [name.strip() for name in packages if name.strip()]
    num_modules, parts = docstrings_of(names or None)
    layout = Layout(leave_out=layout.leave_out)
    rows = (canonical(part, layout, done=part.done * num_modules) for part in parts)
    return _source(path, rows, layout, size=num_modules, unit="modules")


def _stream(parts: Iterator[Part], path: str, layout: Layout, *, size: float) -> Source:
    rows = (canonical(part, layout, done=part.done * size) for part in parts)
    return _source(redacted(path), rows, layout, size=size, unit="percent")


def _source(
    name: str, rows: Iterator[Rows], layout: Layout, *, size: float, unit: str = "bytes"
) -> Source:
    agreement = Agreement()
    agreed = checked(agreeing(rows, layout, agreement), name, layout, agreement)
    return Source(name, agreed, size, unit, agreement=agreement)


def _readable(
    files: Sequence[SourceFile], path: str, *, folders: Sequence[str]
) -> list[SourceFile]:
    """Return the files with a reader. A warning tells of the rest, and of `folders` beside them."""
    is_readable = [file.suffix in _readers(Layout()) for file in files]
    if not any(is_readable):
        names = [*map(_file_name, files), *(f"{folder}/" for folder in folders)]
        deeper = f"; name {all_below(redacted(path))} to read the folders in it" if folders else ""
        raise InputError(
            f"{redacted(path)} has no readable file (found {names[:5] or 'nothing'}); wanted: "
            f"{_formats()}{deeper}"
        )
    tell_passed_over(
        redacted(path),
        [_file_name(file) for file, known in zip(files, is_readable, strict=True) if not known],
        folders,
    )
    return [file for file, known in zip(files, is_readable, strict=True) if known]


def _file_name(file: SourceFile) -> str:
    return file.path.rsplit("/", 1)[-1]


def _readers(layout: Layout) -> dict[str, Reader]:
    """Return the reader of each suffix."""
    texts = frozenset(layout.name(name) for name in ("text", "title", "query", "kind"))
    texts -= layout.leave_out
    ids = [layout.columns["id"]] if "id" in layout.columns else ["id", "_id"]
    ids = [name for name in ids if name not in layout.leave_out]

    def jsonl(file: SourceFile) -> Iterator[Part]:
        return read_jsonl(file, strings=texts, ids=ids)

    def delimited(file: SourceFile) -> Iterator[Part]:
        strings = texts.union(ids, ["id", "_id"])
        return read_delimited(file, strings=strings, quotes=layout.quotes)

    return {
        ".parquet": partial(read_parquet, leave_out=layout.leave_out),
        ".jsonl": jsonl,
        ".ndjson": jsonl,
        ".csv": delimited,
        ".tsv": delimited,
        ".txt": read_plain,
    }


def _formats() -> str:
    return ", ".join(_readers(Layout()))


def _files(
    files: Sequence[SourceFile], path: str, layout: Layout, *, reader: Reader | None = None
) -> Source:
    tell_of_values_in_names(redacted(path), [file.path for file in files])
    sizes = [file.size() for file in files]
    rows = _rows(files, sizes, layout, reader)
    return _source(redacted(path), rows, layout, size=float(sum(sizes)))


def _rows(
    files: Sequence[SourceFile], sizes: Sequence[int], layout: Layout, reader: Reader | None
) -> Iterator[Rows]:
    before = 0
    for file, size in zip(files, sizes, strict=True):
        for part in (reader or _reader(file, layout))(file):
            yield canonical(part, layout, done=before + size * part.done)
        before += size


def _reader(file: SourceFile, layout: Layout) -> Reader:
    reader = _readers(layout).get(file.suffix)
    if reader is None:
        raise InputError(
            f"{file.name} has the suffix {file.suffix!r}; wanted: {_formats()}, or a folder"
        )
    if file.is_empty():
        raise InputError(f"{file.name} is empty (0 bytes); fill or remove it")
    return reader
