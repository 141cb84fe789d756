import errno
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from leaf_ray.cli import quiet
from leaf_ray.cli.failure import LOGS_KEPT, meaning, tell_failure
from leaf_ray.errors import ConfigError, InputError, MemoryExhausted, StorageError
from tests.cli.conftest import Said

Leaf = Callable[..., Said]


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where log files of failures go in this test."""
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "logs"


def caught(error: BaseException) -> BaseException:
    """The error with a traceback, as it is raised."""
    try:
        raise error
    except BaseException as raised:  # noqa: BLE001
        return raised


def test_an_error_of_ours_needs_no_log_file(logs: Path) -> None:
    said = tell_failure(caught(ConfigError("mend\n this.")), ["run", "a.yaml"])
    assert said == ("ConfigError", "mend this.") and not logs.exists()


def test_what_nobody_foresaw_names_a_log_file_that_holds_the_rest(logs: Path) -> None:
    name, said = tell_failure(caught(KeyError("odd")), ["run", "a file.yaml"])
    (log,) = logs.iterdir()
    assert name == "Error" and "KeyError: 'odd'" in said and f"details: {log}" in said
    text = log.read_text()
    for part in ("leaf run 'a file.yaml'", "raise error", "leaf-ray ", "torch ", sys.executable):
        assert part in text
    assert log.stat().st_mode & 0o077 == 0


def test_an_error_of_the_system_is_told_in_plain_words(logs: Path) -> None:
    error = caught(OSError(errno.ENOSPC, "No space left on device", "/data/run"))
    name, said = tell_failure(error, ["embed"])
    assert name == "StorageError" and "no space left on the disk: /data/run" in said
    assert f"details: {logs}" in said


def test_neither_the_line_nor_the_log_holds_a_secret(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-secret-value")
    error = caught(RuntimeError("a-secret-value at https://me:word@host/x?sig=abc is odd"))
    _, said = tell_failure(error, ["run", "api_key=other-secret"])
    (log,) = logs.iterdir()
    for secret in ("a-secret-value", "word@", "sig=abc", "other-secret"):
        assert secret not in said + log.read_text()


def test_only_the_newest_log_files_are_kept(logs: Path) -> None:
    logs.mkdir(parents=True)
    for number in range(LOGS_KEPT + 5):
        (logs / f"leaf-20200101-{number:06}-1.log").write_text("old")
    tell_failure(caught(KeyError("odd")), ["run"])
    names = sorted(file.name for file in logs.iterdir())
    assert len(names) == LOGS_KEPT and not names[-1].startswith("leaf-2020")


def test_where_no_log_file_can_be_written_the_error_is_said_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("LEAF_RAY_CACHE", str(blocked))
    monkeypatch.setattr("tempfile.tempdir", str(blocked))
    _, said = tell_failure(caught(KeyError("odd")), ["run"])
    assert "no log file could be written" in said and "KeyError: 'odd'" in said


def test_what_an_error_was_caused_by_tells_more_than_its_wrapping() -> None:
    outer = RuntimeError("a task failed")
    outer.__cause__ = OSError(errno.EROFS, "Read-only file system", "/data")
    assert isinstance(meaning(outer), StorageError)
    outer.__cause__.__cause__ = InputError("a row is odd")
    assert meaning(outer) is outer.__cause__.__cause__


def test_what_was_being_handled_meanwhile_is_no_cause() -> None:
    error = RuntimeError("odd")
    error.__context__ = FileNotFoundError(errno.ENOENT, "No such file", "/optional")
    assert meaning(error) is None


@pytest.mark.parametrize("error", [MemoryError(), KeyError("a"), OSError(errno.EIO, "x", "/d")])
def test_whatever_a_command_raises_is_one_line(
    leaf: Leaf, logs: Path, run_file: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("leaf_ray.cli.show.print_run", fails)
    said = leaf("show", run_file)
    assert said.code == 1 and said.out == ""
    assert said.err.count("\n") == 1 and f"details: {logs}" in said.err
    assert "Traceback" in next(logs.iterdir()).read_text()


def test_memory_that_is_used_up_is_told_as_that() -> None:
    assert isinstance(meaning(MemoryError()), MemoryExhausted)


def test_warnings_of_libraries_stay_off_the_terminal_and_ours_are_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        quiet.quieten()
        warnings.warn("odd of a library", stacklevel=1)
        ours = str(Path(quiet.__file__))
        warnings.warn_explicit("two\nlines", UserWarning, ours, 1)
    assert capsys.readouterr().err == "warning: two lines\n"
    assert any("odd of a library" in line for line in quiet.KEPT_LINES)


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_ends_early_is_no_failure_to_tell_of(run_file: Path, reader: str) -> None:
    command = f"'{sys.executable}' -m leaf_ray show '{run_file}' | {reader}"
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert ended.stderr == "" and ended.returncode in (0, 141)


def test_a_user_without_a_home_folder_is_told_what_to_set(
    leaf: Leaf, run_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LEAF_RAY_CACHE", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def homeless(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    name, said = tell_failure(caught(KeyError("odd")), ["run"])
    assert name == "Error" and f"details: {tmp_path}" in said
    assert "set LEAF_RAY_CACHE to a folder" in leaf("models").err


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-"])
def test_an_error_that_nobody_can_read_is_an_exit_status(tmp_path: Path, closed: str) -> None:
    command = f"'{sys.executable}' -m leaf_ray show '{tmp_path}/no.yaml' {closed}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"")
