"""Relevance judgments in BEIR's tab-separated form and in TREC's."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa

from leaf_ray.core.text.texts import QRELS_SCHEMA
from leaf_ray.errors import InputError
from leaf_ray.sources.lines import read_lines
from leaf_ray.sources.locate import COMPRESSIONS, Location, SourceFile

log = logging.getLogger(__name__)

SUFFIXES = (".tsv", ".txt", ".qrels", ".qrel", ".trec")
_PREFERRED = ("test", "dev", "train")
_WHOLE = re.compile(r"[+-]?[0-9]{1,10}(\.0*)?")
_LIMIT = 2**31
_WANTED = (
    "three columns with tabs between them are wanted (query-id, corpus-id, score), or the four of "
    "TREC (query-id, iteration, corpus-id, score) with tabs or blanks between them"
)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a file writes a judgment. has_tabs: tabs, and not blanks, stand between its columns."""

    has_tabs: bool
    width: int

    @classmethod
    def of(cls, line: str) -> "_Form | None":
        """Return the form of a line, or None if it has none of the two."""
        for form in (cls(has_tabs=True, width=3), cls(has_tabs=True, width=4)):
            if len(form.fields(line)) == form.width:
                return form
        blanks = cls(has_tabs=False, width=4)
        return blanks if len(blanks.fields(line)) == blanks.width else None

    def fields(self, line: str) -> list[str]:
        """Return the columns of a line; tabs and blanks at its end are none."""
        line = line.rstrip("\t ")
        return line.split("\t") if self.has_tabs else re.split("[\t ]+", line.lstrip("\t "))


def choose_qrels(folder: Location) -> SourceFile | None:
    """Return the file called test, else dev, else train, else the only file.

    Files are those with one of SUFFIXES, compressed or not. If there are others that might have
    been meant, a warning names them. None if the folder has no file at all.

    Raises InputError when no file can be read, when there are several and none has one of those
    names, and when one of these is there twice, such as plain and compressed.
    """
    found = folder.files()
    files = [file for file in found if file.suffix in SUFFIXES]
    names = sorted(_name(file) for file in files)
    if found and not files:
        raise InputError(
            f"{folder.uri} holds {sorted(map(_name, found))} and no judgments that can be read; "
            f"name their file test.tsv ({_WANTED}), or remove the folder"
        )
    for stem in _PREFERRED:
        chosen = [file for file in files if _stem(file) == stem]
        if len(chosen) > 1:
            raise InputError(f"{folder.uri} holds {sorted(map(_name, chosen))}; leave one of them")
        if chosen:
            _tell_of_others(folder, chosen[0], names)
            return chosen[0]
    if len(files) > 1:
        raise InputError(f"{folder.uri} holds {names}; name the one to use test.tsv")
    return next(iter(files), None)


def read_qrels(file: SourceFile) -> pa.Table:
    """Return query_id, document_id and relevance as in `QRELS_SCHEMA`, in the file's order.

    The first line that is not blank says which form the file has: BEIR's or TREC's. It is a
    header if its score is no number. A judgment that comes again with the same score is one.
    A grade below 0, as TREC has for spam, is kept; in metrics it counts as not relevant.

    Raises InputError naming the line that has another form, no id, no whole number as its score,
    or a second score for the same pair.
    """
    scores: dict[tuple[str, str], int] = {}
    form: _Form | None = None
    for number, line in read_lines(file):
        place = f"{file.name}:{number}"
        if not line.strip("\t "):
            continue
        if form is None:
            form = _form(place, line)
            if _is_header(place, form.fields(line)):
                continue
        query, document, score = _judgment(place, line, form)
        if scores.setdefault((query, document), score) != score:
            raise InputError(
                f"{place}: query {query!r} and document {document!r} have the scores "
                f"{scores[query, document]} and {score}; one is wanted"
            )
    columns = (
        [query for query, _ in scores],
        [document for _, document in scores],
        list(scores.values()),
    )
    arrays = [
        pa.array(column, field.type) for column, field in zip(columns, QRELS_SCHEMA, strict=True)
    ]
    return pa.table(arrays, schema=QRELS_SCHEMA)


def _name(file: SourceFile) -> str:
    return PurePosixPath(file.path).name


def _stem(file: SourceFile) -> str:
    path = PurePosixPath(file.path)
    return (path.with_suffix("") if path.suffix in COMPRESSIONS else path).stem


def _tell_of_others(folder: Location, chosen: SourceFile, names: Sequence[str]) -> None:
    others = [name for name in names if name != _name(chosen)]
    if others:
        log.warning(
            "the judgments of %s are used; %s of %s are not read",
            *(chosen.name, ", ".join(others), folder.uri),
        )


def _form(place: str, line: str) -> _Form:
    form = _Form.of(line)
    if form is None:
        raise InputError(f"{place}: found {line!r}; {_WANTED}")
    return form


def _is_header(place: str, fields: Sequence[str]) -> bool:
    try:
        float(fields[-1])
    except ValueError:
        names = [name.lower() for name in fields]
        documents = [i for i, name in enumerate(names) if "corpus" in name or "doc" in name]
        queries = [i for i, name in enumerate(names) if name[:1] == "q" and name != "q0"]
        if documents not in ([], [len(fields) - 2]) or queries not in ([], [0]):
            raise InputError(
                f"{place}: the columns are {', '.join(map(repr, fields))} in this order; {_WANTED}"
            ) from None
        return True
    return False


def _judgment(place: str, line: str, form: _Form) -> tuple[str, str, int]:
    fields = form.fields(line)
    if len(fields) != form.width:
        raise InputError(
            f"{place}: found {line!r}; {_WANTED}, in every line as in the first, which has "
            f"{form.width}"
        )
    query, document, score = fields[0], fields[-2], fields[-1]
    if not query or not document:
        raise InputError(f"{place}: found {line!r}, where an id is empty; {_WANTED}")
    grade = int(float(score)) if _WHOLE.fullmatch(score) else None
    if grade is None or not -_LIMIT <= grade < _LIMIT:
        raise InputError(
            f"{place}: score is {score!r}; a whole number is wanted, and a header only in the "
            "first line"
        )
    return query, document, grade
