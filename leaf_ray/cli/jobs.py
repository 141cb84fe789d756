"""Where the run files lie that come with leaf_ray."""

from pathlib import Path

import leaf_ray


def shipped_run_file(name: str) -> Path:
    """A run file of `jobs/`: inside the installed package, or beside it in a checkout."""
    package = Path(leaf_ray.__file__).parent
    inside = package / "jobs" / name
    return inside if inside.is_file() else package.parent / "jobs" / name
