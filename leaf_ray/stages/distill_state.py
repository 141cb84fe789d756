"""Checkpoints of a training: written beside it, read by whoever goes on with it."""

import hashlib
import io
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.train import Checkpoint, CheckpointUploadMode

log = logging.getLogger(__name__)

STATE_FILE, DIGEST_FILE = "state.pt", "state.sha256"
# The last, and the one before it in case that cannot be read.
CHECKPOINTS_KEPT = 2


@dataclass(slots=True)
class State:
    """All that a training goes on from.

    step: steps taken. seconds: of training, by all that had a share in it. best: the step of the
    best look so far. losses: of the first steps. resumed: the steps that it was gone on with from.
    notes: what people should know of how it went.
    """

    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    best: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    leaf: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    rng: torch.Tensor | None = None


def save_state(state: State | None) -> None:
    """Report a checkpoint, or None on workers that have none; a barrier of all workers.

    It is uploaded while the training goes on.
    """
    if state is None:
        ray.train.report({})
        return
    folder = Path(tempfile.mkdtemp(prefix="leaf_ray-checkpoint-"))
    fields = {name: getattr(state, name) for name in State.__slots__}
    # By way of memory: torch's own writer tells of a full disk in other words.
    file = io.BytesIO()
    torch.save(fields, file)
    (folder / STATE_FILE).write_bytes(file.getbuffer())
    (folder / DIGEST_FILE).write_text(hashlib.sha256(file.getbuffer()).hexdigest())
    ray.train.report(
        {"step": state.step},
        checkpoint=Checkpoint.from_directory(str(folder)),
        checkpoint_upload_mode=CheckpointUploadMode.ASYNC,
    )


def load_state() -> State | None:
    """The state to go on from: the last that can be read. None begins anew."""
    notes: list[str] = []
    for checkpoint in _newest_first():
        try:
            with checkpoint.as_directory() as folder:
                state = _read(Path(folder))
        except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
            notes.append(
                f"the checkpoint {checkpoint.path.rsplit('/', 1)[-1]} cannot be read ({error}): "
                "went on from the one before it"
            )
            log.warning(notes[-1])
            continue
        state.notes.extend(notes)
        state.resumed.append(state.step)
        return state
    return State(notes=[*notes, "no checkpoint can be read: began anew"]) if notes else None


def _newest_first() -> Iterator[Checkpoint]:
    if ray.train.get_checkpoint() is None:
        return
    for reported in reversed(ray.train.get_all_reported_checkpoints()):
        yield reported.checkpoint


def _read(folder: Path) -> State:
    if _digest(folder) != (folder / DIGEST_FILE).read_text():
        raise ValueError(f"{STATE_FILE} is not what was written")
    fields = torch.load(folder / STATE_FILE, weights_only=True, map_location="cpu")
    return State(**fields)


def _digest(folder: Path) -> str:
    with (folder / STATE_FILE).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
