"""Folders go into a part and come out of it whole, however many ask for them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from leaf_ray.runs import Run
from tests.runs.conftest import remote_run


def a_model(folder: Path) -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text("{}", "utf-8")
    (folder / "1_Pooling" / "config.json").write_text("[]", "utf-8")
    return folder


def test_a_published_folder_is_fetched_whole(run: Run, tmp_path: Path) -> None:
    run.leaf.publish(a_model(tmp_path / "made"), into="model")
    fetched = run.leaf.fetch("model", tmp_path / "cache")
    assert (fetched / "config.json").read_text() == "{}"
    assert (fetched / "1_Pooling" / "config.json").read_text() == "[]"


def test_a_local_folder_is_fetched_without_a_copy(tmp_path: Path) -> None:
    part = Run.open(str(tmp_path / "run")).leaf
    part.publish(a_model(tmp_path / "made"), into="model")
    assert part.fetch("model", tmp_path / "cache") == tmp_path / "run" / "leaf" / "model"
    assert not (tmp_path / "cache").exists()


def test_a_remote_folder_is_copied_once(tmp_path: Path) -> None:
    part = remote_run(tmp_path / "store").leaf
    part.publish(a_model(tmp_path / "made"), into="model")
    fetched = part.fetch("model", tmp_path / "cache")
    (fetched / "mark").touch()
    assert part.fetch("model", tmp_path / "cache") == fetched
    assert (fetched / "mark").exists()


def test_a_fetch_that_was_killed_half_way_is_not_taken_for_whole(tmp_path: Path) -> None:
    part = remote_run(tmp_path / "store").leaf
    part.publish(a_model(tmp_path / "made"), into="model")
    (tmp_path / "cache" / "tmp_half").mkdir(parents=True)
    (tmp_path / "cache" / "tmp_half" / "config.json").write_text("{", "utf-8")
    assert (part.fetch("model", tmp_path / "cache") / "1_Pooling" / "config.json").is_file()


def test_many_may_fetch_at_once_and_one_of_them_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[str] = []
    copy_files = pafs.copy_files

    def counted(source: str, *place: str, **filesystems: pafs.FileSystem) -> None:
        copies.append(source)
        copy_files(source, *place, **filesystems)

    part = remote_run(tmp_path / "store").leaf
    part.publish(a_model(tmp_path / "made"), into="model")
    monkeypatch.setattr(pafs, "copy_files", counted)
    with ThreadPoolExecutor(8) as pool:
        for attempt in range(10):
            cache = tmp_path / f"cache-{attempt}"
            fetched = list(pool.map(lambda _: part.fetch("model", cache), range(8)))  # noqa: B023
            assert set(fetched) == {cache / "model"}
            assert {entry.name for entry in cache.iterdir()} == {"model", ".model.lock"}
    assert len(copies) == 10


def test_a_folder_that_is_not_there_is_not_fetched_as_an_empty_one(tmp_path: Path) -> None:
    part = remote_run(tmp_path / "store").leaf
    with pytest.raises(FileNotFoundError):
        part.fetch("model", tmp_path / "cache")
    assert not (tmp_path / "cache" / "model").exists()
