"""An evaluation: a report for each collection, and what they say on average."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leaf_ray.core.evaluation.bootstrap import Interval, Sampling, average_interval, average_kept
from leaf_ray.core.evaluation.results import (
    Metric,
    Report,
    Role,
    Scores,
    check_names,
    from_json,
    to_json,
)
from leaf_ray.errors import InputError

# Changes with what a field or a role means: in the first, baseline and untrained meant each other.
VERSION = 2


@dataclass(frozen=True, slots=True)
class AverageRow:
    """A role over all collections, each of which counts alike.

    `kept` is the role's average nDCG@10 over the teacher's. None as in a report's rows.
    """

    role: Role
    ndcg: Interval | None
    overlap: Interval | None
    kept: Interval | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Reports by collection, and averages over those whose queries were not derived.

    There are none over fewer than two.
    """

    reports: tuple[Report, ...]
    average: tuple[AverageRow, ...] = ()

    @property
    def counted(self) -> tuple[Report, ...]:
        """The reports that speak together: where there are others, none of derived queries."""
        asked = tuple(report for report in self.reports if report.query_form != "derived")
        return asked or self.reports


def averages(
    collections: Sequence[Mapping[Role, Scores]], sampling: Sampling
) -> tuple[AverageRow, ...]:
    """Average what `compare` measured query by query; () where there are fewer than two.

    A role or metric that a collection lacks has no average.
    """
    if len(collections) < 2:
        return ()
    roles = [role for role in collections[0] if all(role in scores for scores in collections)]

    def values(role: Role, metric: Metric) -> list[Any]:
        found = [scores[role].get(metric) for scores in collections]
        return [] if any(values_Q is None for values_Q in found) else found

    rows = []
    for role in roles:
        ndcg, overlap = values(role, "nDCG@10"), values(role, "overlap@10")
        own = role != "teacher"
        rows.append(
            AverageRow(
                role,
                average_interval(ndcg, sampling) if ndcg else None,
                average_interval(overlap, sampling) if own else None,
                average_kept(ndcg, values("teacher", "nDCG@10"), sampling)
                if own and ndcg
                else None,
            )
        )
    return tuple(rows)


def evaluation_to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return it as plain dictionaries, lists, strings and numbers."""
    return {
        "version": VERSION,
        "reports": [to_json(report) for report in evaluation.reports],
        "average": [asdict(row) for row in evaluation.average],
    }


def evaluation_from_json(fields: Mapping[str, Any]) -> Evaluation:
    """Return what `evaluation_to_json` was given.

    Raises:
        InputError: fields are missing, unknown or of another form.
    """
    if isinstance(fields, Mapping) and fields.get("version") != VERSION:
        raise InputError(
            "this report was written by an earlier version of leaf_ray, which used other names for "
            "the models; run `leaf evaluate` again"
        )
    try:
        check_names([row["role"] for row in fields["average"]], Role)
        rows = [
            AverageRow(
                row["role"],
                *(row[name] and Interval(**row[name]) for name in ("ndcg", "overlap", "kept")),
            )
            for row in fields["average"]
        ]
        return Evaluation(tuple(from_json(report) for report in fields["reports"]), tuple(rows))
    except (KeyError, TypeError) as error:
        raise InputError(
            f"evaluation.json was not written by this version of leaf_ray ({error!r}); "
            "run `leaf evaluate` again"
        ) from error
