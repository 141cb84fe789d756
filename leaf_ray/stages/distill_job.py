"""What the driver of a distillation sends to other processes; quick to import."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from leaf_ray.config.sections import DistillConfig
from leaf_ray.core.space import Space
from leaf_ray.encoders.folder import ModelFolder
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.run import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """What the driver sends to every worker.

    held_out: ids and vectors as `StudentTokens` gives them. threads: of torch, per worker.
    training: where models are put until the driver takes them over.
    """

    settings: DistillConfig
    space: Space
    init: Path
    pad_id: int
    training: Part
    held_out: Any
    threads: int
    ticker: Any


class StudentTokens:
    """The student's token ids in place of texts. Ray maps it."""

    def __init__(self, folder: ModelFolder, *, max_length: int, prompts: dict[str, str]) -> None:
        self.folder = folder
        self.max_length = max_length
        self.prompts = prompts

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Tokenise one batch of texts with vectors."""
        return pa.table(self.columns(batch))

    def columns(self, batch: pa.Table) -> dict[str, pa.Array]:
        """Ragged int32 `ids`, and the teacher's `vector` as it came."""
        tokenizer = Tokenizer(self.folder, max_length=self.max_length)
        ids: list[list[int]] = []
        for text, kind in zip(batch["text"].to_pylist(), batch["kind"].to_pylist(), strict=True):
            ids.extend(tokenizer([text], prompt=self.prompts[kind]))
        return {"ids": pa.array(ids, pa.list_(pa.int32())), "vector": batch["vector"]}
