"""CSV and TSV with a header line."""

import codecs
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from leaf_ray.errors import InputError
from leaf_ray.store.sources.lines import not_utf8, opened
from leaf_ray.store.sources.locate import COMPRESSIONS, SourceFile
from leaf_ray.store.sources.part import MAX_BYTES, Part, parts_of

# No row may be longer than what is read at once.
_BLOCK_BYTES = MAX_BYTES
# What metadata may be, tried in this order: pyarrow's own, but for times without a date.
_KINDS = (
    pa.null(),
    pa.int64(),
    pa.bool_(),
    pa.date32(),
    pa.timestamp("s"),
    pa.timestamp("ns"),
    pa.float64(),
)
_NULLS = pa.array(csv.ConvertOptions().null_values, pa.string())

Types = Mapping[str, pa.DataType]


def read_delimited(file: SourceFile, *, strings: frozenset[str]) -> Iterator[Part]:
    """Yield the columns that the header names; metadata get the type that fits all their values.

    Columns of `strings` are strings whatever they look like: an id of "007" is not the number 7.

    Raises InputError when the file cannot be read, is not UTF-8 or has a row of another width.
    """
    known = dict.fromkeys(strings, pa.string())
    # pyarrow goes by the first block alone.
    types = known if _is_one_block(file) else {**_fitting(file, known), **known}
    yield from parts_of(_tables(file, types), file.name)


def _is_one_block(file: SourceFile) -> bool:
    return not file.path.endswith(tuple(COMPRESSIONS)) and file.size() < _BLOCK_BYTES


def _fitting(file: SourceFile, known: Types) -> Types:
    """Read the file once to find the first type that fits all values of each other column."""
    names: list[str] = next((table.column_names for table, _ in _tables(file, known)), [])
    if len(set(names)) < len(names):
        return {}
    kinds = {name: list(_KINDS) for name in names if name not in known}
    for table, _ in _tables(file, dict.fromkeys(names, pa.string())):
        for name, those in kinds.items():
            values = pc.if_else(pc.is_in(table[name], value_set=_NULLS), None, table[name])
            kinds[name] = [kind for kind in those if _fits(values, kind)]
    return {name: those[0] if those else pa.string() for name, those in kinds.items()}


def _fits(values: pa.ChunkedArray, kind: pa.DataType) -> bool:
    if pa.types.is_null(kind):
        return bool(values.null_count == len(values))
    try:
        values.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _tables(file: SourceFile, types: Types) -> Iterator[tuple[pa.Table, float]]:
    delimiter = "\t" if file.suffix == ".tsv" else ","
    num_rows = 0
    with opened(file) as (stream, done):
        try:
            reader = csv.open_csv(
                pa.PythonFile(_Checked(file, stream), mode="r"),
                read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
                parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
            )
            for batch in reader:
                num_rows += batch.num_rows
                yield pa.Table.from_batches([batch]), done()
        except pa.ArrowException as error:
            raise InputError(_problem(file, delimiter, str(error), num_rows)) from error


def _problem(file: SourceFile, delimiter: str, error: str, num_rows: int) -> str:
    if "straddl" in error:
        return (
            f"{file.name} has a row of more than {_BLOCK_BYTES >> 20} MB somewhere after row "
            f"{num_rows:,}, or a quote that is not closed; cut the text into passages, or close "
            "the quote"
        )
    return (
        f"{file.name} cannot be read with {delimiter!r} between its columns: {error}; "
        "a header line and rows of the same width are wanted"
    )


class _Checked:
    """A stream for pyarrow that refuses what is not UTF-8, naming the line and the offset."""

    closed = False

    def __init__(self, file: SourceFile, stream: Any) -> None:
        self._file = file
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._lines, self._offset = 0, 0

    def read(self, size: int) -> bytes:
        content: bytes = self._stream.read(size)
        kept = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:
            # The decoder sees the bytes of a character that was begun before, too.
            line = self._lines + error.object.count(b"\n", 0, error.start) + 1
            offset = self._offset - kept + error.start
            raise not_utf8(
                self._file, line, byte=error.object[error.start], offset=offset
            ) from error
        self._lines += content.count(b"\n")
        self._offset += len(content)
        return content

    def close(self) -> None:
        self.closed = True
