"""Lines of a UTF-8 file, compressed or not.

A line ends with a line feed, a carriage return or both. No other character breaks one, such as
U+0085 or U+2028.
"""

import codecs
import io
import re
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
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that follow each other, without their breaks. done: how much of the file is read."""

    first: int
    texts: list[str]
    done: float


@contextmanager
def opened(file: SourceFile) -> Iterator[tuple[Any, Callable[[], float]]]:
    """Give the file's decompressed bytes as a stream, and what tells how much of it is read.

    Raises InputError when it cannot be opened or read, or its compression is cut short.
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


@contextmanager
def opened_lines(file: SourceFile) -> Iterator[tuple[Iterator[str], Callable[[], float]]]:
    """Give the file's lines with their breaks, and what tells how much of it is read.

    Raises InputError when the file cannot be read, or a line is not UTF-8, naming the line.
    """
    with opened(file) as (stream, done):
        yield _broken(file, io.BufferedReader(stream, _BUFFER_BYTES)), done


def line_batches(file: SourceFile) -> Iterator[Lines]:
    """Yield all lines in order, about 10,000 or 16 MB at a time. Raises as `opened_lines` does."""
    first, texts, size = 1, list[str](), 0
    with opened_lines(file) as (lines, done):
        for line in lines:
            texts.append(line.rstrip("\r\n"))
            size += len(line)
            if len(texts) >= part.MAX_ROWS or size >= part.MAX_BYTES:
                yield Lines(first, texts, done())
                first, texts, size = first + len(texts), [], 0
    if texts:
        yield Lines(first, texts, 1.0)


def read_lines(file: SourceFile) -> Iterator[tuple[int, str]]:
    """Yield each line with its number from 1; raises as `opened_lines` does."""
    for lines in line_batches(file):
        yield from enumerate(lines.texts, start=lines.first)


def _broken(file: SourceFile, reader: io.BufferedReader) -> Iterator[str]:
    number = 1
    while line := reader.readline(_LONGEST_LINE):
        text = _decoded(file, number, line)
        if "\r" in text:
            found = _LINE.findall(text)
            yield from found
            number += len(found)
        else:
            yield text
            number += 1


def _decoded(file: SourceFile, number: int, line: bytes) -> str:
    if len(line) == _LONGEST_LINE:
        raise InputError(
            f"{file.name}:{number}: the line is longer than {_LONGEST_LINE >> 20} MB; "
            "one text per line is wanted"
        )
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
        # Western letters in UTF-16 have a zero byte each.
        if line.startswith(_UTF_16) or b"\0" in line[:2]:
            raise InputError(
                f"{file.name} begins as a file in UTF-16 does, and UTF-8 is wanted; convert it, "
                "for example with `iconv -f utf-16 -t utf-8`"
            )
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(file, number, error) from error


def _not_utf8(file: SourceFile, number: int, error: UnicodeDecodeError) -> InputError:
    """Return the error that names the line, the byte and where in the line it is."""
    before = error.object[: error.start].decode("latin-1")
    breaks = [found.end() for found in re.finditer(r"\r", before)]
    offset = error.start - (breaks[-1] if breaks else 0)
    return InputError(
        f"{file.name}:{number + len(breaks)}: byte 0x{error.object[error.start]:02x} at offset "
        f"{offset} is not UTF-8; convert the file, for example with `iconv -t utf-8`"
    )
