"""Rows of CSV and TSV files as strings, each with the line where it begins."""

import csv
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from leaf_ray.errors import InputError
from leaf_ray.sources.lines import opened_lines
from leaf_ray.sources.locate import SourceFile

log = logging.getLogger(__name__)

_BREAK = re.compile(r"\r\n|\r|\n")
# A quote that is not closed takes in what follows; so much of it is read before that is said.
_LONGEST_VALUE = 16 << 20


@dataclass(frozen=True, slots=True)
class Form:
    """How a file holds its values apart. is_said: whether the run file says it of the quotes."""

    delimiter: str
    has_quotes: bool
    is_said: bool

    @classmethod
    def of(cls, file: SourceFile, *, quotes: bool | None) -> "Form":
        """Return the form of a file; `quotes` is what the run file says of them."""
        is_tsv = file.suffix == ".tsv"
        has_quotes = not is_tsv if quotes is None else quotes
        return cls("\t" if is_tsv else ",", has_quotes, is_said=quotes is not None)


@contextmanager
def delimited_rows(
    file: SourceFile, form: Form
) -> Iterator[tuple[Iterator[tuple[int, list[str]]], Callable[[], float]]]:
    """Give the rows of a file, the header too, and what tells how much of it is read.

    A row comes with the line where it begins. A blank line is a row without values, but not
    before the header.

    Raises InputError when the file cannot be read or is not UTF-8, and, naming the line, for a
    quote that is not closed, one that is closed before the end of its value, and a value of more
    than 16 M characters. A warning names the first quote that may have taken in whole rows.
    """
    # The limit is one of the whole process, and other packages may have raised it.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_VALUE))
    with opened_lines(file) as (lines, done):
        reader = csv.reader(
            lines,
            delimiter=form.delimiter,
            quoting=csv.QUOTE_MINIMAL if form.has_quotes else csv.QUOTE_NONE,
            strict=True,
        )
        yield _numbered(file, form, reader), done


def _numbered(file: SourceFile, form: Form, reader: Any) -> Iterator[tuple[int, list[str]]]:
    begin, is_first, is_told = 1, True, form.is_said
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InputError(_problem(file, form, begin, reader.line_num, str(error))) from error
        if row is None:
            return
        if not is_told and reader.line_num > begin and _may_be_several(row, form.delimiter):
            is_told = True
            log.warning(
                "%s:%d: a quote that opens in this row closes in line %d, and each line between "
                "looks like a row of its own; if it is a character, set texts.quotes to false",
                *(file.name, begin, reader.line_num),
            )
        # Blank lines before the header say nothing.
        if row or not is_first:
            yield begin, row
            is_first = False
        begin = reader.line_num + 1


def _may_be_several(row: list[str], delimiter: str) -> bool:
    """Tell whether each line of a row has as many delimiters as the row has between its values."""
    lines = _BREAK.split(delimiter.join(row))
    return len(row) > 1 and all(line.count(delimiter) == len(row) - 1 for line in lines)


def _problem(file: SourceFile, form: Form, begin: int, line: int, error: str) -> str:
    fix = "; double a quote inside of quotes, or set texts.quotes to false if it is a character"
    if "limit" in error:
        hint = " or a quote that is not closed" if form.has_quotes else ""
        return (
            f"{file.name}:{begin}: a value has more than {_LONGEST_VALUE:,} characters{hint}; cut "
            "the text into passages" + (fix if form.has_quotes else "")
        )
    if "unexpected end" in error:
        return f"{file.name}:{begin}: a quote opens in this row and is never closed{fix}"
    return (
        f"{file.name}:{begin}: a quote opens in this row, and the one in line {line} that closes "
        f"it is followed by more than {form.delimiter!r} or the end of the line{fix}"
    )
