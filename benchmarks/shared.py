"""Texts for development, which lie beside the checkout."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "shared" / "data"


def shared(name: str) -> Path:
    """The file or folder `name` of them; where it is missing, one line says so and all ends."""
    path = FOLDER / name
    if not path.exists():
        sys.exit(f"{path} is missing: this benchmark reads texts that lie beside the checkout")
    return path
