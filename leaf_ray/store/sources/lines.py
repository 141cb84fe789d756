"""Lines of a UTF-8 file, compressed or not."""

import codecs
import io
from collections.abc import Iterator

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.store.sources.locate import SourceFile


def read_bytes(file: SourceFile) -> bytes:
    """Return the whole file, decompressed, without a byte order mark.

    Raises InputError when it cannot be read or is not UTF-8, naming the line.
    """
    try:
        with file.filesystem.open_input_stream(file.path, compression="detect") as stream:
            content: bytes = stream.read()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _not_utf8(file, line, error) from error
    return content.removeprefix(codecs.BOM_UTF8)


def read_lines(file: SourceFile) -> Iterator[tuple[int, str]]:
    """Yield each line with its number from 1, without its line break.

    Raises InputError when the file cannot be read or a line is not UTF-8, naming the line.
    """
    try:
        with file.filesystem.open_input_stream(file.path, compression="detect") as stream:
            for number, line in enumerate(io.BufferedReader(stream), start=1):
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                yield number, _decoded(file, number, line).rstrip("\r\n")
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error


def _decoded(file: SourceFile, number: int, line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(file, number, error) from error


def _unreadable(file: SourceFile, error: Exception) -> InputError:
    return InputError(f"{file.name} cannot be read: {error}; restore the file or its permissions")


def _not_utf8(file: SourceFile, line: int, error: UnicodeDecodeError) -> InputError:
    byte = error.object[error.start]
    return InputError(
        f"{file.name}:{line}: byte 0x{byte:02x} at offset {error.start} is not UTF-8; "
        "convert the file, for example with `iconv -t utf-8`"
    )
