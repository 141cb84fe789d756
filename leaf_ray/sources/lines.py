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
from leaf_ray.sources import row_batch
from leaf_ray.sources.locate import COMPRESSIONS, SourceFile
from leaf_ray.sources.rejected import Rejected

_BUFFER_BYTES = 1 << 20
# No text is as long: a file that was written as one line is refused before it fills the memory.
_LONGEST_LINE = 256 << 20
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_ESCAPED = re.compile("[\\udc80-\\udcff]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that follow each other, without their breaks, and those among them not in UTF-8.

    numbers: the number of each line of `texts`, from 1. done: how much of the file is read.
    """

    numbers: list[int]
    texts: list[str]
    rejected: tuple[Rejected, ...]
    done: float


@contextmanager
def opened(file: SourceFile) -> Iterator[tuple[Any, Callable[[], float]]]:
    """Give the file's decompressed bytes as a stream, and what tells how much of it is read.

    Raises InputError when it cannot be opened or read, or its compression is cut short.
    """
    size = max(1, file.size())
    try:
        # pyarrow has two kinds of input, and only this one knows its position.
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

    A byte that is not UTF-8 is half of a surrogate pair in its line, which `why_not_utf8` finds.

    Raises InputError when the file cannot be read, is in UTF-16, or has a line that is too long
    to be one text, naming the line.
    """
    with opened(file) as (stream, done):
        yield _broken(file, io.BufferedReader(stream, _BUFFER_BYTES)), done


def line_batches(file: SourceFile) -> Iterator[Lines]:
    """Yield all lines in order, about 10,000 or 16 MB at a time. Raises as `opened_lines` does."""
    numbers, texts, rejected, size = list[int](), list[str](), list[Rejected](), 0
    with opened_lines(file) as (lines, done):
        for number, line in enumerate(lines, start=1):
            reason = why_not_utf8(line)
            if reason is None:
                numbers.append(number)
                texts.append(line.rstrip("\r\n"))
            else:
                place = row_batch.place_of(file.name, number, has_lines=True)
                rejected.append(Rejected(place, reason, shortened_bytes(line)))
            size += len(line)
            if len(texts) + len(rejected) >= row_batch.MAX_ROWS or size >= row_batch.MAX_BYTES:
                yield Lines(numbers, texts, tuple(rejected), done())
                numbers, texts, rejected, size = [], [], [], 0
    if texts or rejected:
        yield Lines(numbers, texts, tuple(rejected), 1.0)


def read_lines(file: SourceFile) -> Iterator[tuple[int, str]]:
    """Yield each line with its number from 1, for files of which every line is needed.

    Raises InputError as `opened_lines` does, and for a line that is not UTF-8.
    """
    for lines in line_batches(file):
        if lines.rejected:
            raise InputError(str(lines.rejected[0]))
        yield from zip(lines.numbers, lines.texts, strict=True)


def why_not_utf8(text: str) -> str | None:
    """Return what is wrong with a line of `opened_lines`, or None if all of it is UTF-8."""
    found = None if text.isascii() else _ESCAPED.search(text)
    if found is None:
        return None
    offset = len(text[: found.start()].encode(errors="surrogateescape"))
    return (
        f"byte 0x{ord(found[0]) - 0xDC00:02x} at offset {offset} is not UTF-8; "
        "convert the file, for example with `iconv -t utf-8`"
    )


def shortened_bytes(text: str) -> str:
    """Return a shortened view of a line whose bytes are not all UTF-8."""
    return row_batch.shortened(_ESCAPED.sub("?", text.rstrip("\r\n")))


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
        if line.startswith(_UTF_16) or _alternates(line[:8]):
            raise InputError(
                f"{file.name} begins as a file in UTF-16 does, and UTF-8 is wanted; convert it, "
                "for example with `iconv -f utf-16 -t utf-8`"
            )
    return line.decode(errors="surrogateescape")


def _alternates(begin: bytes) -> bool:
    """Tell whether every other byte is zero, as those of Western letters in UTF-16 are."""
    one, other = begin[::2], begin[1::2]
    return len(begin) > 3 and any(all(a) and not any(b) for a, b in ((one, other), (other, one)))
