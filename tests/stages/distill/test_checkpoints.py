"""A training goes on from the last checkpoint that can be read, and says which it passed over."""

import hashlib
import json
import tempfile
from pathlib import Path

import pytest
import torch

from leaf_ray.runs import Part, Run
from leaf_ray.stages.distill.checkpoints import (
    DIGEST_FILE,
    RECORD_FILE,
    STATE_FILE,
    State,
    _last_readable,
    _prefix,
    forget_broken_record,
    forget_unsent,
    has_checkpoint,
    is_unsent,
)

NAMES = ("checkpoint_2026-01-01_10-00-00", "checkpoint_2026-01-01_11-00-00")


@pytest.fixture
def training(tmp_path: Path) -> Part:
    """A training with checkpoints of the steps 100 and 200, and Ray's record of them."""
    part = Run.open(str(tmp_path / "run")).work("training/0123456789abcdef")
    for name, step in zip(NAMES, (100, 200), strict=True):
        folder = Path(part.file(name))
        folder.mkdir(parents=True)
        state = State(step=step, leaf={"weight": torch.ones(3)})
        torch.save({slot: getattr(state, slot) for slot in State.__slots__}, folder / STATE_FILE)
        digest = hashlib.sha256((folder / STATE_FILE).read_bytes()).hexdigest()
        (folder / DIGEST_FILE).write_text(digest)
    record = {"checkpoint_results": [{"checkpoint_dir_name": name} for name in NAMES]}
    part.write(RECORD_FILE, json.dumps(record).encode())
    part.write("best-100.pt", b"weights")
    return part


def last(training: Part) -> State | None:
    return _last_readable(training)[1]


def damage(training: Part, name: str) -> None:
    state = Path(training.file(name), STATE_FILE)
    state.write_bytes(state.read_bytes()[:-10])


def test_what_a_killed_worker_had_not_sent_is_taken_away_and_no_other_trainings(
    training: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    same_name = Run.open(str(tmp_path / "other")).work("training/0123456789abcdef")
    mine, others = (Path(tempfile.mkdtemp(prefix=_prefix(part))) for part in (training, same_name))
    assert is_unsent(mine)
    forget_unsent(training)
    assert not is_unsent(mine)
    assert is_unsent(others)
    assert not is_unsent(None)


def test_of_several_checkpoints_the_last_is_gone_on_with(training: Part) -> None:
    state = last(training)
    assert state is not None
    assert (state.step, state.resumed, state.notes) == (200, [200], [])
    assert state.leaf["weight"].tolist() == [1.0, 1.0, 1.0]
    assert has_checkpoint(training)


def test_one_that_is_damaged_is_passed_over_and_said(training: Part) -> None:
    damage(training, NAMES[1])
    state = last(training)
    assert state is not None
    assert (state.step, state.resumed) == (100, [100])
    (passed_over,) = state.notes
    assert NAMES[1] in passed_over and passed_over.endswith("was passed over")


@pytest.mark.parametrize("file", [STATE_FILE, DIGEST_FILE])
def test_half_of_one_is_damaged(training: Part, file: str) -> None:
    Path(training.file(NAMES[1]), file).unlink()
    state = last(training)
    assert state is not None and state.step == 100


def test_where_none_can_be_read_training_begins_anew_and_says_so(training: Part) -> None:
    for name in NAMES:
        damage(training, name)
    state = last(training)
    assert state is not None
    assert (state.step, state.resumed) == (0, [])
    assert state.notes[-1] == "no checkpoint can be read: began anew"
    assert len(state.notes) == 3


def test_without_a_checkpoint_there_is_nothing_to_say(tmp_path: Path) -> None:
    training = Run.open(str(tmp_path / "run")).work("training/new")
    forget_broken_record(training)
    assert last(training) is None
    assert not has_checkpoint(training)


def test_a_record_that_is_whole_stays(training: Part) -> None:
    before = training.read(RECORD_FILE)
    forget_broken_record(training)
    assert training.read(RECORD_FILE) == before


@pytest.mark.parametrize("record", [b"", b'{"checkpoint_results": [{"checkpoint', b"[]", b"{}"])
def test_a_record_that_was_cut_off_goes_and_checkpoints_stay(training: Part, record: bytes) -> None:
    training.write(RECORD_FILE, record)
    forget_broken_record(training)
    assert training.read(RECORD_FILE) is None
    state = last(training)
    assert state is not None and state.step == 200


def test_a_record_that_names_a_folder_which_is_gone_goes_too(training: Part) -> None:
    for file in Path(training.file(NAMES[1])).iterdir():
        file.unlink()
    Path(training.file(NAMES[1])).rmdir()
    forget_broken_record(training)
    assert training.read(RECORD_FILE) is None
    state = last(training)
    assert state is not None and state.step == 100
