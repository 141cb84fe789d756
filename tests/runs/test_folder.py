"""A part counts when its manifest is there, wherever the run's folder is."""

import pickle
from pathlib import Path

import fsspec
import pyarrow.fs as pafs
import pytest

from leaf_ray.errors import ConfigError, DamagedPart, MissingStage
from leaf_ray.runs import PARTS, Manifest, Part, Run
from leaf_ray.runs.folder import MANIFEST
from tests.runs.conftest import remote_run


def a_manifest(stage: str = "embed") -> Manifest:
    return Manifest(
        stage=stage, made_with={"embed": {"dtype": "float32"}}, inputs={}, counts={}, seconds=1.5
    )


def test_opening_a_run_creates_nothing(tmp_path: Path) -> None:
    Run.open(str(tmp_path / "run"))
    Run.open(f"file://{tmp_path}/run")
    assert list(tmp_path.iterdir()) == []


def test_a_part_without_a_manifest_is_not_finished(run: Run) -> None:
    run.vectors.write("space.json", b"{}")
    assert run.vectors.manifest() is None
    with pytest.raises(MissingStage, match=r"vectors is not finished: run `leaf embed FILE` first"):
        run.vectors.require(command="leaf embed FILE")


def test_a_manifest_makes_a_part_finished(run: Run) -> None:
    manifest = a_manifest()
    run.vectors.finish(manifest)
    assert run.vectors.manifest() == manifest
    assert run.vectors.require(command="leaf embed FILE").id == manifest.id


def test_an_unfinished_part_keeps_its_files_but_no_longer_counts(run: Run) -> None:
    run.vectors.write("space.json", b"{}")
    run.vectors.finish(a_manifest())
    run.vectors.unfinish()
    assert run.vectors.manifest() is None
    assert run.vectors.read("space.json") == b"{}"


def test_a_part_that_was_never_begun_can_be_unfinished_and_cleared(run: Run) -> None:
    run.vectors.unfinish()
    run.vectors.clear()
    assert run.vectors.manifest() is None


def test_a_cleared_part_is_an_empty_folder(run: Run) -> None:
    run.leaf.write("model/config.json", b"{}")
    run.leaf.finish(a_manifest("distill"))
    run.leaf.clear()
    inside = pafs.FileSelector(run.leaf.path, recursive=True)
    assert run.leaf.filesystem.get_file_info(inside) == []


class CutShort(pafs.FSSpecHandler):
    """A store that dies before it has deleted anything of a folder."""

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:  # noqa: FBT001, FBT002
        raise OSError(f"killed while deleting {path}")


def test_a_part_whose_clearing_was_cut_short_does_not_count(tmp_path: Path) -> None:
    store = pafs.PyFileSystem(CutShort(fsspec.filesystem("file")))
    part = Run("far://run", store, f"{tmp_path}/run").vectors
    part.write("0.parquet", b"rows")
    part.finish(a_manifest())
    with pytest.raises(OSError, match="killed while deleting"):
        part.clear()
    assert part.manifest() is None


def test_clearing_one_part_leaves_its_neighbours(run: Run) -> None:
    run.texts.finish(a_manifest("texts"))
    run.vectors.clear()
    assert run.texts.manifest() is not None


def test_a_file_is_read_as_it_was_last_written(run: Run) -> None:
    run.evaluation.write("evaluation.md", b"a long first version")
    run.evaluation.write("evaluation.md", b"second")
    assert run.evaluation.read("evaluation.md") == b"second"
    assert run.evaluation.read("no.md") is None


def test_a_half_written_manifest_does_not_finish_a_part(tmp_path: Path) -> None:
    part = Run.open(str(tmp_path)).vectors
    part.write("space.json", b"{}")
    Path(part.file(f"{MANIFEST}.partial")).write_text('{"stage": "emb', "utf-8")
    assert part.manifest() is None


def test_a_half_written_file_leaves_the_old_one_and_the_next_write_replaces_it(
    tmp_path: Path,
) -> None:
    part = Run.open(str(tmp_path)).vectors
    part.finish(a_manifest("first"))
    Path(part.file(f"{MANIFEST}.partial")).write_text('{"stage": "sec', "utf-8")
    finished = part.manifest()
    assert finished is not None and finished.stage == "first"
    part.finish(a_manifest("third"))
    again = part.manifest()
    assert again is not None and again.stage == "third"


