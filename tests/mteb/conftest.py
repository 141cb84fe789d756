"""A tiny leaf of the tiny teacher, for mteb."""

from pathlib import Path

import pytest

from leaf_ray.core.space.space import Space
from leaf_ray.core.training.leaf import build_leaf
from leaf_ray.encoders.teacher import describe_space
from leaf_ray.models.leaf_folder import save_leaf

SETTINGS = {"init": "init-model", "loss": "l2"}


def space_of(teacher: Path, **prompts: str | None) -> Space:
    """The space of a folder, with prompts of its own where `prompts` says so."""
    wanted = {"query_prompt": None, "document_prompt": None, **prompts}
    return describe_space(teacher, name="org/tiny-teacher", max_length=48, **wanted)


@pytest.fixture(scope="session")
def space(tiny_teacher: Path) -> Space:
    """The tiny teacher's, with a prompt for queries, so that the two kinds differ."""
    return space_of(tiny_teacher, query_prompt="query: ")


@pytest.fixture(scope="session")
def tiny_leaf(tiny_init: Path, space: Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained leaf of that space; do not write into it."""
    folder = tmp_path_factory.mktemp("leaf") / "model"
    save_leaf(build_leaf(tiny_init, space), space, folder, settings=SETTINGS, curve=[], course={})
    return folder
