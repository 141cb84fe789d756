"""From a path to a corpus, whatever the format."""

from collections.abc import Callable, Sequence

from pyarrow import fs

from leaf_ray.errors import InputError
from leaf_ray.store.sources.beir import find_beir, read_beir
from leaf_ray.store.sources.canonical import canonical
from leaf_ray.store.sources.corpus import Corpus
from leaf_ray.store.sources.delimited import read_delimited
from leaf_ray.store.sources.jsonl import read_jsonl
from leaf_ray.store.sources.lance_folder import read_lance
from leaf_ray.store.sources.locate import SourceFile, is_glob, locate, match_glob, shown
from leaf_ray.store.sources.merge import concatenated, finished, without_repeats
from leaf_ray.store.sources.parquet import read_parquet
from leaf_ray.store.sources.part import Part
from leaf_ray.store.sources.plain import read_plain

DOCSTRINGS = "docstrings:"
_READERS: dict[str, Callable[[SourceFile], Part]] = {
    ".parquet": read_parquet,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_plain,
}
_FORMATS = ", ".join(_READERS)


def read_corpus(
    path: str,
    *,
    max_characters: int = 1_000_000,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Return the texts at `path`: normalised, with ids, without empty ones and exact repeats.

    `path` is a file (Parquet, JSONL, CSV, TSV or plain text; all but Parquet may be .gz or .zst),
    a folder or glob of such files with one schema, a BEIR folder, a Lance dataset (`*.lance`),
    all of these local or at a URI that pyarrow.fs understands; or `docstrings:` for the API
    documentation of this Python environment, `docstrings:json,asyncio` for some packages of it.

    A column `title` is joined in front of `text`, and a column `vector` is not read.
    `progress` is told how many modules are read, of how many; other sources are read at once.

    Raises InputError, naming file and line, for whatever cannot be used, and when no text is
    left.
    """
    if path.startswith(DOCSTRINGS):
        return _read_docstrings(path.removeprefix(DOCSTRINGS), progress=progress)
    if is_glob(path):
        return _merged(_parts_of(match_glob(path), path), path, max_characters=max_characters)
    place = locate(path)
    kind = place.file_type()
    if kind == fs.FileType.NotFound:
        raise InputError(
            f"{place.uri} does not exist; a file, a folder, a glob or `{DOCSTRINGS}` is wanted"
        )
    if place.path.rstrip("/").endswith(".lance"):
        return _merged([read_lance(place.uri)], path, max_characters=max_characters)
    if kind == fs.FileType.File:
        return _merged([_part(place.file(place.path))], path, max_characters=max_characters)
    beir = find_beir(place)
    if beir is not None:
        return read_beir(place, beir, max_characters=max_characters)
    return _merged(_parts_of(place.files(), path), path, max_characters=max_characters)


def _read_docstrings(packages: str, *, progress: Callable[[int, int], None] | None) -> Corpus:
    # Imported here: that package builds a Corpus too, so it imports this one.
    from leaf_ray.store.docstrings import read_docstrings

    names = [name.strip() for name in packages.split(",") if name.strip()]
    return read_docstrings(names or None, progress=progress)


def _parts_of(files: Sequence[SourceFile], path: str) -> list[Part]:
    readable = [file for file in files if file.suffix in _READERS]
    if not readable:
        found = [file.path.rsplit("/", 1)[-1] for file in files[:5]]
        raise InputError(
            f"{shown(path)} has no readable file (found {found or 'nothing'}); wanted: {_FORMATS}"
        )
    return [_part(file) for file in readable]


def _part(file: SourceFile) -> Part:
    reader = _READERS.get(file.suffix)
    if reader is None:
        raise InputError(
            f"{file.name} has the suffix {file.suffix!r}; wanted: {_FORMATS}, or a folder"
        )
    if file.is_empty():
        raise InputError(f"{file.name} is empty (0 bytes); fill or remove it")
    return reader(file)


def _merged(parts: Sequence[Part], path: str, *, max_characters: int) -> Corpus:
    # A part without rows, as Spark and Ray write them, says nothing about the columns.
    rows = [canonical(part, max_characters=max_characters) for part in parts if part.table.num_rows]
    if not any(part.table.num_rows for part in rows):
        raise InputError(
            f"{shown(path)} holds no text: {sum(part.num_empty for part in rows)} rows, all of "
            "them empty; texts are wanted"
        )
    texts, num_repeats = without_repeats(concatenated(rows))
    num_empty = sum(part.num_empty for part in rows)
    return Corpus(finished(texts), None, {"empty": num_empty, "duplicate": num_repeats})
