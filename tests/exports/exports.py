"""A tiny leaf in its teacher's space, and running what a card shows."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leaf_ray.core.space.space import Space
from leaf_ray.core.training.leaf import build_leaf
from leaf_ray.encoders.teacher import describe_space
from leaf_ray.models.card.snippets import FOLDER
from leaf_ray.models.leaf_folder import save_leaf

SETTINGS = {"init": "/somewhere/init-model", "loss": "l2", "epochs": 3.0, "batch_size": 32}
CURVE = [{"step": 0, "cosine": 0.5}, {"step": 8, "cosine": 0.75, "loss": 0.1}]


def space_of(teacher: Path, **changes: Any) -> Space:
    """The space of a teacher that puts `query: ` before queries and reads 40 tokens."""
    wanted = {"max_length": 40, "query_prompt": "query: ", "document_prompt": "text: ", **changes}
    return describe_space(teacher, name=str(teacher), **wanted)


def write_leaf(init: Path, space: Space, folder: Path, *, seed: int = 0) -> Path:
    """A leaf whose head is not fitted: its vectors are as good as any to compare."""
    # Its head is random, and a test that passes by chance shows nothing.
    torch.manual_seed(seed)
    save_leaf(build_leaf(init, space), space, folder, settings=SETTINGS, curve=CURVE, course={})
    return folder


def blocks(folder: Path) -> list[str]:
    """The Python blocks of a folder's card, with the folder's path put in."""
    card = (folder / "README.md").read_text("utf-8")
    found: list[str] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert found, "a card without a snippet"
    assert all(FOLDER in block for block in found)
    return [block.replace(FOLDER, str(folder)) for block in found]


def run_block(block: str) -> dict[str, Any]:
    """Run a block as a program of its own would, and give the names that it leaves."""
    names: dict[str, Any] = {"__name__": "__main__"}
    here = Path.cwd()
    try:
        os.chdir("/")
        exec(compile(block, "a card", "exec"), names)
    finally:
        os.chdir(here)
    return names


def cosines(a_ND: np.ndarray, b_ND: np.ndarray) -> np.ndarray:
    """[N]."""
    norms_N = np.linalg.norm(a_ND, axis=1) * np.linalg.norm(b_ND, axis=1)
    found_N: np.ndarray = np.einsum("nd,nd->n", a_ND, b_ND) / norms_N
    return found_N
