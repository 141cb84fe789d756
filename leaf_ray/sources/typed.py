"""Which type the values of a column of strings have in common, so that none of them changes."""

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

# What stands for "no value" in a column of numbers, dates or truth values: "", NA, null and such.
_NULLS = pa.array(csv.ConvertOptions().null_values, pa.string())
_WHOLE = r"(0|-?[1-9][0-9]*)"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MINUTE = _DAY + r"[ T][0-9]{2}:[0-9]{2}"
# In the order in which they are tried. Each form spells a value in one way only, so that no two
# values become one: 007 is no number, and 1.10 is none beside 1.1.
_FORMS = (
    (pa.int64(), _WHOLE),
    (pa.bool_(), "true|false"),
    (pa.bool_(), "True|False"),
    (pa.bool_(), "TRUE|FALSE"),
    (pa.date32(), _DAY),
    (pa.timestamp("s"), _MINUTE + "(:[0-9]{2})?"),
    (pa.timestamp("ns"), _MINUTE + r":[0-9]{2}(\.[0-9]{1,9})?"),
    (pa.float64(), r"-?(0|[1-9][0-9]*)(\.0|\.[0-9]*[1-9])?|-?[1-9](\.[0-9]*[1-9])?e[+-][0-9]{2,3}"),
    *((pa.float64(), rf"-?(0|[1-9][0-9]*)\.[0-9]{{{places}}}") for places in range(1, 16)),
)
# More digits than every float64 keeps, or an exponent that may be beyond its range.
_MAY_CHANGE = re.compile(r"[0-9.]{17}|e[+-][0-9]{3}")


class CommonType:
    """Finds the first type that all values of one column fit."""

    def __init__(self) -> None:
        self._forms: Sequence[tuple[pa.DataType, str]] = _FORMS
        self._only_empty = True
        self._has_value = False

    def add(self, values: pa.Array) -> None:
        """Take some of the column's strings."""
        self._only_empty &= bool(pc.all(pc.equal(values, ""), min_count=0).as_py())
        written = values.filter(pc.invert(pc.is_in(values, value_set=_NULLS)))
        self._has_value |= len(written) > 0
        self._forms = [form for form in self._forms if _fits(written, *form)]

    @property
    def found(self) -> pa.DataType:
        """The type: null where all values are empty, and string where no other keeps them."""
        if self._only_empty:
            return pa.null()
        # A column of "NA" alone may name a country.
        return self._forms[0][0] if self._forms and self._has_value else pa.string()


def typed(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return strings as values of `kind`, which fits them; what stands for no value is null."""
    if pa.types.is_string(kind):
        return values
    if pa.types.is_null(kind):
        return pa.nulls(len(values))
    return pc.if_else(pc.is_in(values, value_set=_NULLS), None, values).cast(kind)


def _fits(values: pa.Array, kind: pa.DataType, form: str) -> bool:
    if not pc.all(pc.match_substring_regex(values, f"^({form})$"), min_count=0).as_py():
        return False
    try:
        values.cast(kind)
    except pa.ArrowInvalid:
        return False
    return not pa.types.is_floating(kind) or all(map(_is_kept, values.to_pylist()))


def _is_kept(number: str) -> bool:
    """Tell whether a float64 is written as `number` is."""
    return _MAY_CHANGE.search(number) is None or repr(float(number)) == number
