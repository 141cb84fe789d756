"""Runs to be distilled with other settings, and what a training left."""

import json
import shutil
from pathlib import Path
from typing import Any

from leaf_ray.config import RunConfig


def distilling(config: RunConfig, root: Path, **distill: Any) -> RunConfig:
    """A run with the texts and vectors of another, to be distilled with other settings."""
    for name in ("texts", "vectors"):
        if not (root / name).exists():
            shutil.copytree(Path(config.root) / name, root / name)
    fields = config.model_dump()
    fields["root"] = str(root)
    fields["distill"] |= distill
    return RunConfig.model_validate(fields)


def training_of(config: RunConfig) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(
        (Path(config.root) / "leaf/model/training.json").read_text("utf-8")
    )
    return fields
