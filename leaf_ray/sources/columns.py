"""Which columns all files of a source have in common, found out while they are read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from leaf_ray.core.text.metadata import common_type
from leaf_ray.core.text.texts import ID_FIELD, KIND_FIELD, TEXT_FIELD
from leaf_ray.sources.canonical import CONTENT, NUMBER_FIELD, CanonicalRows, Layout
from leaf_ray.sources.extent import Extent
from leaf_ray.sources.naming import check_left_out, check_named

_FIELDS = (ID_FIELD, TEXT_FIELD, KIND_FIELD, NUMBER_FIELD)
# What is no metadata.
OURS = frozenset({"query", *(ours.name for ours in _FIELDS), *CONTENT})


@dataclass(slots=True)
class _Seen:
    """A column's type so far, where it was first seen, and how far its values go."""

    kind: pa.DataType
    place: str
    extent: Extent


@dataclass(slots=True)
class _File:
    """The columns of one file so far: as they are kept, and as the file calls them."""

    name: str
    num_rows: int = 0
    columns: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Agreement:
    """What became of the columns of a source; whole once all of its rows are read.

    passed_over: columns that are left out though nobody asked for that, by name, and why.
    missing: columns that some files lack, where they are null, by name, and which files.
    seen: all columns as the source calls them.
    """

    passed_over: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


def agreeing(
    rows: Iterator[CanonicalRows], layout: Layout, agreement: Agreement
) -> Iterator[CanonicalRows]:
    """Yield what goes in, without metadata whose values have no type in common.

    A column without any value so far fits any type, numbers and times may become wider, objects
    may gain fields, and a column may come late or be missing, where it is null.

    Raises InputError for a column of `layout.columns` that a file turns out not to have.
    """
    columns = _Columns(agreement)
    file = _File("")
    for part in rows:
        if part.name != file.name:
            columns.end(file, layout)
            file = _File(part.name)
        file.named |= set(part.columns)
        file.num_rows += part.table.num_rows
        agreed = columns.add(part)
        file.columns |= {name for name in agreed.table.column_names if name not in OURS}
        yield agreed
    columns.end(file, layout)
    columns.tell_missing()


class _Columns:
    """The metadata of all files so far."""

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._seen: dict[str, _Seen] = {}
        self._files: list[str] = []
        self._num_holding = Counter[str]()
        self._lacking: dict[str, str] = {}

    def add(self, rows: CanonicalRows) -> CanonicalRows:
        """Return the rows without the columns whose values have no type in common."""
        passed_over = self._agreement.passed_over
        for name, why in rows.passed_over.items():
            passed_over.setdefault(name, why)
        for column in rows.table.schema:
            if column.name not in OURS and column.name not in passed_over:
                reason = self._widened(column, rows)
                if reason is not None:
                    passed_over[column.name] = reason
        names = rows.table.column_names
        dropped = [name for name in names if name in passed_over and name not in OURS]
        return replace(rows, table=rows.table.drop_columns(dropped))

    def end(self, file: _File, layout: Layout) -> None:
        """Record that a file has been read."""
        # The columns of a file without a usable row are unknown.
        if file.named:
            check_named(file.name, sorted(file.named), layout.columns)
        self._agreement.seen |= file.named
        if not file.num_rows:
            return
        for name in self._seen.keys() - file.columns:
            self._lacking.setdefault(name, file.name)
        for name in file.columns - self._num_holding.keys() if self._files else ():
            self._lacking.setdefault(name, self._files[0])
        self._num_holding.update(file.columns)
        self._files.append(file.name)

    def tell_missing(self) -> None:
        """Put down which columns some files lack."""
        for name, lacking in self._lacking.items():
            num_lacking = len(self._files) - self._num_holding[name]
            if name not in self._agreement.passed_over and self._num_holding[name]:
                self._agreement.missing[name] = (
                    f"null for {num_lacking} of {len(self._files)} files, which lack it, such as "
                    f"{lacking}"
                )

    def _widened(self, column: pa.Field, rows: CanonicalRows) -> str | None:
        """Widen the type of a column; return why that is not possible, if it is not."""
        extent = Extent.of(rows.table.column(column.name))
        known = self._seen.setdefault(column.name, _Seen(column.type, rows.place, extent))
        known.extent = known.extent.union(extent)
        kind = common_type(known.kind, column.type)
        if kind is None or (known.kind != column.type and not known.extent.fits(kind)):
            return (
                f"its values have no type in common: {column.type} at {rows.place} or after it, "
                f"{known.kind} at {known.place} or after it"
            )
        if pa.types.is_null(known.kind):
            known.place = rows.place
        known.kind = kind
        return None


def checked(
    rows: Iterator[CanonicalRows], name: str, layout: Layout, agreement: Agreement
) -> Iterator[CanonicalRows]:
    """Yield what goes in. Raises InputError when a column of `layout.leave_out` was nowhere."""
    yield from rows
    check_left_out(name, agreement.seen, layout.leave_out)
