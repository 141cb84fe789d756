"""What a run's report says of its held-out queries."""

import json
from pathlib import Path
from typing import Any


def held_out_report(root: Path) -> dict[str, Any]:
    """The report of a run that was evaluated on nothing but its held-out queries."""
    report = json.loads((root / "report" / "report.json").read_text())
    (held_out,) = report["reports"]
    return dict(held_out)


def held_out_rows(root: Path) -> dict[str, dict[str, Any]]:
    """The rows of that report, by their role."""
    return {row["role"]: row for row in held_out_report(root)["rows"]}
