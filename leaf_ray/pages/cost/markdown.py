"""A cost report as a page of Markdown."""

from leaf_ray.core.cost.cost import CostReport
from leaf_ray.core.markdown import table
from leaf_ray.pages.cost.tables import costs, quality_and_time, sizes
from leaf_ray.pages.cost.verdict import cost_verdict
from leaf_ray.pages.cost.words import formulas, how_measured, missing_prices, stated_prices


def cost_markdown(report: CostReport) -> str:
    """Verdict, tables, prices with formulas, and how it was measured."""
    prices = [["what", f"price, {report.prices.currency}", "from"], *stated_prices(report)]
    parts = [
        f"# What a leaf of {' '.join(report.teacher.split())} costs, and what it keeps",
        cost_verdict(report),
        "## Quality and time",
        table(quality_and_time(report)),
        "## Cost",
        table(costs(report)),
        *missing_prices(report),
        "## Fewer bytes",
        table(sizes(report)),
        "## Prices and formulas",
        table([list(line) for line in prices]),
        _list([f"{name}: {formula}" for name, formula in formulas(report)]),
        "## How it was measured",
        _list(how_measured(report)),
    ]
    return "\n\n".join(parts) + "\n"


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)
