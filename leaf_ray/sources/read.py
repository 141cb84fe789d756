"""From a path to a source, whatever the format."""

from collections.abc import Iterator

from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError
from leaf_ray.sources.beir import beir_source
from leaf_ray.sources.canonical import CanonicalRows, Layout, canonical
from leaf_ray.sources.columns import Agreement, agreeing, checked
from leaf_ray.sources.find import Found, find
from leaf_ray.sources.source import Source


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
    found = find(path)
    if found.has_known_columns:
        _refuse_names(path, layout)
    if found.folder is not None:
        files = {piece.kind: piece.file for piece in found.pieces if piece.kind and piece.file}
        return beir_source(found.folder, files, layout)
    if found.form == "docstrings":
        layout = Layout(leave_out=layout.leave_out)
    agreement = Agreement()
    rows = checked(agreeing(_rows(found, layout), layout, agreement), found.name, layout, agreement)
    return Source(found.name, rows, found.size, found.unit, agreement=agreement)


def _refuse_names(path: str, layout: Layout) -> None:
    if layout.columns:
        raise InputError(
            f"{redacted(path)} is of a form whose columns are known, but texts.columns names "
            f"{list(layout.columns.values())}; leave texts.columns out"
        )


def _rows(found: Found, layout: Layout) -> Iterator[CanonicalRows]:
    before = 0.0
    for piece in found.pieces:
        for part in piece.read(layout):
            yield canonical(part, layout, done=before + piece.size * part.done)
        before += piece.size
