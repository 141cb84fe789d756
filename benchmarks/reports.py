"""What a run's report says of its held-out queries."""

import json
from pathlib import Path
from typing import Any


def held_out_rows(root: Path) -> dict[str, dict[str, Any]]:
    """The rows of a run that was evaluated on nothing else, by their role."""
    report = json.loads((root / "report" / "report.json").read_text())
    (held_out,) = report["reports"]
    return {row["role"]: row for row in held_out["rows"]}
