"""Commands that README and docs name exist, with their options and settings."""

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main

from leaf_ray.cli.commands import app
from leaf_ray.config import load_config
from tests.docs.pages import PAGES, REPOSITORY, name_of, shell_lines, spans

COMMANDS: dict[str, click.Command] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
MAKEFILE = (REPOSITORY / "Makefile").read_text("utf-8")
SMALLEST = "root: runs/a\nspace: {teacher: a}\ntexts: {path: a.jsonl}\n"


def span_commands(program: str) -> list[tuple[str, list[str]]]:
    """Return the page and the words after `program` of each command within a line."""
    return [
        (name_of(page), shlex.split(span)[1:])
        for page in PAGES
        for span in spans(page)
        if span.startswith(f"{program} ")
    ]


def options_of(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


@pytest.mark.parametrize(("page", "words"), shell_lines("leaf"), ids=str)
def test_a_command_in_a_block_is_understood(
    page: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    name, *arguments = words
    context = COMMANDS[name].make_context(name, list(arguments))
    file = tmp_path / "run.yaml"
    file.write_text(SMALLEST, "utf-8")
    load_config(file, context.params.get("overrides") or [])


@pytest.mark.parametrize(("page", "words"), span_commands("leaf"), ids=str)
def test_a_command_within_a_line_exists_with_its_options(page: str, words: list[str]) -> None:
    names = [COMMANDS[word] for word in words[:1] if word in COMMANDS]
    assert names or words[0].isupper() or words[0].startswith("-"), f"{page}: leaf {words[0]}"
    known = set().union(*map(options_of, names or COMMANDS.values()))
    assert {word for word in words if word.startswith("-")} <= known, page


@pytest.mark.parametrize(("page", "words"), shell_lines("make") + span_commands("make"), ids=str)
def test_a_target_of_make_exists(page: str, words: list[str]) -> None:
    target, *variables = words
    assert f"\n{target}:" in MAKEFILE, page
    for variable in variables:
        name, _, value = variable.partition("=")
        if target == "bench" and value.islower() and value != "x":
            benchmark = REPOSITORY / "benchmarks" / f"{value}.py"
            assert "\ndef main(" in benchmark.read_text("utf-8"), page
        assert f"$({name})" in MAKEFILE, page


def test_the_readme_has_every_command() -> None:
    named: Any = [span.split()[1] for span in spans(REPOSITORY / "README.md") if "leaf " in span]
    assert set(COMMANDS) <= set(named)
