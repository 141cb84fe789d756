"""Relevance judgments in BEIR's tab-separated form."""

import pyarrow as pa

from leaf_ray.core.texts import QRELS_SCHEMA
from leaf_ray.errors import InputError
from leaf_ray.store.sources.lines import read_lines
from leaf_ray.store.sources.locate import Location, SourceFile

_PREFERRED = ("test.tsv", "dev.tsv", "train.tsv")


def choose_qrels(folder: Location) -> SourceFile | None:
    """Return test.tsv, else dev.tsv, else train.tsv, else the only .tsv file, else None.

    Raises InputError when there are several files and none has one of those names.
    """
    files = {file.path.rsplit("/", 1)[-1]: file for file in folder.files() if file.suffix == ".tsv"}
    for name in _PREFERRED:
        if name in files:
            return files[name]
    if len(files) > 1:
        raise InputError(f"{folder.uri} holds {sorted(files)}; name the one to use test.tsv")
    return next(iter(files.values()), None)


def read_qrels(file: SourceFile) -> pa.Table:
    """Return query_id, document_id and relevance as in `QRELS_SCHEMA`, in the file's order.

    Raises InputError naming the line that has no three columns, no whole number as its score,
    or a second score for the same pair.
    """
    scores: dict[tuple[str, str], int] = {}
    for number, line in read_lines(file):
        if number > 1 and line:
            query, document, score = _judgment(f"{file.name}:{number}", line)
            if scores.setdefault((query, document), score) != score:
                raise InputError(
                    f"{file.name}:{number}: query {query!r} and document {document!r} have the "
                    f"scores {scores[query, document]} and {score}; one is wanted"
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


def _judgment(place: str, line: str) -> tuple[str, str, int]:
    fields = line.split("\t")
    if len(fields) != 3:
        raise InputError(
            f"{place}: found {line!r}; three columns with tabs between them are wanted: "
            "query-id, corpus-id, score"
        )
    try:
        return fields[0], fields[1], int(fields[2])
    except ValueError as error:
        raise InputError(f"{place}: score is {fields[2]!r}; a whole number is wanted") from error
