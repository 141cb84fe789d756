"""A cost report as JSON."""

from dataclasses import asdict
from typing import Any

from leaf_ray.core.cost.cost import CostReport
from leaf_ray.pages.cost.verdict import cost_verdict
from leaf_ray.pages.cost.words import formulas, how_measured, missing_prices


def cost_to_json(report: CostReport) -> dict[str, Any]:
    """All of it as plain dictionaries, lists, strings and numbers, with its words."""
    return {
        "verdict": cost_verdict(report),
        **asdict(report),
        "formulas": dict(formulas(report)),
        "notes": [*missing_prices(report), *how_measured(report)],
    }
