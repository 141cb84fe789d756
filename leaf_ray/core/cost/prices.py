"""Prices, and what a model's time and a vector's bytes cost at them."""

from dataclasses import dataclass

from leaf_ray.core.cost.timings import Machine, Timed

# What a core with its memory costs in an hour where nobody says: about what clouds ask.
CORE_PER_HOUR = 0.05
MILLION = 1_000_000
BYTES_PER_GB = 1e9
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """In `currency`; None where nobody has said, so that nothing follows from it.

    machine_per_hour: of the machine that encodes. machine_is_assumed: nobody has said it, and it
        is CORE_PER_HOUR for each core.
    storage_gb_month: of 1e9 bytes. tokens_per_million: of an endpoint.
    """

    currency: str
    machine_per_hour: float | None
    machine_is_assumed: bool
    storage_gb_month: float
    tokens_per_million: float | None

    @classmethod
    def on(
        cls,
        machine: Machine,
        *,
        currency: str,
        machine_per_hour: float | None,
        storage_gb_month: float,
        tokens_per_million: float | None,
    ) -> "Prices":
        """With the machine's own default where its price is None; one with a GPU has none."""
        assumed = machine_per_hour is None and not machine.gpu
        return cls(
            currency=currency,
            machine_per_hour=CORE_PER_HOUR * machine.cores if assumed else machine_per_hour,
            machine_is_assumed=assumed,
            storage_gb_month=storage_gb_month,
            tokens_per_million=tokens_per_million,
        )


def million_queries(timed: Timed | None, prices: Prices) -> float | None:
    """What encoding a million queries costs, one after the other; None where that is unknown."""
    if timed is None:
        return None
    if timed.place == "endpoint":
        return _million_texts(timed.tokens_per_query, prices)
    return _million_times(timed.query.mean_ms / 1000, prices)


def million_documents(timed: Timed | None, prices: Prices) -> float | None:
    """What encoding a million documents costs, many at once; None where that is unknown."""
    if timed is None:
        return None
    if timed.place == "endpoint":
        return _million_texts(timed.tokens_per_document, prices)
    return _million_times(1 / timed.documents.per_second, prices)


def million_stored(bytes_per_vector: int, prices: Prices) -> float:
    """What a month of storing the vectors of a million documents costs."""
    return bytes_per_vector * MILLION / BYTES_PER_GB * prices.storage_gb_month


def _million_times(seconds: float, prices: Prices) -> float | None:
    if prices.machine_per_hour is None:
        return None
    return seconds * MILLION / SECONDS_PER_HOUR * prices.machine_per_hour


def _million_texts(tokens: float, prices: Prices) -> float | None:
    """A million texts of so many tokens: the price is of a million tokens."""
    return None if prices.tokens_per_million is None else tokens * prices.tokens_per_million
