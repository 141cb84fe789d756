import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import ConfigError, ModelNotFound

Damage = Callable[[Path], object]


def rewritten(name: str, **changes: object) -> Damage:
    """Change fields of a JSON file; None takes a field away."""

    def damage(folder: Path) -> None:
        fields = json.loads((folder / name).read_text()) | changes
        kept = {key: value for key, value in fields.items() if value is not None}
        (folder / name).write_text(json.dumps(kept))

    return damage


def of_another_shape(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: torch.zeros(3, 3) for name in weights},
        folder / "model.safetensors",
        {"format": "pt"},
    )


def cut(name: str, share: float) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(cut("config.json", 0.5), id="config cut"),
        pytest.param(cut("config.json", 0.0), id="config empty"),
        pytest.param(rewritten("config.json", model_type=None), id="no model_type"),
        pytest.param(rewritten("config.json", model_type="no-such-kind"), id="unknown model_type"),
        pytest.param(lambda folder: (folder / "config.json").unlink(), id="no config"),
        pytest.param(cut("modules.json", 0.5), id="modules cut"),
        pytest.param(cut("tokenizer.json", 0.5), id="tokenizer cut"),
        pytest.param(cut("tokenizer.json", 0.0), id="tokenizer empty"),
        pytest.param(cut("model.safetensors", 0.5), id="weights cut"),
        pytest.param(cut("model.safetensors", 0.0), id="weights empty"),
        pytest.param(lambda folder: (folder / "model.safetensors").unlink(), id="no weights"),
        pytest.param(of_another_shape, id="weights of another shape"),
    ],
)
def test_a_model_that_does_not_load_is_named(
    tiny_teacher: Path, tmp_path: Path, damage: Damage
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_teacher, folder)
    damage(folder)
    with pytest.raises((ConfigError, ModelNotFound)) as caught:
        EncoderSpec(folder=str(folder), backend="torch-f32").load()
    assert str(folder) in str(caught.value)
