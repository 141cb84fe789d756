"""Files of sentence pairs with scores (STS): tab-separated, one pair per line."""

import math
from collections.abc import Sequence

import numpy as np
from pyarrow import fs

from leaf_ray.core.evaluation.sts import StsPairs
from leaf_ray.core.text.texts import normalise
from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError
from leaf_ray.sources.lines import read_lines
from leaf_ray.sources.locate import SourceFile, locate
from leaf_ray.sources.row_batch import shortened

COLUMNS = ("score", "sentence1", "sentence2")


def read_sts(path: str) -> StsPairs:
    """Read a file, local or at a URI, that has the COLUMNS in any order, named by its first line.

    Other columns are not read, and quotes are part of the text, as in the files that STS-Benchmark
    and the others come in. The file may be .gz or .zst; blank lines are no pairs.

    Returns:
        The pairs in the file's order: float64 scores, sentences in NFC.

    Raises:
        InputError: naming file and line, where a column is missing, a row has another number of
            columns, a score is no finite number, or a sentence is empty; naming the file, where
            it cannot be read or has fewer than 2 pairs.
    """
    place = locate(path)
    if place.file_type() != fs.FileType.File:
        raise InputError(f"{redacted(path)} is no file; a file of {', '.join(COLUMNS)} is wanted")
    file = place.as_file()
    rows = _rows(file)
    if len(rows) < 2:
        raise InputError(
            f"{file.name} holds {len(rows)} pairs of sentences; a correlation needs at least 2"
        )
    scores, first, second = zip(*rows, strict=True)
    return StsPairs(np.asarray(scores, dtype=np.float64), first, second)


def _rows(file: SourceFile) -> list[tuple[float, str, str]]:
    lines = read_lines(file)
    _, header = next(lines, (1, ""))
    names = header.split("\t")
    where = _places(file, names)
    return [
        _row(f"{file.name}:{number}", line.split("\t"), where, width=len(names))
        for number, line in lines
        if line
    ]


def _places(file: SourceFile, names: Sequence[str]) -> list[int]:
    missing = [name for name in COLUMNS if names.count(name) != 1]
    if missing:
        raise InputError(
            f"{file.name}:1: the columns are {', '.join(map(repr, names))}, but "
            f"{', '.join(map(repr, missing))} should be there once; name "
            f"{', '.join(COLUMNS)} in the first line, with tabs between them"
        )
    return [names.index(name) for name in COLUMNS]


def _row(
    place: str, fields: Sequence[str], where: Sequence[int], *, width: int
) -> tuple[float, str, str]:
    if len(fields) != width:
        raise InputError(
            f"{place}: found {len(fields)} columns ({shortened(' '.join(fields))}); "
            f"{width} with tabs between them are wanted, as in the first line"
        )
    score, first, second = (fields[i] for i in where)
    sentences = normalise(first), normalise(second)
    if not all(sentences):
        raise InputError(f"{place}: a sentence is empty; both are wanted, or leave the pair out")
    return _number(place, score), *sentences


def _number(place: str, score: str) -> float:
    try:
        # Python reads 1_0 as 10.
        number = math.nan if "_" in score else float(score)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{place}: score is {score!r}; a finite number is wanted")
    return number
