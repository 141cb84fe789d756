"""`leaf export` takes a run file or a leaf's folder, and says what it wrote."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from leaf_ray.config import load_config
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import MODEL_FOLDER
from tests.cli.conftest import Said
from tests.exports.exports import space_of, write_leaf

Leaf = Callable[..., Said]


@pytest.fixture(scope="module")
def folder(tiny_teacher: Path, tiny_init: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_leaf(tiny_init, space_of(tiny_teacher), tmp_path_factory.mktemp("leaf") / "model")


def test_a_leafs_folder_is_exported(leaf: Leaf, folder: Path, tmp_path: Path) -> None:
    said = leaf("export", folder, tmp_path / "out", "--format", "openvino", "--precision", "int8")
    assert (said.code, said.err) == (0, "")
    last = said.out.splitlines()[-1]
    assert re.fullmatch(
        rf"export    {tmp_path}/out, lowest cosine [01]\.\d+ to the leaf in float32 over 16 texts",
        last,
    )
    assert (tmp_path / "out/model.xml").is_file()


def test_a_run_file_is_exported_with_overrides(
    leaf: Leaf, folder: Path, run_file: Path, tmp_path: Path
) -> None:
    run = Run.open(str(tmp_path / "elsewhere"))
    run.leaf.publish(folder, into=MODEL_FOLDER)
    run.leaf.finish(Manifest(stage="distill", made_with={}, inputs={}, counts={}, seconds=1.0))
    said = leaf("export", run_file, tmp_path / "out", f"root={run.root}")
    assert (said.code, said.err) == (0, "")
    assert (tmp_path / "out/modules.json").is_file()
    assert not Path(Run.open(load_config(run_file).root).path).exists()


def test_an_unfinished_run_names_the_stage_to_run_first(
    leaf: Leaf, run_file: Path, tmp_path: Path
) -> None:
    said = leaf("export", run_file, tmp_path / "out")
    assert said.code == 1 and said.err.startswith("MissingStage: ")
    assert "run `leaf distill FILE` first" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--precision", "int8"], "in f32 or f16: leave the precision out"),
        (["--copy-teacher"], "export to router"),
    ],
)
def test_choices_that_do_not_go_together_are_one_line(
    leaf: Leaf, folder: Path, tmp_path: Path, options: list[str], part: str
) -> None:
    said = leaf("export", folder, tmp_path / "out", *options)
    assert said.code == 1 and said.err.startswith("ConfigError: ") and part in said.err
    assert said.err.count("\n") == 1


def test_a_folder_that_is_in_use_is_one_line(leaf: Leaf, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("1")
    said = leaf("export", folder, tmp_path)
    assert (
        said.code == 1
        and "exists and is not an empty folder" in said.err
        and said.err.count("\n") == 1
    )


def test_overrides_have_no_meaning_for_a_folder(leaf: Leaf, folder: Path, tmp_path: Path) -> None:
    said = leaf("export", folder, tmp_path / "out", "root=x")
    assert said.code == 2 and "name the run file" in said.err


def test_the_help_teaches(leaf: Leaf) -> None:
    said = leaf("export", "--help").out
    for part in ("--copy-teacher", "--precision", "A run file, or a leaf's folder", "For example"):
        assert part in said
    for name in ("sentence-transformers", "router", "onnx", "openvino"):
        assert name in said
