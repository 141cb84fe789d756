"""Checkpoints of a training: written beside it, read by whoever goes on with it."""

import hashlib
import io
import json
import logging
import pickle
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs
import ray.train
import ray.train.collective
import torch
from ray.train import Checkpoint, CheckpointUploadMode

from leaf_ray.runs import Part
from leaf_ray.stages.distill.job import temporary_name

log = logging.getLogger(__name__)

# Changes with the fields of a state, or with what they mean.
STATE_VERSION = 3
STATE_FILE, DIGEST_FILE = "state.pt", "state.sha256"
# Ray's own names: of its record of checkpoints, and of the folders of those.
RECORD_FILE, CHECKPOINT_PREFIX = "checkpoint_manager_snapshot.json", "checkpoint_"
# The last, and the one before it in case that cannot be read.
CHECKPOINTS_KEPT = 2
# What a checkpoint that is damaged raises. Storage that does not answer raises another OSError, and
# is asked again by the next worker.
_DAMAGE = (
    FileNotFoundError,
    RuntimeError,
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    pickle.UnpicklingError,
)


@dataclass(slots=True)
class State:
    """All that a training goes on from.

    step: steps taken. workers: at the end. seconds: of training, by all that had a share in it.
    best: the step of the best validation so far. losses: of the first steps. resumed: the steps
    that it was gone on with from. notes: what people should know of how it went.
    """

    step: int = 0
    workers: int = 1
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


def save_state(state: State | None, *, training: Part) -> Path | None:
    """Report a checkpoint, or None on workers that have none; a barrier of all workers.

    It is uploaded while the training goes on. Returns the folder that it is uploaded from, which
    goes when that is done.
    """
    if state is None:
        ray.train.report({})
        return None
    folder = Path(tempfile.mkdtemp(prefix=_prefix(training)))
    fields = {name: getattr(state, name) for name in State.__slots__}
    # It is written from memory, since torch's own writer hides that a disk is full.
    file = io.BytesIO()
    torch.save(fields, file)
    (folder / STATE_FILE).write_bytes(file.getbuffer())
    (folder / DIGEST_FILE).write_text(hashlib.sha256(file.getbuffer()).hexdigest())
    ray.train.report(
        {"step": state.step, "resumed": len(state.resumed)},
        checkpoint=Checkpoint.from_directory(str(folder)),
        checkpoint_upload_mode=CheckpointUploadMode.ASYNC,
    )
    return folder


def is_unsent(folder: Path | None) -> bool:
    """Whether what `save_state` returned is still being uploaded."""
    return folder is not None and folder.exists()


def _prefix(training: Part) -> str:
    return f"leaf_ray-checkpoint-{temporary_name(training)}-"


def forget_unsent(training: Part) -> None:
    """Take away what a killed worker of this machine had written and not uploaded."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_prefix(training)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def forget_broken_record(training: Part) -> None:
    """Take Ray's record of checkpoints away where Ray would fail on it.

    Ray writes it in place, so that a kill or a full disk may leave half of it, and does not begin
    where a folder that it names is gone. The folders are found without it.
    """
    data = training.read(RECORD_FILE)
    if data is not None and not _named_by(data) <= set(_folders(training)):
        log.warning("%s is broken and passed over", training.file(RECORD_FILE))
        training.filesystem.delete_file(training.file(RECORD_FILE))


def _named_by(record: bytes) -> set[str]:
    """The folders that a record names; of a broken one, a name that no folder has."""
    try:
        fields = json.loads(record)
        return {result["checkpoint_dir_name"] for result in fields["checkpoint_results"]}
    except (ValueError, TypeError, KeyError):
        return {""}


def _folders(training: Part) -> list[str]:
    """The names of all checkpoints' folders, the oldest first, as Ray names them by their time."""
    selector = pafs.FileSelector(training.path, allow_not_found=True)
    return sorted(
        info.base_name
        for info in training.filesystem.get_file_info(selector)
        if info.type == pafs.FileType.Directory and info.base_name.startswith(CHECKPOINT_PREFIX)
    )


def has_checkpoint(training: Part) -> bool:
    """Whether there is one to go on from, if it can be read."""
    return bool(_folders(training))


def load_state(training: Part) -> State | None:
    """The state to go on from: the last that can be read. None begins anew.

    The first worker chooses, so that all go on from one: replicas that differ would drift apart.
    """
    is_first = ray.train.get_context().get_world_rank() == 0
    chosen, state = _last_readable(training) if is_first else ("", None)
    chosen = ray.train.collective.broadcast_from_rank_zero(chosen)
    if is_first or not chosen:
        return state
    with _checkpoint(training, chosen).as_directory() as folder:
        return _read(Path(folder))


def _checkpoint(training: Part, name: str) -> Checkpoint:
    return Checkpoint(training.file(name), filesystem=training.filesystem)


def _last_readable(training: Part) -> tuple[str, State | None]:
    notes: list[str] = []
    # All are tried, also those that Ray has not registered: a digest shows which are incomplete.
    for name in reversed(_folders(training)):
        try:
            with _checkpoint(training, name).as_directory() as folder:
                state = _read(Path(folder))
        except _DAMAGE as error:
            notes.append(f"the checkpoint {name} cannot be read ({error}) and was passed over")
            log.warning(notes[-1])
            continue
        state.notes.extend(notes)
        state.resumed.append(state.step)
        return name, state
    return "", State(notes=[*notes, "no checkpoint can be read: began anew"]) if notes else None


def _read(folder: Path) -> State:
    if _digest(folder) != (folder / DIGEST_FILE).read_text():
        raise ValueError(f"{STATE_FILE} has other content than was written")
    fields = torch.load(folder / STATE_FILE, weights_only=True, map_location="cpu")
    return State(**fields)


def _digest(folder: Path) -> str:
    with (folder / STATE_FILE).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
