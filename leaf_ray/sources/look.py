"""A look at a source: its columns, which of them is what, and what its first rows would become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from leaf_ray.core.survey.choice import Choice, choose_columns, known_columns
from leaf_ray.core.survey.column import Column
from leaf_ray.core.survey.query_plan import QueryPlan
from leaf_ray.errors import InputError
from leaf_ray.sources.canonical import Layout
from leaf_ray.sources.find import Found
from leaf_ray.sources.first_columns import first_columns
from leaf_ray.sources.first_read import FirstRead, first_read, plan_of
from leaf_ray.sources.formats import DELIMITED
from leaf_ray.sources.naming import other_delimiter

# A source of which more rows are lost is not what it was taken for.
_MOST_LOST = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a source finds."""

    found: Found
    columns: tuple[Column, ...]
    choice: Choice
    read: FirstRead
    plan: QueryPlan


def look_at(found: Found, *, max_rejected: int) -> Look:
    """Read the first rows of a source, choose its columns, and try the choice on the same rows.

    max_rejected: rows that a run goes on without where its file does not say otherwise.

    Raises InputError when the source cannot be used, saying why and what to do.
    """
    columns = first_columns(found)
    if found.has_known_columns:
        choice = known_columns(column.name for column in columns)
        read = first_read(found, Layout())
    else:
        _refuse_other_delimiter(found, columns)
        choice, read = _tried(found, columns, max_rejected)
    if read.num_lost > _MOST_LOST * read.rows.read:
        raise InputError(
            f"{found.name}: {read.num_lost:,} of {read.rows.read:,} rows cannot be used; "
            f"{'; '.join(map(str, read.rejected)) or 'their ids are those of other texts'}; mend "
            "them first"
        )
    return Look(found, columns, choice, read, plan_of(found, read))


def _tried(found: Found, columns: Sequence[Column], max_rejected: int) -> tuple[Choice, FirstRead]:
    """Return the choice and what it gives; without the columns that would cost too many rows."""
    try:
        choice = choose_columns(columns)
    except InputError as error:
        raise InputError(f"{found.name}: {error}") from None
    read = first_read(found, _layout(choice))
    mixed = {c.name: "values of several types" for c in columns if c.form == "mixed"}
    identifier = choice.columns.get("id", "")
    for spoiled in (mixed, {**mixed, identifier: "some texts have the same one"}):
        if read.rows.scaled(read.num_lost) <= max_rejected:
            break
        others = _without(columns, spoiled)
        if others is not None and others != choice:
            other_read = first_read(found, _layout(others))
            if other_read.num_lost < read.num_lost:
                choice, read = others, other_read
    # A run refuses to leave out a column that none of its usable rows has.
    left_out = {n: why for n, why in choice.leave_out.items() if n in read.agreement.seen}
    return replace(choice, leave_out=left_out), read


def _without(columns: Sequence[Column], spoiled: Mapping[str, str]) -> Choice | None:
    try:
        return choose_columns(columns, spoiled=spoiled)
    except InputError:
        return None


def _layout(choice: Choice) -> Layout:
    return Layout(columns=choice.renamed, leave_out=frozenset(choice.leave_out))


def _refuse_other_delimiter(found: Found, columns: Sequence[Column]) -> None:
    suffixes = {piece.file.suffix for piece in found.pieces if piece.file is not None}
    names = [column.name for column in columns]
    if suffixes and suffixes <= set(DELIMITED) and (mends := other_delimiter(names)):
        raise InputError(f"{found.name} has one column, {names[0]!r}; {mends}")
