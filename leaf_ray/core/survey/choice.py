"""Which column of a source is its text, id, title, query and kind.

Names decide first, and then what the values look like. A column that `leaf texts` would take by
its name, but whose values it would refuse, is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from leaf_ray.core.survey.column import Column
from leaf_ray.core.survey.names import ID, QUERY, SUMMARY, TEXT, TITLE, rank
from leaf_ray.core.text.texts import KINDS
from leaf_ray.errors import InputError

# Fewer rows do not show that values never come twice.
_ENOUGH_TO_BE_UNIQUE = 20
_MOST_TITLE_WORDS = 30
_SHOWN_NAMES = 6
_OURS = ("id", "text", "title", "query", "kind")


@dataclass(frozen=True, slots=True)
class Choice:
    """columns: the source's names by ours, of all columns that have a role.

    reasons: why, by our names. others: what could have been chosen as well, by our names.
    leave_out: columns that a run has to leave out, and why.
    """

    columns: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    leave_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def renamed(self) -> dict[str, str]:
        """What a run file has to say: the columns that are not called as we call them."""
        known = {"id": ("id", "_id")}
        named = self.columns.items()
        return {our: their for our, their in named if their not in known.get(our, (our,))}


def known_columns(names: Iterable[str]) -> Choice:
    """Return the choice where the format says what its columns are."""
    found = set(names)
    identifier = next((name for name in ("_id", "id") if name in found), None)
    columns = {"id": identifier} if identifier else {}
    return Choice({**columns, **{our: our for our in ("text", "title", "query") if our in found}})


def choose_columns(
    columns: Sequence[Column], *, spoiled: Mapping[str, str] | None = None
) -> Choice:
    """Return which column is what.

    spoiled: columns that turned out to be of no use, and why.

    Raises:
        InputError: none can be the text; says what there is and what to do.
    """
    spoiled = spoiled or {}
    leave_out = {name: why for name, why in spoiled.items() if name in (*_OURS, "_id")}
    usable = [column for column in columns if column.name not in spoiled]
    text, reason, others = _text(usable)
    chosen, reasons = {"text": text.name}, {"text": reason}
    rest = [column for column in usable if column is not text]
    for our, pick in (("kind", _kind), ("title", _title), ("query", _query)):
        column, why = pick(rest)
        if column is not None:
            chosen[our], reasons[our] = column.name, why
        elif (column := _of_name(rest, our)) is not None:
            leave_out[column.name] = why
        rest = [c for c in rest if c is not column]
    leave_out.update(_vectors(rest))
    identifiers, left_out = _ids(rest)
    if identifiers:
        chosen["id"], reasons["id"] = identifiers[0]
    summaries = [c.name for c in rest if c.is_prose and rank(c.name, SUMMARY) is not None]
    leave_out.update(left_out)
    alternatives = {
        "text": others,
        "id": [name for name, _ in identifiers[1:]],
        "query": [] if "query" in chosen else summaries,
    }
    taken = {*chosen.values(), *leave_out}
    free = {our: [n for n in names if n not in taken] for our, names in alternatives.items()}
    return Choice(
        {our: chosen[our] for our in _OURS if our in chosen},
        reasons,
        {our: names for our, names in free.items() if names},
        leave_out,
    )


def _text(columns: Sequence[Column]) -> tuple[Column, str, list[str]]:
    """Return the column of the texts, why, and the names of those that are as plausible."""
    exact = _of_name(columns, "text")
    if exact is not None and exact.form == "mixed":
        return exact, "", []
    strings = [column for column in columns if column.has_strings and not column.names_kinds]
    prose = [column for column in strings if column.is_prose]
    for among in (_without_other_roles(prose), prose):
        if among:
            return _best(among)
    # Single words are texts where nothing else can be, such as the entries of a dictionary.
    named = [column for column in strings if rank(column.name, TEXT) is not None]
    if len(named) == 1 or len(columns) == len(strings) == 1:
        return (named or strings)[0], "the only strings", []
    raise InputError(_no_text(columns))


def _best(among: Sequence[Column]) -> tuple[Column, str, list[str]]:
    named = [c for c in among if rank(c.name, TEXT) is not None and c.share_empty < 0.5]
    exact = next((c for c in named if c.name == "text"), None)
    if exact is not None:
        best, reason = exact, ""
    elif named:
        best = max(named, key=attrgetter("characters"))
        reason = f"the name; {best.words:.0f} words"
    else:
        best = max(among, key=lambda c: c.characters * (1 - c.share_empty) * c.share_distinct)
        reason = f"the longest strings: {best.words:.0f} words"
    others = [c for c in among if c is not best and 2 * c.characters >= best.characters]
    # Texts differ from row to row; licences and categories do not.
    others = [c for c in others if 2 * c.share_distinct >= best.share_distinct]
    others.sort(key=attrgetter("characters"), reverse=True)
    return best, reason, [column.name for column in others]


def _without_other_roles(columns: Sequence[Column]) -> list[Column]:
    return [c for c in columns if all(rank(c.name, names) is None for names in (TITLE, QUERY))]


def _no_text(columns: Sequence[Column]) -> str:
    shown = [f"{c.name} ({_or_empty(c)})" for c in columns[:_SHOWN_NAMES]]
    more = f" and {len(columns) - _SHOWN_NAMES} more" if len(columns) > _SHOWN_NAMES else ""
    return (
        f"no column holds texts: found {', '.join(shown) or 'no column'}{more}; strings of several "
        "words are wanted in one column: write the texts there, or call the column `text` if they "
        "are single words"
    )


def _or_empty(column: Column) -> str:
    return "empty" if column.form == "empty" else column.type


def _vectors(columns: Sequence[Column]) -> Iterable[tuple[str, str]]:
    for column in columns:
        # A column of the name `vector` is never read.
        if column.form == "vectors" and column.name != "vector":
            yield column.name, "vectors, which a run makes itself"


def _of_name(columns: Sequence[Column], name: str) -> Column | None:
    return next((column for column in columns if column.name == name), None)


def _kind(columns: Sequence[Column]) -> tuple[Column | None, str]:
    named = _of_name(columns, "kind")
    if named is not None:
        is_usable = named.form in ("empty", "mixed") or named.names_kinds
        return (named, "") if is_usable else (None, f"its values are not {' or '.join(KINDS)}")
    found = next((c for c in columns if c.has_strings and c.names_kinds), None)
    return found, f"its values are {' and '.join(KINDS)}"


def _title(columns: Sequence[Column]) -> tuple[Column | None, str]:
    named = _of_name(columns, "title")
    if named is not None:
        is_usable = named.form in ("strings", "empty", "mixed")
        return (named, "") if is_usable else (None, f"{named.type} and no strings")
    short = [c for c in columns if c.has_strings and c.words <= _MOST_TITLE_WORDS]
    return _by_name([c for c in short if not c.is_code], TITLE), "put in front of the text"


def _query(columns: Sequence[Column]) -> tuple[Column | None, str]:
    named = _of_name(columns, "query")
    if named is not None:
        is_usable = named.form in ("strings", "empty", "mixed")
        return (named, "") if is_usable else (None, f"{named.type} and no strings")
    return _by_name([c for c in columns if c.is_prose], QUERY), "what the row answers"


def _ids(columns: Sequence[Column]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return the names that could be the id, best first, with reasons; and what is left out."""
    left_out = dict[str, str]()
    for name in ("id", "_id"):
        column = _of_name(columns, name)
        if column is not None and column.form in ("strings", "integers", "empty", "mixed"):
            return [(name, "")], left_out
        if column is not None:
            left_out[name] = f"{column.type}, where strings or whole numbers are wanted"
    usable = [c for c in columns if c.share_distinct == 1 and (c.is_code or c.form == "integers")]
    named = [c for c in usable if rank(c.name, ID) is not None]
    named.sort(key=lambda column: rank(column.name, ID) or 0)
    others = [c for c in usable if c not in named and c.num_rows >= _ENOUGH_TO_BE_UNIQUE]
    # Numbers are unique by chance too: prices, times. Those of rows rise.
    others = [c for c in others if c.is_increasing or (c.form == "strings" and c.type == "string")]
    return [
        *((c.name, "the name, and no value comes twice") for c in named),
        *((c.name, "no value comes twice") for c in others),
    ], left_out


def _by_name(columns: Sequence[Column], names: Sequence[str]) -> Column | None:
    ranked = [(rank(column.name, names), column) for column in columns]
    found = [(place, column) for place, column in ranked if place is not None]
    return min(found, key=lambda pair: pair[0])[1] if found else None
