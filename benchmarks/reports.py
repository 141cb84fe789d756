"""What a run's report says of its test queries."""

import json
from pathlib import Path
from typing import Any


def test_report(root: Path) -> dict[str, Any]:
    """The report of a run that was evaluated on nothing but its test queries."""
    report = json.loads((root / "evaluation" / "evaluation.json").read_text())
    (tested,) = report["reports"]
    return dict(tested)


def test_rows(root: Path) -> dict[str, dict[str, Any]]:
    """The rows of that report, by their role."""
    return {row["role"]: row for row in test_report(root)["rows"]}
