"""A cost report's figures in words: its formulas, its prices, and how it was measured."""

import math

from leaf_ray.core.cost.cost import CostReport
from leaf_ray.core.cost.prices import CORE_PER_HOUR
from leaf_ray.core.cost.sizes import Estimate
from leaf_ray.core.cost.timings import Timed


def share(estimate: Estimate) -> str:
    """Write a share of one: 84.5 % [82.0, 87.1], or 84.5 % where there is no interval."""
    mean = f"{100 * estimate.mean:.1f} %"
    if estimate.low is None or estimate.high is None:
        return mean
    return f"{mean} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def score(estimate: Estimate) -> str:
    """Write a score: 0.600 [0.55, 0.65], or 0.600 where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.3f}"
    return f"{estimate.mean:.3f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def amount(value: float) -> str:
    """Write an amount with three significant digits, of cents two; whole from 100 on."""
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    digits = 3 if value >= 0.01 else 2
    # Rounded first, so that 0.9999 is 1.00.
    magnitude = math.floor(math.log10(float(f"{value:.{digits}g}")))
    return f"{value:.{min(9, max(2, digits - 1 - magnitude))}f}"


def formulas(report: CostReport) -> list[tuple[str, str]]:
    """What each cost is, and how it follows from what was timed and from the prices."""
    found = []
    places = {timed.place for timed in _timed(report)}
    if "machine" in places:
        found += [
            (
                "A million queries",
                "mean seconds of a query x 1,000,000 / 3,600 x price of the machine's hour. One "
                "after the other on all cores: an upper bound, since a service that batches does "
                "more.",
            ),
            (
                "A million documents",
                "1,000,000 / documents a second / 3,600 x price of the machine's hour.",
            ),
        ]
    if "endpoint" in places:
        found.append(
            (
                "A million texts by the endpoint",
                "mean tokens of a text x price of a million tokens. What waits for the answers "
                "costs nothing here.",
            )
        )
    stored = "bytes of a vector x 1,000,000 / 1e9 x price of a GB for a month."
    return [*found, ("A million documents stored for a month", stored)]


def stated_prices(report: CostReport) -> list[tuple[str, str, str]]:
    """What is priced, its price, and where the price comes from."""
    prices, rows = report.prices, []
    if any(timed.place == "machine" for timed in _timed(report)):
        source = "cost.machine_per_hour"
        if prices.machine_is_assumed:
            source = (
                f"assumed: {CORE_PER_HOUR} for each of {report.timings.machine.cores} cores; set "
                f"{source}"
            )
        rows.append(
            (f"an hour of {report.timings.machine}", _price(prices.machine_per_hour), source)
        )
    if any(timed.place == "endpoint" for timed in _timed(report)):
        price = _price(prices.tokens_per_million)
        rows.append(("a million tokens at the endpoint", price, "cost.tokens_per_million"))
    stored = _price(prices.storage_gb_month)
    return [*rows, ("a GB stored for a month", stored, "cost.storage_gb_month")]


def _price(value: float | None) -> str:
    return "not set" if value is None else f"{value:g}"


def missing_prices(report: CostReport) -> list[str]:
    """What to set, so that every cost that can be known is shown."""
    missing = []
    places = {timed.place for timed in _timed(report)}
    if "machine" in places and report.prices.machine_per_hour is None:
        missing.append(
            "The price of this machine's hour is not set, and a machine with a GPU has no default: "
            "set cost.machine_per_hour to see what its time costs."
        )
    if "endpoint" in places and report.prices.tokens_per_million is None:
        missing.append(
            "The price of the endpoint's tokens is not set: set cost.tokens_per_million to see "
            "what the teacher costs."
        )
    return missing


def how_measured(report: CostReport) -> list[str]:
    """What the figures are, and what they do not say."""
    timings = report.timings
    lines = [
        f"Teacher {report.teacher}, leaf {report.leaf}, space {report.space}.",
        f"Quality: {report.num_queries:,} queries of {report.subject}. {_intervals(report)}",
        f"Time: on {timings.machine}, one model after the other; other work took "
        f"{100 * timings.others:.0f} % of its cores meanwhile. Queries and documents of "
        f"{timings.texts_of}.",
        "p50 and p99 are of single queries, all threads on one, tokenisation included: "
        + ", ".join(_counted(timed, name) for name, timed in _named(report))
        + ".",
    ]
    if timings.num_indexed is not None:
        lines.append(
            f"Encoding and search: the ten nearest of {timings.num_indexed:,} documents of the "
            "run's table, in the same process. Search is not in the costs."
        )
    if any(timed.place == "endpoint" for timed in _timed(report)):
        lines.append(
            "The endpoint's times hold the way there. Its tokens are counted by the leaf's "
            "tokenizer, up to what the leaf reads of a text; its own may differ."
        )
    return lines


def _intervals(report: CostReport) -> str:
    text = "Brackets hold 95 % bootstrap intervals over queries."
    if report.num_collections > 1:
        text += (
            " Collections count alike. The grid of sizes has means only, since the intervals of "
            "single collections do not make one of their mean."
        )
    return text


def _counted(timed: Timed, name: str) -> str:
    return (
        f"{timed.query.num_timed:,} by the {name} ({timed.backend}), then "
        f"{timed.documents.num_documents:,} documents in {timed.documents.seconds:.1f} s"
    )


def _named(report: CostReport) -> list[tuple[str, Timed]]:
    teacher, leaf = report.timings.teacher, report.timings.leaf
    return [*([] if teacher is None else [("teacher", teacher)]), ("leaf", leaf)]


def _timed(report: CostReport) -> list[Timed]:
    return [timed for _, timed in _named(report)]
