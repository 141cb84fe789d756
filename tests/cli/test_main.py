import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leaf_ray.cli.main import app
from tests.cli.conftest import Said

Leaf = Callable[..., Said]
COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]
STAGES = ["texts", "embed", "distill", "index", "evaluate"]


def in_a_process(*arguments: str | Path, code: str = "") -> subprocess.CompletedProcess[str]:
    start = ["-c", code] if code else ["-m", "leaf_ray"]
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "COLUMNS": "200"},
    )


def require_one_line(said: Said, error: str, *parts: object) -> None:
    """An error of ours is one line on stderr that holds these parts."""
    assert said.code == 1
    assert said.err.startswith(f"{error}: ") and said.err.count("\n") == 1
    assert said.err.endswith("\n")
    for part in parts:
        assert str(part) in said.err


def test_help_lists_every_command_with_a_line() -> None:
    shown = in_a_process("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    rows = dict(re.findall(r"^\u2502 ([a-z]+) +(\S.*?) *\u2502$", shown.stdout, re.MULTILINE))
    assert rows.keys() == {*COMMANDS} >= {*STAGES, "run", "quickstart", "serve", "search", "show"}
    assert all(line.endswith(".") for line in rows.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(leaf: Leaf, command: str) -> None:
    said = leaf(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"leaf {command}" in said.out


def test_no_command_at_all_shows_the_help(leaf: Leaf) -> None:
    assert all(f" {command} " in leaf().out for command in COMMANDS)


def test_help_loads_none_of_the_heavy_libraries() -> None:
    code = """
import sys
from leaf_ray.cli.main import main
try:
    main()
finally:
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""
    shown = in_a_process("--help", code=code)
    loaded = set(shown.stdout.partition("LOADED")[2].split())
    assert "typer" in loaded
    heavy = {"ray", "torch", "lancedb", "lance", "pydantic", "pyarrow", "numpy", "transformers"}
    assert not loaded & {*heavy, "sentence_transformers", "openvino", "fastapi", "httpx"}


@pytest.mark.parametrize("command", ["texts", "run", "serve", "show"])
def test_a_run_file_that_is_not_there_is_named(leaf: Leaf, command: str, tmp_path: Path) -> None:
    require_one_line(leaf(command, tmp_path / "[no].yaml"), "ConfigError", tmp_path / "[no].yaml")


def test_a_misspelt_key_is_answered_with_the_nearest(leaf: Leaf, run_file: Path) -> None:
    said = leaf("show", run_file, "distill.learning_rat=1")
    require_one_line(said, "ConfigError", run_file, "did you mean 'learning_rate'?")


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("port", "write stage.key=value"),
        ("serve.port=[a]", "serve.port"),
        ("serve.port=[", "not valid YAML"),
        ("root.name=x", "no keys below"),
    ],
)
def test_a_wrong_override_is_named(leaf: Leaf, run_file: Path, override: str, part: str) -> None:
    require_one_line(leaf("show", run_file, override), "ConfigError", part)


def test_a_run_file_that_is_no_yaml_is_one_line_too(leaf: Leaf, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("root: [\nspace: }\n")
    require_one_line(leaf("show", file), "ConfigError", file, "not valid YAML", "line 2")


@pytest.mark.parametrize(
    ("arguments", "missing"), [(["search", "what"], "distill"), (["embed"], "texts")]
)
def test_an_unfinished_run_names_the_stage_to_run_first(
    leaf: Leaf, run_file: Path, arguments: list[str], missing: str
) -> None:
    command, *rest = arguments
    said = leaf(command, run_file, *rest)
    # The folder's name has brackets and a colon-word in it, and is printed as it is.
    require_one_line(
        said, "MissingStage", "[bold] :key: folder", f"run `leaf {missing} FILE` first"
    )


def test_serving_an_unfinished_run_names_the_stage_to_run_first(run_file: Path) -> None:
    # In a process of its own, since it takes over the signals.
    shown = in_a_process("serve", run_file)
    said = Said(shown.returncode, shown.stdout, shown.stderr)
    require_one_line(said, "MissingStage", "[bold] :key: folder", "run `leaf distill FILE` first")


def test_wrong_usage_is_no_traceback(leaf: Leaf, run_file: Path) -> None:
    for arguments in (["nonsense"], ["show"], ["search", run_file, "what", "-k", "0"]):
        said = leaf(*arguments)
        assert said.code == 2 and "Usage:" in said.err and "Traceback" not in said.err
