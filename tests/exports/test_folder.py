"""An export is there whole or not at all, and never in place of something else."""

from pathlib import Path

import pytest

from leaf_ray.errors import ConfigError
from leaf_ray.exports.folder import copy_leaf, new_folder


def test_what_was_written_gets_its_name_when_all_went_well(tmp_path: Path) -> None:
    target = tmp_path / "deep/er/out"
    with new_folder(target) as partial:
        (partial / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_nothing_is_left_when_it_did_not(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "out") as partial:
        (partial / "a").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_be_written_into(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as partial:
        (partial / "a").write_text("1")
    assert (tmp_path / "out/a").is_file()


def test_others_may_enter_the_folder_as_far_as_the_user_lets_them(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out"):
        pass
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_already_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "out"
    if kind == "folder":
        target.mkdir()
        (target / "mine").write_text("1")
    elif kind == "file":
        target.write_text("1")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="name another folder"), new_folder(target):
        pytest.fail("the block ran")
    kept = target / "mine" if kind == "folder" else target
    assert kept.is_symlink() if kind == "link" else kept.read_text() == "1"


def test_what_came_in_between_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(ConfigError, match="exists and is not an empty folder"), new_folder(target):
        target.mkdir()
        (target / "mine").write_text("1")
    assert [p.name for p in target.iterdir()] == ["mine"]


def test_a_place_where_no_folder_can_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="no folder can be made"), new_folder(tmp_path / "file/x"):
        pass


def test_a_copied_leaf_has_every_file(leaf_of_tiny: Path, tmp_path: Path) -> None:
    copy_leaf(leaf_of_tiny, tmp_path)
    files = [f.relative_to(leaf_of_tiny) for f in leaf_of_tiny.rglob("*") if f.is_file()]
    assert all((tmp_path / f).read_bytes() == (leaf_of_tiny / f).read_bytes() for f in files)
