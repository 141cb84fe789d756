"""Lines of a UTF-8 file, compressed or not."""

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.store.sources import part
from leaf_ray.store.sources.locate import COMPRESSIONS, SourceFile

_BUFFER_BYTES = 1 << 20
# No text is as long: a file that was written as one line is refused before it fills the memory.
_LONGEST_LINE = 256 << 20


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that follow each other, without their breaks. done: how much of the file is read."""

    first: int
    texts: list[str]
    done: float


@contextmanager
def opened(file: SourceFile) -> Iterator[tuple[Any, Callable[[], float]]]:
    """Give the file's decompressed bytes as a stream, and what tells how much of it is read.

    Raises InputError when it cannot be opened or read.
    """
    size = max(1, file.size())
    try:
        # Of pyarrow's two kinds, only this one tells where it is.
        with file.filesystem.open_input_file(file.path) as raw:
            codec = next((c for s, c in COMPRESSIONS.items() if file.path.endswith(s)), None)
            stream = raw
            if codec is not None:
                stream = pa.CompressedInputStream(pa.BufferedInputStream(raw, _BUFFER_BYTES), codec)
            yield stream, lambda: min(1.0, raw.tell() / size)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{file.name} cannot be read: {error}; restore the file or its permissions"
        ) from error


def line_batches(file: SourceFile) -> Iterator[Lines]:
    """Yield all lines in order, about 10,000 or 16 MB at a time.

    Raises InputError when the file cannot be read, or a line is not UTF-8, naming the line.
    """
    first, texts, size = 1, list[str](), 0
    with opened(file) as (stream, done):
        reader = io.BufferedReader(stream, _BUFFER_BYTES)
        while line := reader.readline(_LONGEST_LINE):
            number = first + len(texts)
            texts.append(_decoded(file, number, line))
            size += len(line)
            if len(texts) >= part.MAX_ROWS or size >= part.MAX_BYTES:
                yield Lines(first, texts, done())
                first, texts, size = number + 1, [], 0
    if texts:
        yield Lines(first, texts, 1.0)


def read_lines(file: SourceFile) -> Iterator[tuple[int, str]]:
    """Yield each line with its number from 1; raises as `line_batches` does."""
    for lines in line_batches(file):
        yield from enumerate(lines.texts, start=lines.first)


def not_utf8(file: SourceFile, line: int, *, byte: int, offset: int) -> InputError:
    """Return the error that names the byte, and what to do about it."""
    return InputError(
        f"{file.name}:{line}: byte 0x{byte:02x} at offset {offset} is not UTF-8; "
        "convert the file, for example with `iconv -t utf-8`"
    )


def _decoded(file: SourceFile, number: int, line: bytes) -> str:
    if len(line) == _LONGEST_LINE:
        raise InputError(
            f"{file.name}:{number}: the line is longer than {_LONGEST_LINE >> 20} MB; "
            "one text per line is wanted"
        )
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise not_utf8(file, number, byte=error.object[error.start], offset=error.start) from error