def test_two_writers_of_one_file_do_not_cut_off_each_other(tmp_path: Path) -> None:
    part = Run.open(str(tmp_path)).vectors
    with part.whole("a.parquet") as slow:
        Path(slow).write_bytes(b"half of the slow")
        part.write("a.parquet", b"the quick one's")
        assert part.read("a.parquet") == b"the quick one's"
        Path(slow).write_bytes(b"all of the slow one's")
    assert part.read("a.parquet") == b"all of the slow one's"
    assert [file.name for file in Path(part.path).iterdir()] == ["a.parquet"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    part = Run.open(str(tmp_path)).evaluation
    part.write("evaluation.json", b"whole")
    not_bytes: bytes = object()  # type: ignore[assignment]
    with pytest.raises(TypeError):
        part.write("evaluation.json", not_bytes)
    assert part.read("evaluation.json") == b"whole"


def test_the_parts_lie_in_the_root_under_their_own_names(tmp_path: Path) -> None:
    run = Run.open(str(tmp_path))
    parts = [run.texts, run.vectors, run.leaf, run.index, run.evaluation, run.timings, run.cost]
    assert [part.name for part in parts] == list(PARTS)
    assert [part.path for part in parts] == [f"{tmp_path}/{name}" for name in PARTS]


def test_the_uri_of_a_part_is_of_the_kind_its_root_was_given_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Run.open("runs/a").index.uri == f"{tmp_path}/runs/a/index"
    assert Run.open(f"file://{tmp_path}/a/").index.uri == f"file://{tmp_path}/a/index"
    assert Run.open(f"file://{tmp_path}/a/").index.path == f"{tmp_path}/a/index"
    assert Run.open(f"file://{tmp_path}/a").index.is_local
    assert not remote_run(tmp_path).index.is_local


def test_a_root_may_begin_with_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Run.open("~/runs").texts.path == "/home/somebody/runs/texts"


def test_trainings_keep_their_checkpoints_apart(tmp_path: Path) -> None:
    run = Run.open(str(tmp_path))
    assert run.work("training/abc").path == f"{tmp_path}/training/abc"
    assert run.work("training/abc").path != run.work("training/def").path


@pytest.mark.parametrize("root", ["nosuch://bucket/run", "://", "s4://x"])
def test_a_uri_that_no_file_system_understands_is_refused(root: str) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        Run.open(root)


def test_a_part_survives_pickling_between_processes(tmp_path: Path) -> None:
    run = remote_run(tmp_path / "store")
    run.vectors.finish(a_manifest())
    again: Part = pickle.loads(pickle.dumps(run.vectors))
    assert again.manifest() == run.vectors.manifest()


@pytest.mark.parametrize("below", ["", "/run", "/a/deep/run"])
def test_a_root_in_whose_way_a_file_stands_is_refused(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigError, match=f"root: {file} is a file: name a folder"):
        Run.open(f"{file}{below}").require_folder()
    Run.open(str(tmp_path / "new" / "run")).require_folder()


@pytest.mark.parametrize(("root", "part"), [("s3://", "names no folder"), ("a\0b", "NUL")])
def test_a_root_that_names_no_folder_is_refused(
    root: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(ConfigError, match=part):
        Run.open(root)


def test_a_root_is_named_without_its_keys() -> None:
    with pytest.raises(ConfigError) as caught:
        Run.open("nosuch://key:secret@bucket/run?sign=secret")
    assert "root: nosuch://bucket/run cannot" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b'{"stage": "em', b"[1]", b'{"odd": 1}', b"\xff\xfe"])
def test_a_damaged_manifest_is_named_with_what_makes_it_again(run: Run, content: bytes) -> None:
    run.vectors.write(MANIFEST, content)
    again = r"vectors/manifest.json is damaged.*`leaf embed FILE --again`"
    with pytest.raises(DamagedPart, match=again):
        run.vectors.manifest()
