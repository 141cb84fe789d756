"""Leaves on their way from a training to a run: folders to be taken over, and the best so far."""

import io
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.errors import MissingStage
from leaf_ray.models.leaf_folder import save_leaf
from leaf_ray.runs.folder import BEST_FILE
from leaf_ray.stages.distill.checkpoints import CHECKPOINTS_KEPT, State
from leaf_ray.stages.distill.job import WorkerJob

# Checkpoints are uploaded beside the training, so the last two that can be gone on with may be
# older than the last two that were made.
BESTS_KEPT = CHECKPOINTS_KEPT + 2


class BestWeights:
    """Keeps what the first worker has to show, in the training's folder."""

    def __init__(self, job: WorkerJob, state: State) -> None:
        self._job = job
        self._state = state
        # It may yet be gone on with from a checkpoint before the one that it was gone on with from.
        before = [step for step in self._steps() if step < state.best]
        self._checkpointed = deque([*before, state.best], maxlen=BESTS_KEPT)

    def keep_best(self, leaf: SentenceTransformer) -> None:
        """Keep the leaf as it is now, which is after step `state.best`.

        Under a name of its own: a training that goes on from an earlier checkpoint has to find
        the best of that one.
        """
        weights = io.BytesIO()
        torch.save(leaf.state_dict(), weights)
        self._job.training.write(BEST_FILE.format(self._state.best), weights.getvalue())
        self._forget_others()

    def checkpointed(self) -> None:
        """Take note that a checkpoint was made."""
        self._checkpointed.append(self._state.best)

    def _forget_others(self) -> None:
        training = self._job.training
        for step in self._steps():
            if step not in (*self._checkpointed, self._state.best):
                training.filesystem.delete_file(training.file(BEST_FILE.format(step)))

    def _steps(self) -> list[int]:
        """The steps of all bests that are kept."""
        training = self._job.training
        selector = pafs.FileSelector(training.path, allow_not_found=True)
        before, _, after = BEST_FILE.partition("{}")
        names = [info.base_name for info in training.filesystem.get_file_info(selector)]
        return sorted(
            int(name.removeprefix(before).removesuffix(after))
            for name in names
            if name.startswith(before) and name.endswith(after)
        )

    def best(self) -> dict[str, Any]:
        """The weights of the best leaf.

        Raises:
            MissingStage: their file was taken away.
        """
        training, name = self._job.training, BEST_FILE.format(self._state.best)
        data = training.read(name)
        if data is None:
            raise MissingStage(
                f"{training.uri}/{name} held the best leaf of a finished training and is gone: "
                "train again with `leaf distill FILE --again`"
            )
        weights: dict[str, Any] = torch.load(
            io.BytesIO(data), weights_only=True, map_location="cpu"
        )
        return weights

    def save(self, leaf: SentenceTransformer, name: str) -> None:
        """Put the leaf as it is now where the driver will take it from."""
        state = self._state
        with tempfile.TemporaryDirectory() as folder:
            save_leaf(
                leaf,
                self._job.space,
                Path(folder),
                settings=self._job.settings.made_with(),
                curve=state.curve,
                course={
                    "best_step": state.best,
                    "skipped_steps": state.skipped,
                    "first_losses": state.losses,
                    "resumed_steps": state.resumed,
                    "notes": state.notes,
                    "workers": state.workers,
                },
            )
            self._job.training.publish(Path(folder), into=name)
