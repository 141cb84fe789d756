"""The command in this process, and the smallest run file."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from leaf_ray.cli.main import main


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def leaf(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run `leaf` with these arguments."""
    monkeypatch.setenv("COLUMNS", "200")
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def command(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["leaf", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            main()
        for number, handler in signals.items():
            signal.signal(number, handler)
        out, err = capsys.readouterr()
        return Said(int(exited.value.code or 0), out, err)

    return command


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """A run whose folder holds nothing yet; brackets and colons are no markup."""
    file = tmp_path / "[run] :key: 1.yaml"
    root = tmp_path / "[bold] :key: folder"
    file.write_text(f"root: '{root}'\nspace: {{teacher: nowhere}}\ntexts: {{path: a.jsonl}}\n")
    return file
