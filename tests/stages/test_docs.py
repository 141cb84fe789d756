"""Examples of README and docs run as they stand, on a small run instead of the reader's own."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from leaf_ray.cli.commands import app
from leaf_ray.config import RunConfig
from tests.docs.pages import REPOSITORY, TOPICS, Block, blocks, shell_lines

pytestmark = pytest.mark.ray

# The example of the HTTP service runs in tests/stages/serve, over a service that is up.
PROGRAMS = [block for block in blocks("python") if "8000" not in block.text]
# Times on this machine take a minute, and services stay until Ctrl-C; `tests/stages` has both.
RUN_ELSEWHERE = {"cost", "serve", "quickstart"}


def is_run_here(words: list[str]) -> bool:
    """Whether a command is on the reader's run and changes nothing that is finished."""
    return words[0] not in RUN_ELSEWHERE and "my.yaml" in words and "--again" not in words


COMMANDS = sorted({tuple(words) for _, words in shell_lines("leaf") if is_run_here(words)})


@pytest.fixture
def run_file(small_run: RunConfig, tmp_path: Path) -> Path:
    file = tmp_path / "my.yaml"
    file.write_text(yaml.safe_dump(small_run.model_dump(mode="json")), "utf-8")
    return file


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_a_program_runs(
    block: Block, run_file: Path, small_run: RunConfig, adi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    program = block.text
    for readers, ours in (
        ("my.yaml", str(run_file)),
        ("runs/mine", small_run.root),
        ("sentence-transformers/all-mpnet-base-v2", small_run.space.teacher),
        ("data/scifact", adi),
    ):
        program = program.replace(f'"{readers}', f'"{ours}')
    exec(compile(program, str(block), "exec"), {})


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_runs(
    words: tuple[str, ...], run_file: Path, small_run: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run_file.parent)
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    if words[0] == "export":
        assert (run_file.parent / words[2] / "README.md").is_file()
    else:
        assert done.output.strip()


def test_every_page_has_an_example_that_a_test_runs() -> None:
    with_examples = {
        block.page for language in ("yaml", "python", "sh") for block in blocks(language)
    }
    assert {page.stem for page in TOPICS} <= with_examples
