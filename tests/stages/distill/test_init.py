"""A leaf begins as an encoder that suits the space and the settings."""

import json
from pathlib import Path

import pytest

from leaf_ray.errors import ConfigError, SpaceMismatch
from leaf_ray.models.folder import ModelFolder
from leaf_ray.stages.distill.init import check_head, check_init, check_layers
from tests.examples.spaces import a_space
from tests.examples.training_counts import settings


def test_a_head_is_taken_from_a_leaf_of_this_space_alone(tmp_path: Path, tiny_init: Path) -> None:
    space = a_space()
    with_head = settings(head="init")
    (tmp_path / "space.json").write_text(json.dumps(space.to_json()), "utf-8")
    check_head(with_head, tmp_path, space)
    check_head(with_head, tmp_path, a_space(max_length=space.max_length // 2))
    with pytest.raises(SpaceMismatch, match=r"this run .* distill.init"):
        check_head(with_head, tmp_path, a_space(query_prompt="another: "))
    with pytest.raises(SpaceMismatch, match="is not a leaf"):
        check_head(with_head, tiny_init, space)
    check_head(settings(), tiny_init, space)


def test_layers_that_the_encoder_has_not_are_refused(tiny_init: Path) -> None:
    init = ModelFolder.read(tiny_init)
    check_layers(settings(init_layers=(1, 2)), init)
    with pytest.raises(ConfigError, match=r"names layer 3, but the encoder has layers 1 to 2"):
        check_layers(settings(init_layers=(1, 3)), init)


def test_an_encoder_that_reads_less_than_the_teacher_is_refused(tiny_init: Path) -> None:
    folder = ModelFolder.read(tiny_init)
    check_init(folder, a_space(max_length=64))
    with pytest.raises(ConfigError, match=r"reads at most 64 tokens, .* texts of 65"):
        check_init(folder, a_space(max_length=65))
