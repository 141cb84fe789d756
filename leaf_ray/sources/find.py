"""From a path to what lies there: its form and its files, before any of it is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pyarrow import fs

from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError
from leaf_ray.sources.beir import find_beir, read_beir
from leaf_ray.sources.canonical import Layout
from leaf_ray.sources.formats import formats, is_known, read_file
from leaf_ray.sources.hub import HUB, read_hub
from leaf_ray.sources.lance_folder import read_lance
from leaf_ray.sources.locate import Location, SourceFile, is_glob, locate, match_glob
from leaf_ray.sources.passed_over import all_below, tell_of_values_in_names, tell_passed_over
from leaf_ray.sources.row_batch import RowBatch
from leaf_ray.sources.saved import find_saved, read_saved, without_split

DOCSTRINGS = "docstrings:"
Form = Literal["files", "saved", "beir", "lance", "hub", "docstrings"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One file or stream of a source.

    read: gives its rows from their begin, as a layout says. Without one, no column has a meaning
        yet: each has the type that it has in the file, and in CSV and TSV all are strings.
    size: how much there is to read, in the unit of the source; 0 where unknown.
    file: None for a stream.
    kind: that of all its rows, where the form says it.
    some: gives rows from all over it, where already its begin takes long to read.
    """

    name: str
    read: Callable[[Layout | None], Iterator[RowBatch]]
    size: float
    file: SourceFile | None = None
    kind: str | None = None
    some: Callable[[], Iterator[RowBatch]] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A source that is there.

    name: how errors name it. unit: what sizes count, such as bytes.
    folder: of a BEIR collection.
    """

    path: str
    name: str
    form: Form
    pieces: tuple[Piece, ...]
    unit: str = "bytes"
    folder: Location | None = None

    @property
    def size(self) -> float:
        """How much there is to read, in `unit`; 0 where that is unknown."""
        return sum(piece.size for piece in self.pieces)

    @property
    def has_known_columns(self) -> bool:
        """Whether the form itself says what its columns are."""
        return self.form in ("beir", "docstrings")


def find(path: str) -> Found:
    """Return what lies at `path`, which is as for `leaf_ray.sources.read.open_source`.

    A warning names files and folders at `path` that are not read.

    Raises InputError for a path that stands for nothing.
    """
    if not path.strip():
        raise InputError("the path of the texts is empty; name a file, a folder or a glob")
    if path.startswith(DOCSTRINGS):
        return _docstrings(path)
    if path.startswith(HUB):
        # How much there is in all, a stream does not know.
        return _stream(path, "hub", partial(_leaving_out, read_hub, path), size=0.0)
    folder, split = without_split(path)
    if is_glob(folder):
        return _files(_readable(match_glob(path), path, folders=()), path)
    place = locate(folder)
    kind = place.file_type()
    if kind == fs.FileType.NotFound:
        raise InputError(
            f"{place.uri} does not exist; a file, a folder, a glob, `{HUB}` or `{DOCSTRINGS}` is "
            "wanted"
        )
    return _place(place, kind, split, path)


def _place(place: Location, kind: fs.FileType, split: str | None, path: str) -> Found:
    saved = find_saved(place, split) if kind == fs.FileType.Directory else None
    if saved is not None:
        return _saved(saved, path)
    if split is not None:
        raise InputError(
            f"{place.uri} is nothing that `datasets` saved, so it has no split {split!r}; leave "
            "it out"
        )
    if place.path.rstrip("/").endswith(".lance"):
        return _stream(path, "lance", partial(_leaving_out, read_lance, place.uri), size=100.0)
    if kind == fs.FileType.File:
        return _files([place.as_file()], path)
    beir = find_beir(place)
    if beir is not None:
        pieces = [
            Piece(file.name, partial(_read_beir, file), file.size(), file, of)
            for of, file in beir.items()
        ]
        return Found(path, place.uri, "beir", tuple(pieces), folder=place)
    return _files(_readable(place.files(), path, folders=place.folders()), path)


def _docstrings(path: str) -> Found:
    # Imported here: that package yields parts too, so it imports what this one does.
    from leaf_ray.sources.docstrings.read import docstrings_of, some_docstrings_of

    named = [name.strip() for name in path.removeprefix(DOCSTRINGS).split(",")]
    packages = [name for name in named if name] or None
    num_modules, _ = docstrings_of(packages)
    piece = Piece(
        path,
        lambda _: docstrings_of(packages)[1],
        num_modules,
        some=lambda: some_docstrings_of(packages),
    )
    return Found(path, path, "docstrings", (piece,), unit="modules")


def _stream(
    path: str, form: Form, read: Callable[[Layout | None], Iterator[RowBatch]], *, size: float
) -> Found:
    return Found(path, redacted(path), form, (Piece(redacted(path), read, size),), unit="percent")


def _saved(files: Sequence[SourceFile], path: str) -> Found:
    tell_of_values_in_names(redacted(path), [file.path for file in files])
    pieces = [Piece(f.name, partial(_leaving_out, read_saved, f), f.size(), f) for f in files]
    return Found(path, redacted(path), "saved", tuple(pieces))


def _files(files: Sequence[SourceFile], path: str) -> Found:
    tell_of_values_in_names(redacted(path), [file.path for file in files])
    pieces = [Piece(f.name, partial(read_file, f), f.size(), f) for f in files]
    return Found(path, redacted(path), "files", tuple(pieces))


def _leaving_out(
    read: Callable[..., Iterator[RowBatch]], place: object, layout: Layout | None
) -> Iterator[RowBatch]:
    return read(place, leave_out=layout.leave_out if layout else frozenset())


def _read_beir(file: SourceFile, layout: Layout | None) -> Iterator[RowBatch]:
    return read_beir(file, layout or Layout())


def _readable(
    files: Sequence[SourceFile], path: str, *, folders: Sequence[str]
) -> list[SourceFile]:
    """Return the files with a reader. A warning tells of the rest, and of `folders` beside them."""
    is_readable = [is_known(file) for file in files]
    if not any(is_readable):
        names = [*map(_file_name, files), *(f"{folder}/" for folder in folders)]
        deeper = f"; name {all_below(redacted(path))} to read the folders in it" if folders else ""
        raise InputError(
            f"{redacted(path)} has no readable file (found {names[:5] or 'nothing'}); wanted: "
            f"{formats()}{deeper}"
        )
    tell_passed_over(
        redacted(path),
        [_file_name(file) for file, known in zip(files, is_readable, strict=True) if not known],
        folders,
    )
    return [file for file, known in zip(files, is_readable, strict=True) if known]


def _file_name(file: SourceFile) -> str:
    return file.path.rsplit("/", 1)[-1]
