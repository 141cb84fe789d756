"""The commands of `leaf` that begin, make and serve whole runs."""

from pathlib import Path
from typing import Annotated

import typer

from leaf_ray.cli.app import Overrides, RunFile, app, console, run_verb

DEFAULT_TEACHER = "sentence-transformers/all-mpnet-base-v2"


@app.command(rich_help_panel="Whole runs")
def init(
    texts: Annotated[
        str,
        typer.Argument(
            help="A file, folder or glob (Parquet, JSONL, CSV, TSV, plain text), a BEIR folder, a "
            "Lance dataset, what `datasets` saved, `hf:ORG/NAME` or `docstrings:`.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The run file to write.")] = Path("leaf.yaml"),
    teacher: Annotated[
        str, typer.Option(help="The model whose vectors the leaf learns: an id or a folder.")
    ] = DEFAULT_TEACHER,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
) -> None:
    """Look at texts, and write a commented run file for them.

    It reads the first rows, says what it finds, and proposes which column holds the text, the id,
    the title and the queries. No model is downloaded, and Ray is not started.

    For example, `leaf init news.csv` with the columns uid, headline and body writes a `leaf.yaml`
    that takes `body` as the text, `headline` as the title and `uid` as the id. Read it, change
    what you know better, and give `leaf run leaf.yaml`.
    """
    from leaf_ray.cli.init import run_init

    run_init(console, texts, out=out, teacher=teacher, force=force)


@app.command(rich_help_panel="Whole runs")
def run(file: RunFile, overrides: Overrides = None) -> None:
    """Run all five stages in order, and skip those that are finished.

    A run that was killed resumes: `embed` and `distill` go on where they were, and other stages
    start over.
    """
    run_verb("run", file, overrides)


@app.command(rich_help_panel="Whole runs")
def quickstart(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Settings as `section.key=value`; `texts.path=my.jsonl` takes your own texts.",
            show_default=False,
        ),
    ] = None,
    leaf: Annotated[
        Path | None,
        typer.Option(
            help="The folder of a leaf to use as it is, without training.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="Train a new leaf instead of the published one."),
    ] = False,
) -> None:
    """Go from texts to a search service in one command.

    It embeds texts with the teacher, trains the published leaf further on the texts' own queries,
    measures it, serves it and asks three questions. By default the texts are the API
    documentation of this Python environment.
    """
    from leaf_ray.cli.quickstart import run_quickstart

    if leaf and from_scratch:
        raise typer.BadParameter(
            "--leaf uses a leaf as it is and --from-scratch trains a new one: give one of them"
        )
    run_quickstart(console, overrides or [], leaf=leaf, from_scratch=from_scratch)


@app.command(rich_help_panel="Whole runs")
def serve(file: RunFile, overrides: Overrides = None) -> None:
    """Serve a finished run over HTTP (Ray Serve) until Ctrl-C.

    Queries are encoded by the leaf, and added documents by the teacher. `/docs` describes the API.

    For example: `leaf serve run.yaml serve.port=8080`
    """
    from leaf_ray.cli.service import serve_until_stopped
    from leaf_ray.config import load_config

    serve_until_stopped(console, load_config(file, overrides or []))
