"""What the driver of a distillation sends to its workers; quick to import."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.core.space.space import Space
from leaf_ray.models.resolve import resolve_model
from leaf_ray.runs import Part
from leaf_ray.stages.distill.counts import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """What the driver sends to every worker.

    init: the encoder's folder as the driver found it. pad_id: of its tokenizer.
    of_kind: how often an epoch takes a text, by its kind. counts: of the texts, which every worker
        has to see. cores: of a machine, for its workers.
    texts: where training texts are. training: where models are put until the driver takes them
        over. ticker: what progress is told to.
    """

    settings: DistillConfig
    space: Space
    init: Path
    pad_id: int
    of_kind: Mapping[str, float]
    counts: Counts
    cores: int
    texts: Part
    training: Part
    ticker: Any

    def local_init(self) -> Path:
        """The encoder's folder on this machine: where the driver has it, or found by its name.

        Raises:
            ModelNotFound: it is in neither place.
        """
        return self.init if self.init.is_dir() else resolve_model(self.settings.init)


def temporary_name(training: Part) -> str:
    """What tells the temporary files of a training from those of any other on a machine."""
    path = os.path.realpath(training.path) if training.is_local else training.path
    return hashlib.sha256(path.encode()).hexdigest()[:16]


@contextmanager
def local_texts(job: WorkerJob, *, clean: bool) -> Iterator[Path]:
    """The training texts' folder on this machine, copied once for all of its workers.

    clean: take the copy away in the end; of one worker of a machine. Others that are still at work
        have the files open and keep them.
    """
    if job.texts.is_local:
        yield Path(job.texts.path)
        return
    folder, _, name = job.texts.path.rpartition("/")
    # The folder belongs to this training alone, so that removing it takes no other's texts.
    cache = Path(tempfile.gettempdir()) / f"leaf_ray-{temporary_name(job.training)}"
    yield replace(job.texts, path=folder).fetch(name, cache)
    if clean:
        shutil.rmtree(cache, ignore_errors=True)
