"""`leaf quickstart`: the whole path once, on texts that every machine has."""

import json
import re
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape

from leaf_ray.cli.console import ConsoleProgress
from leaf_ray.cli.jobs import shipped_run_file
from leaf_ray.cli.show import print_hits, print_report
from leaf_ray.config import RunConfig, load_config
from leaf_ray.core.text.texts import QUERY, TEST
from leaf_ray.errors import ConfigError, ServiceError, SpaceMismatch
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.runs import Run
from leaf_ray.runs.folder import MODEL_FOLDER
from leaf_ray.runs.parts import texts_dataset
from leaf_ray.stages import verbs
from leaf_ray.table.schema import Hit

RUN_FILE, FROM_SCRATCH = "quickstart.yaml", "quickstart_from_scratch.yaml"
# Asked of the API documentation; own texts are asked their own test queries.
QUESTIONS = (
    "make a temporary folder that is deleted afterwards",
    "remove rows that contain missing values from a table",
    "copy a whole folder with everything in it",
)
HITS = 3
# A checkout has it, an installed package has not.
PUBLISHED = Path(__file__).parents[2] / "release" / "leaf-mpnet-23m"


def run_quickstart(
    console: Console, overrides: Sequence[str], *, leaf: Path | None, from_scratch: bool
) -> None:
    """Make the run, print its report, serve it, ask three questions, say how to go on.

    On a terminal it serves until Ctrl-C, so that its pages can be looked at in a browser.

    leaf: the folder of a leaf to use as it is; None distills one.
    from_scratch: distill one that begins as a small encoder, not as the published leaf.

    Raises:
        ConfigError: the published leaf is to be used, and is not there.
        LeafRayError: any stage's; what was finished before stays finished.
    """
    file = shipped_run_file(FROM_SCRATCH if from_scratch else RUN_FILE)
    overrides = _with_own_root(overrides, leaf=leaf, from_scratch=from_scratch)
    if not (leaf or from_scratch):
        overrides = [*_from_published(overrides), *overrides]
    config = load_config(file, overrides)
    arguments = [str(_shown(file)), *overrides]
    with ConsoleProgress(console) as progress:
        verbs.run(config, progress=progress)
        print_report(console, Run.open(config.root))
        with verbs.serving(config, progress=progress) as url:
            for question in _questions(config):
                _ask(console, url, question)
            _say_how_to_go_on(console, config, arguments)
            if console.is_terminal:
                _stay(console, url)


def _from_published(overrides: Sequence[str]) -> list[str]:
    """What lets the leaf begin as the published one, wherever the command is called.

    Raises:
        ConfigError: it is not there.
    """
    if any(override.startswith("distill.init=") for override in overrides):
        return []
    if not PUBLISHED.is_dir():
        raise ConfigError(
            f"there is no published leaf at {PUBLISHED}: it comes with a checkout of leaf_ray. Add "
            "--from-scratch to train a new leaf, or name the folder of a leaf with "
            "distill.init=FOLDER"
        )
    # In the checkout's folder the run file names it already.
    is_named = Path("release", PUBLISHED.name).absolute() == PUBLISHED
    return [] if is_named else [f"distill.init={PUBLISHED}"]


def _stay(console: Console, url: str) -> None:
    console.print(f"\nthe service: {url}/docs, to open in a browser; Ctrl-C ends it", style="bold")
    while True:
        time.sleep(3600)


def _with_own_root(
    overrides: Sequence[str], *, leaf: Path | None = None, from_scratch: bool = False
) -> list[str]:
    """Other texts or a given leaf are another run: with a folder of its own unless one is named.

    Raises:
        SpaceMismatch: what is given is no leaf, or one of a rotated space.
    """
    given = list(overrides) if leaf is None else [*_as_it_is(leaf), *overrides]
    # If there are several, the last one counts, as in the configuration.
    paths = [o.partition("=")[2] for o in given if o.startswith("texts.path=")]
    if not (paths or leaf) or any(o.startswith("root=") for o in given):
        return given
    names = [_folder_name(Path(paths[-1]).stem) or "texts" if paths else Path(RUN_FILE).stem]
    if from_scratch:
        names.append("from-scratch")
    if leaf is not None:
        # That of a run is in RUN/leaf/model.
        path = leaf.absolute()
        names.append(_folder_name((path.parents[1] if path.name == MODEL_FOLDER else path).name))
    return [*given, f"root=runs/{'-'.join(names)}"]


def _as_it_is(leaf: Path) -> list[str]:
    """What makes a run of a leaf's own space, and takes the leaf without training it."""
    space = leaf_space(leaf)
    if space.rotation:
        raise SpaceMismatch(
            f"{leaf} is a leaf of a rotated space, so its documents have to be rotated in the same "
            "way: use it in the run that it is from"
        )
    return [
        f"space.teacher={space.teacher}",
        # Quoted, since the value is read as YAML, where a colon has a meaning.
        f"space.query_prompt={json.dumps(space.query_prompt)}",
        f"space.document_prompt={json.dumps(space.document_prompt)}",
        f"distill.init={leaf}",
        "distill.head=init",
        "distill.epochs=0",
    ]


def _folder_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()


def _questions(config: RunConfig) -> Sequence[str]:
    if config.texts.path.startswith("docstrings:"):
        return QUESTIONS
    tested = texts_dataset(Run.open(config.root).texts).head(
        len(QUESTIONS),
        columns=["text"],
        filter=(pc.field("kind") == QUERY) & (pc.field("split") == TEST),
    )
    asked: list[str] = tested["text"].to_pylist()
    return asked


def _ask(console: Console, url: str, question: str) -> None:
    body = {"query": question, "k": HITS}
    try:
        response = httpx.post(f"{url}/v1/search", json=body, timeout=60)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise ServiceError(f"{url} did not answer {question!r}: {error}") from error
    answer = response.json()
    milliseconds = answer["milliseconds"]["total"]
    console.print(f"\n[bold cyan]{escape(question)}[/]  [dim]{milliseconds:.0f} ms[/]")
    print_hits(console, [Hit(**hit) for hit in answer["hits"]])


def _shown(file: Path) -> Path:
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file


def _say_how_to_go_on(console: Console, config: RunConfig, arguments: Sequence[str]) -> None:
    leaf = _shown(Path(sys.argv[0]).absolute())
    file, *overrides = arguments
    run_file, question = shlex.join(arguments), shlex.join([file, "your question", *overrides])
    console.print(
        f"""
go on with
  {leaf} serve {run_file}
  {leaf} search {question}
  {leaf} show {run_file}
  {leaf} quickstart texts.path=my.jsonl
the leaf:   {config.root}/leaf/model
the report: {config.root}/evaluation/evaluation.md""",
        markup=False,
        highlight=False,
    )
