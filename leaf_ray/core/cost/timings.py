"""What was timed of a teacher and its leaf, and on which machine."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from leaf_ray.errors import InputError

Place = Literal["machine", "endpoint"]
"""Where a model computes: on the machine that was timed, or behind an endpoint."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Queries one after the other, in milliseconds. The mean says how many there are in an hour."""

    p50_ms: float
    p99_ms: float
    mean_ms: float
    num_timed: int

    @classmethod
    def of(cls, seconds_Q: Sequence[float]) -> "Latency":
        """The latency, from the seconds that each query took.

        Raises:
            InputError: there are none.
        """
        if not len(seconds_Q):
            raise InputError("no query was timed, so there is no latency")
        ms_Q = 1000 * np.asarray(seconds_Q, dtype=np.float64)
        p50, p99 = np.quantile(ms_Q, [0.5, 0.99])
        return cls(float(p50), float(p99), float(ms_Q.mean()), len(ms_Q))


@dataclass(frozen=True, slots=True)
class Throughput:
    """Documents many at once; `num_documents` counts a document as often as it was encoded."""

    per_second: float
    num_documents: int
    seconds: float

    @classmethod
    def of(cls, num_documents: int, seconds: float) -> "Throughput":
        """The throughput of so many documents in so many seconds."""
        return cls(num_documents / seconds, num_documents, seconds)


@dataclass(frozen=True, slots=True)
class Timed:
    """One model. search: encoding and search together, None without a finished table.

    backend: as its encoder is called. tokens_per_query, tokens_per_document: means.
    """

    place: Place
    backend: str
    query: Latency
    search: Latency | None
    documents: Throughput
    tokens_per_query: float
    tokens_per_document: float


@dataclass(frozen=True, slots=True)
class Machine:
    """Cores are those that a process may use. gpu: "" without one."""

    processor: str
    cores: int
    gpu: str = ""

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return ", ".join(part for part in (self.processor, cores, self.gpu) if part)


@dataclass(frozen=True, slots=True)
class Timings:
    """texts_of: where the queries and documents come from. teacher: None where it cannot be asked.

    num_indexed: rows of the table that was searched; None without one. others: the share of the
    machine's cores that other work took meanwhile.
    """

    machine: Machine
    texts_of: str
    teacher: Timed | None
    leaf: Timed
    num_indexed: int | None
    others: float


def timings_to_json(timings: Timings) -> dict[str, Any]:
    """Return it as plain dictionaries, strings and numbers."""
    return asdict(timings)


def timings_from_json(fields: Mapping[str, Any]) -> Timings:
    """Return what `timings_to_json` was given.

    Raises:
        InputError: fields are missing, unknown or of another form.
    """
    try:
        return Timings(
            **{
                **fields,
                "machine": Machine(**fields["machine"]),
                "teacher": fields["teacher"] and _timed(fields["teacher"]),
                "leaf": _timed(fields["leaf"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise InputError(
            f"timings.json was not written by this version of leaf_ray ({error!r}); "
            "run `leaf cost FILE --again`"
        ) from error


def _timed(fields: Mapping[str, Any]) -> Timed:
    return Timed(
        **{
            **fields,
            "query": Latency(**fields["query"]),
            "search": fields["search"] and Latency(**fields["search"]),
            "documents": Throughput(**fields["documents"]),
        }
    )
