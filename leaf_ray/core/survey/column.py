"""What the values of one column look like."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import pyarrow as pa

from leaf_ray.core.survey.words import num_words
from leaf_ray.core.text.texts import KINDS, is_text_type

Form = Literal["strings", "integers", "vectors", "empty", "mixed", "other"]
_LONGEST_CODE = 80
_FEWEST_DIMENSIONS = 16
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source, by the values of some of its rows.

    type: of the values, for people.
    why_unread: why the reader of the format passes the column over; "" where it does not.
    share_empty: of rows without a value, or with white space alone.
    words, characters: the medians of strings that are not empty.
    share_distinct: distinct values among all; 1 where none comes twice.
    is_increasing: whether each integer is above the last.
    is_prose: whether the values are words that follow each other.
    is_code: whether each value is short, in ASCII and without white space.
    names_kinds: whether each value says what a row is, a query or a document.
    """

    name: str
    type: str
    form: Form
    num_rows: int
    why_unread: str = ""
    share_empty: float = 0.0
    words: float = 0.0
    characters: float = 0.0
    share_distinct: float = 0.0
    is_increasing: bool = False
    is_prose: bool = False
    is_code: bool = False
    names_kinds: bool = False
    example: str = ""

    @property
    def has_strings(self) -> bool:
        """Whether at least one value is a string that says something."""
        return self.form == "strings" and self.share_empty < 1


def column_of(
    name: str, kind: pa.DataType, values: Sequence[Any], *, written: pa.DataType | None = None
) -> Column:
    """Return what is to be said of a column with these values.

    written: the type that strings spell, where a format knows only strings. None: their own.
    """
    form = form_of(kind, values)
    present = [value for value in values if not _is_empty(value)]
    column = Column(
        name=name,
        type=_shown(kind if written is None else written),
        form=form if present else "empty",
        num_rows=len(values),
        share_empty=1 - len(present) / len(values) if values else 0.0,
        example=_example(present[0]) if present else "",
    )
    if form == "strings" and present:
        return replace(column, **_of_strings(present, is_spelled=_spells(written)))
    if form == "integers" and present:
        is_increasing = all(before < after for before, after in pairwise(present))
        distinct = len(set(present)) / len(present)
        return replace(column, share_distinct=distinct, is_increasing=is_increasing)
    return column


def form_of(kind: pa.DataType, values: Sequence[Any]) -> Form:
    """Return which form values of a type have."""
    if is_text_type(kind):
        return "strings"
    if pa.types.is_integer(kind):
        return "integers"
    if pa.types.is_null(kind):
        return "empty"
    if _is_list(kind) and pa.types.is_floating(kind.value_type):
        lengths = {len(value) for value in values if value is not None}
        if len(lengths) == 1 and lengths.pop() >= _FEWEST_DIMENSIONS:
            return "vectors"
    return "other"


def unread_column(name: str, why: str, *, num_rows: int) -> Column:
    """Return a column of which no value was read."""
    return Column(name, "not read", "mixed", num_rows, why_unread=why)


def _of_strings(values: Sequence[str], *, is_spelled: bool) -> dict[str, Any]:
    words = statistics.median(num_words(value) for value in values)
    characters = statistics.median(map(len, values))
    # Some scripts have no blanks between words.
    is_long = characters > _LONGEST_CODE and not all(map(str.isascii, values))
    return {
        "words": words,
        "characters": characters,
        "share_distinct": len(set(values)) / len(values),
        "is_increasing": is_spelled and _increases(values),
        "is_prose": (words >= 2 or is_long) and not is_spelled and not all(map(_URL.match, values)),
        "is_code": all(
            len(v) <= _LONGEST_CODE and v.isascii() and not re.search(r"\s", v) for v in values
        ),
        "names_kinds": set(values) <= set(KINDS),
    }


def _increases(values: Sequence[str]) -> bool:
    if not all(value.isdecimal() for value in values):
        return False
    return all(int(before) < int(after) for before, after in pairwise(values))


def _spells(written: pa.DataType | None) -> bool:
    """Tell whether strings are numbers, dates or truth values as a file writes them."""
    return written is not None and not is_text_type(written) and not pa.types.is_null(written)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _shown(kind: pa.DataType) -> str:
    if is_text_type(kind):
        return "string"
    if pa.types.is_null(kind):
        return "empty"
    if pa.types.is_struct(kind):
        return f"struct of {kind.num_fields}"
    if _is_list(kind):
        return f"list of {_shown(kind.value_type)}"
    return str(kind)


def _example(value: Any) -> str:
    return " ".join(str(value)[:400].split())
