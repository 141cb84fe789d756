import json
from pathlib import Path
from typing import Any

import pytest

from leaf_ray.cli.jobs import shipped_run_file
from leaf_ray.cli.quickstart import FROM_SCRATCH, RUN_FILE, _from_published, _with_own_root
from leaf_ray.config import load_config
from leaf_ray.errors import ConfigError, SpaceMismatch
from tests.examples.spaces import a_space


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("my.jsonl", "runs/my"),
        ("/data/My Texts (2024).csv", "runs/my-texts-2024"),
        ("some/folder/", "runs/folder"),
        ("s3://bucket/docs.parquet", "runs/docs"),
        ("docstrings:json,csv", "runs/docstrings-json-csv"),
        ("data/*.jsonl", "runs/texts"),
        ("", "runs/texts"),
    ],
)
def test_own_texts_get_a_run_of_their_own(path: str, root: str) -> None:
    given = ["distill.epochs=1", f"texts.path={path}"]
    assert _with_own_root(given) == [*given, f"root={root}"]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["distill.epochs=1", "texts.num_documents=10"],
        ["texts.path=my.jsonl", "root=/tmp/here"],
        ["root=/tmp/here", "texts.path=my.jsonl"],
    ],
    ids=str,
)
def test_a_run_keeps_its_root_unless_its_texts_are_other_ones(overrides: list[str]) -> None:
    assert _with_own_root(overrides) == overrides


def test_of_two_paths_the_root_follows_the_one_that_counts() -> None:
    overrides = _with_own_root(["texts.path=first.jsonl", "texts.path=second.jsonl"])
    config = load_config(shipped_run_file(RUN_FILE), overrides)
    assert (config.texts.path, config.root) == ("second.jsonl", "runs/second")


def a_leaf(folder: Path, **space: Any) -> Path:
    """A folder that says of which space its leaf is, and nothing else."""
    folder.mkdir(parents=True)
    space = {"teacher": "some/teacher", "query_prompt": "query: ", **space}
    (folder / "space.json").write_text(json.dumps(a_space(**space).to_json()))
    return folder


@pytest.mark.parametrize(
    ("overrides", "root"),
    [
        ([], "runs/quickstart-leaf-mpnet-23m"),
        (["texts.path=my.jsonl"], "runs/my-leaf-mpnet-23m"),
        (["root=runs/here"], "runs/here"),
    ],
    ids=str,
)
def test_a_given_leaf_is_used_as_it_is_in_a_run_of_its_own(
    tmp_path: Path, overrides: list[str], root: str
) -> None:
    leaf = a_leaf(tmp_path / "leaf-mpnet-23m")
    overrides = _with_own_root(overrides, leaf=leaf)
    config = load_config(shipped_run_file(RUN_FILE), overrides)
    assert config.root == root
    assert config.space.teacher == "some/teacher"
    assert config.space.query_prompt == "query: "
    assert config.distill.init == str(leaf)
    assert (config.distill.head, config.distill.epochs) == ("init", 0)


def test_leaves_of_two_runs_get_two_runs(tmp_path: Path) -> None:
    leaves = [a_leaf(tmp_path / name / "leaf" / "model") for name in ("mine", "other-1.1")]
    roots = [_with_own_root([], leaf=leaf)[-1] for leaf in leaves]
    assert roots == ["root=runs/quickstart-mine", "root=runs/quickstart-other-1-1"]


def test_a_leaf_of_a_rotated_space_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    leaf = a_leaf(tmp_path / "leaf", rotation="sha256:00")
    with pytest.raises(SpaceMismatch, match="rotated space"):
        _with_own_root([], leaf=leaf)


def test_what_is_no_leaf_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(SpaceMismatch, match=r"space\.json"):
        _with_own_root([], leaf=tmp_path)


@pytest.mark.parametrize("name", [RUN_FILE, FROM_SCRATCH])
def test_the_shipped_run_files_are_found_and_load(name: str) -> None:
    config = load_config(shipped_run_file(name))
    assert config.root == f"runs/{Path(name).stem}"
    assert config.texts.path.startswith("docstrings:")


def test_own_texts_from_scratch_are_another_run() -> None:
    given = ["texts.path=my.jsonl"]
    assert _with_own_root(given, from_scratch=True) == [*given, "root=runs/my-from-scratch"]
    assert _with_own_root([], from_scratch=True) == []


def test_the_published_leaf_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Path(__file__).parents[2] / "release" / "leaf-mpnet-23m"
    monkeypatch.chdir(published.parents[1])
    assert _from_published([]) == []
    monkeypatch.chdir(tmp_path)
    assert _from_published([]) == [f"distill.init={published}"]
    assert _from_published(["distill.init=mine"]) == []


def test_without_the_published_leaf_the_ways_without_it_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.cli.quickstart.PUBLISHED", tmp_path / "leaf")
    with pytest.raises(ConfigError, match=r"--from-scratch .* distill\.init=FOLDER"):
        _from_published([])
