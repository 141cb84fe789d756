"""A model is converted once, and never served by a conversion of another or of half of it."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leaf_ray.encoders.forward import OpenVINOForward
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.openvino.model import NotTraced, openvino_ir
from leaf_ray.models.folder import ModelFolder
from tests.examples.families import write_family
from tests.examples.tiny_models import a_copy, edit


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


def convert(model: Path) -> Path:
    return openvino_ir(ModelFolder.read(model))


def test_a_model_is_converted_into_the_cache_once(tiny_teacher: Path, cache: Path) -> None:
    first = convert(tiny_teacher)
    made = first.stat().st_mtime_ns
    assert first.is_relative_to(cache)
    assert convert(tiny_teacher) == first
    assert first.stat().st_mtime_ns == made
    assert sorted(file.name for file in first.parent.iterdir()) == ["model.bin", "model.xml"]


def test_a_copy_elsewhere_is_served_by_the_same_conversion(
    tiny_teacher: Path, cache: Path, tmp_path: Path
) -> None:
    copy = a_copy(tiny_teacher, tmp_path / "copy")
    (copy / "README.md").write_text("a copy", "utf-8")
    assert convert(copy) == convert(tiny_teacher)


def test_a_changed_model_is_converted_anew_and_gives_its_own_vectors(
    tiny_teacher: Path, cache: Path, tmp_path: Path
) -> None:
    copy = a_copy(tiny_teacher, tmp_path / "copy")
    edit(copy / "1_Pooling" / "config.json", pooling_mode="cls")
    assert convert(copy) != convert(tiny_teacher)
    mean, cls = (
        OpenVINOForward(ModelFolder.read(model), precision="f32", threads=1)
        for model in (tiny_teacher, copy)
    )
    ids_BL = np.arange(10, 22).reshape(2, 6)
    mask_BL = np.ones_like(ids_BL)
    assert np.abs(mean(ids_BL, mask_BL) - cls(ids_BL, mask_BL)).max() > 0.01


def test_a_conversion_that_was_killed_is_not_taken_for_whole(
    tiny_teacher: Path, cache: Path
) -> None:
    half = cache / ".converting-killed"
    half.mkdir(parents=True)
    (half / "model.xml").write_text("<net", "utf-8")
    made = convert(tiny_teacher)
    assert made.parent != half
    assert (
        OpenVINOForward(ModelFolder.read(tiny_teacher), precision="f32", threads=1).dimension == 32
    )


def test_a_conversion_that_fails_leaves_nothing_behind(
    tiny_teacher: Path, cache: Path, tmp_path: Path
) -> None:
    broken = a_copy(tiny_teacher, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(Exception, match=r"(?i)header|safetensor|deserializ"):
        convert(broken)
    assert list(cache.iterdir()) == []


def test_a_conversion_leaves_the_programs_log_as_it_was(
    family: Callable[[str], Path], cache: Path
) -> None:
    root = logging.getLogger()
    before = root.level, list(root.filters), list(root.handlers)
    convert(family("bert"))
    with pytest.raises(NotTraced):
        convert(family("gemma3"))
    assert (root.level, list(root.filters), list(root.handlers)) == before


def test_a_model_of_few_words_is_converted(tiny_teacher: Path, cache: Path, tmp_path: Path) -> None:
    # Ids that are drawn at random may be more than its vocabulary has.
    folder = write_family("xlm-roberta", tmp_path / "few", letters="aeiou")
    assert convert(folder).is_file()


def test_what_does_not_load_is_no_fault_of_openvino(
    tiny_teacher: Path, cache: Path, tmp_path: Path
) -> None:
    broken = a_copy(tiny_teacher, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(Exception, match=r"(?i)header|safetensor|deserializ") as failed:
        EncoderSpec(folder=str(broken), backend="openvino-f32").load()
    assert not isinstance(failed.value, NotTraced)
    assert not list(cache.parent.glob("backends/*/openvino*"))
