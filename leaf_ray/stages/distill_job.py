"""What the driver of a distillation sends to its workers; quick to import."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaf_ray.config.sections import DistillConfig
from leaf_ray.core.space import Space
from leaf_ray.run import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """What the driver sends to every worker.

    of_kind: how often an epoch takes a text, by its kind.
    texts: where training texts are. training: where models are put until the driver takes them
    over. is_remote: their folder is on no file system that workers share.
    """

    settings: DistillConfig
    space: Space
    init: Path
    pad_id: int
    of_kind: Mapping[str, float]
    texts: Part
    training: Part
    ticker: Any
