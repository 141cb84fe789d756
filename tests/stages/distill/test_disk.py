"""A training that would fill its disk is not begun, and errors find room on one that is full."""

import shutil
from pathlib import Path

import pytest

from leaf_ray.errors import StorageError
from leaf_ray.runs import Part, Run
from leaf_ray.stages.distill.disk import check_disk, give_up_reserve, reserved


@pytest.fixture
def training(tmp_path: Path) -> Part:
    return Run.open(str(tmp_path / "run")).work("training/0123456789abcdef")


def test_a_leaf_that_fits_is_trained(training: Part) -> None:
    check_disk(training, weights=1_000)


def test_a_leaf_whose_checkpoint_does_not_fit_is_refused_with_what_is_wanted(
    training: Part,
) -> None:
    with pytest.raises(StorageError, match=r"the disk is full: .* and the next checkpoint takes"):
        check_disk(training, weights=10**15)


def test_a_checkpoint_needs_room_on_its_way_and_in_its_place(
    training: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both on one disk.
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    free = shutil.disk_usage(tmp_path).free
    check_disk(training, weights=free // 9)
    with pytest.raises(StorageError, match="scratch has room for"):
        check_disk(training, weights=free // 7)


def test_what_is_reserved_is_free_again(training: Part) -> None:
    file = Path(training.file("errors/reserve"))
    with reserved(training, "errors"):
        assert file.stat().st_size >= 4096
        give_up_reserve(training, "errors")
        assert not file.exists()
    with reserved(training, "errors"):
        pass
    assert not file.exists()
