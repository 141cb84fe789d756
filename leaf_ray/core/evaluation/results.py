"""What an evaluation found, and what may be said of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.search.stored import Stored
from leaf_ray.errors import InputError

Role = Literal["teacher", "asymmetric", "symmetric", "untrained", "baseline"]
"""Who stands on both sides of a row.

teacher: the teacher on both. asymmetric: the leaf for queries, the teacher for documents.
symmetric: the leaf on both. untrained: as asymmetric, but with the leaf as it was before its first
step. baseline: another small encoder by itself, on both.
"""

QueryForm = Literal["judged", "given", "derived"]
"""Where queries come from.

judged: a collection with relevance judgments. given: queries that came with the texts.
derived: cut out of the documents themselves.
"""

Metric = Literal["nDCG@10", "recall@100", "MRR@10", "MAP@100", "overlap@10", "rank correlation"]

Scores = Mapping[Metric, npt.NDArray[np.float64]]
"""One value per query [Q], by metric."""

# Below this the percentile bootstrap's intervals are noticeably too narrow.
FEW_QUERIES = 30


@dataclass(frozen=True, slots=True)
class Row:
    """One pair of encoders over one collection.

    `ndcg`, `recall`, `mrr` and `map` are None where no judgments say what is relevant. `overlap` is
    that with the teacher's ranking, `correlation` how alike the teacher's first 100 documents are
    ordered (Spearman's); both are None for the teacher itself. `query_ms` is the median time to
    encode one query in milliseconds, None where it was not timed. `kept` is the share of the
    teacher's nDCG@10, None where there is none to keep.
    """

    queries_by: str
    documents_by: str
    role: Role
    ndcg: Interval | None
    recall: Interval | None
    overlap: Interval | None
    mrr: Interval | None
    map: Interval | None
    correlation: Interval | None
    query_ms: float | None
    kept: Interval | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric of the row `role` less that of the row `minus`, over the same queries."""

    role: Role
    minus: Role
    metric: Metric
    interval: Interval


@dataclass(frozen=True, slots=True)
class Cell:
    """A row of the grid: a role with documents stored in fewer bytes.

    `bytes` is what a document's vector takes. `overlap` is that with the teacher at full size, and
    None for that itself. `ndcg` and `kept` are as in a Row.
    """

    role: Role
    dimensions: int
    stored: Stored
    bytes: int
    ndcg: Interval | None
    overlap: Interval | None
    kept: Interval | None


@dataclass(frozen=True, slots=True)
class LengthRow:
    """Queries of `fewest` to `most` words (None: no end), and how a role does on them."""

    role: Role
    fewest: int
    most: int | None
    num_queries: int
    ndcg: Interval | None
    overlap: Interval | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured on one collection.

    `space` is the space's fingerprint. `num_unknown` counts judgments of documents that the
    collection does not hold, and which no ranking can find. Queries and documents that the teacher
    has no vector of are left out. `num_own_documents` counts queries that are documents of the
    collection themselves: the document of their own id is left out of their rankings, as in BEIR.
    """

    collection: str
    num_documents: int
    num_queries: int
    query_form: QueryForm
    space: str
    teacher: str
    leaf: str
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    grid: tuple[Cell, ...] = ()
    lengths: tuple[LengthRow, ...] = ()
    num_unknown: int = 0
    num_queries_left_out: int = 0
    num_documents_left_out: int = 0
    num_own_documents: int = 0


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as plain dictionaries, lists, strings and numbers."""
    fields = asdict(report)
    return {**fields, **{name: list(fields[name]) for name in _LISTS}}


def from_json(fields: Mapping[str, Any]) -> Report:
    """Return the report that `to_json` was given.

    Raises:
        InputError: fields are missing, unknown or of another form.

    """
    try:
        check_names([fields["query_form"]], QueryForm)
        lists = {name: tuple(read(row) for row in fields[name]) for name, read in _LISTS.items()}
        return Report(**{**fields, **lists})
    except (KeyError, TypeError) as error:
        raise InputError(
            f"evaluation.json was not written by this version of leaf_ray ({error!r}); "
            "run `leaf evaluate` again"
        ) from error


def _row(fields: Mapping[str, Any]) -> Row:
    check_names([fields["role"]], Role)
    names = ("ndcg", "recall", "overlap", "mrr", "map", "correlation", "kept")
    return Row(**{**fields, **_intervals(fields, names)})


def _cell(fields: Mapping[str, Any]) -> Cell:
    check_names([fields["role"]], Role)
    check_names([fields["stored"]], Stored)
    return Cell(**{**fields, **_intervals(fields, ("ndcg", "overlap", "kept"))})


def _length_row(fields: Mapping[str, Any]) -> LengthRow:
    check_names([fields["role"]], Role)
    return LengthRow(**{**fields, **_intervals(fields, ("ndcg", "overlap"))})


def _intervals(fields: Mapping[str, Any], names: Sequence[str]) -> dict[str, Interval | None]:
    return {name: None if fields[name] is None else Interval(**fields[name]) for name in names}


def _difference(fields: Mapping[str, Any]) -> Difference:
    check_names([fields["role"], fields["minus"]], Role)
    check_names([fields["metric"]], Metric)
    return Difference(**{**fields, "interval": Interval(**fields["interval"])})


_LISTS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "rows": _row,
    "differences": _difference,
    "grid": _cell,
    "lengths": _length_row,
}


def check_names(names: Sequence[str], kind: Any) -> None:
    """Raise InputError where a report says what a Literal does not hold."""
    unknown = set(names) - set(get_args(kind))
    if unknown:
        raise InputError(
            f"evaluation.json says {sorted(unknown)}, but this version of leaf_ray knows only "
            f"{', '.join(get_args(kind))}; run `leaf evaluate` again"
        )
