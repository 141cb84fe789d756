"""A tiny leaf for all tests of exports, and tiny models of many families."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from leaf_ray.core.space import Space
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.sentence import SentenceEncoder
from tests.encoders.exports import space_of, write_leaf
from tests.encoders.families import write_family


@pytest.fixture(scope="session")
def leaf_of_tiny(
    tiny_teacher: Path, tiny_init: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A leaf in the space of the tiny teacher; read it, do not write into it."""
    return write_leaf(tiny_init, space_of(tiny_teacher), tmp_path_factory.mktemp("leaf") / "model")


@pytest.fixture(scope="session")
def tiny_space(tiny_teacher: Path) -> Space:
    return space_of(tiny_teacher)


@pytest.fixture(scope="session")
def original(leaf_of_tiny: Path) -> SentenceEncoder:
    """The leaf in float32 torch, which all exports are compared with."""
    return EncoderSpec(folder=str(leaf_of_tiny), backend="torch-f32", threads=1).load()


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model by its family's name; read it, do not write into it."""
    folder = tmp_path_factory.mktemp("families")
    return cache(lambda name: write_family(name, folder / name))
