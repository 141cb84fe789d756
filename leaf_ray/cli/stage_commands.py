"""The commands of `leaf` for single stages, each a thin call of the Python API."""

from typing import Annotated

import typer

from leaf_ray.cli.app import Again, Overrides, RunFile, app, run_verb


@app.command(rich_help_panel="Stages, in order")
def texts(file: RunFile, overrides: Overrides = None, again: Again = False) -> None:
    """Read the texts, and choose the queries to test with.

    The first stage. It reads the source that `texts.path` names, divides its queries into those
    to train on and those to test with, and reports rows that it could not use.

    For example: `leaf texts run.yaml texts.num_test_queries=200`
    """
    run_verb("texts", file, overrides, again=again)


@app.command(rich_help_panel="Stages, in order")
def embed(
    file: RunFile,
    overrides: Overrides = None,
    again: Again = False,
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Embed the rejected texts once more.")
    ] = False,
) -> None:
    """Compute the teacher's vectors of all texts (Ray Data).

    A killed run resumes where it was. Texts that the teacher cannot encode are written to
    `vectors/rejected` in the run's folder with the reason.

    For example: `leaf embed run.yaml embed.dtype=float16`
    """
    if retry_rejected and again:
        raise typer.BadParameter(
            "--again makes all vectors anew and --retry-rejected keeps them: give one of them"
        )
    if retry_rejected:
        run_verb("retry_rejected", file, overrides)
    else:
        run_verb("embed", file, overrides, again=again)


@app.command(rich_help_panel="Stages, in order")
def distill(file: RunFile, overrides: Overrides = None, again: Again = False) -> None:
    """Train a leaf to give the teacher's vectors (Ray Train).

    A killed run resumes from its last checkpoint. The trained model is `leaf/model` in the run's
    folder, and sentence-transformers loads it.

    For example: `leaf distill run.yaml distill.epochs=5`
    """
    run_verb("distill", file, overrides, again=again)


@app.command(rich_help_panel="Stages, in order")
def index(
    file: RunFile,
    overrides: Overrides = None,
    again: Again = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Rebuild the table, and lose the documents that were added or changed over HTTP.",
        ),
    ] = False,
) -> None:
    """Write the documents' vectors into a LanceDB table (Ray Data).

    A table to which documents were added over HTTP is not rebuilt without `--replace`.

    For example: `leaf index run.yaml --again`
    """
    run_verb("index", file, overrides, again=again, replace=replace)


@app.command(rich_help_panel="Stages, in order")
def evaluate(file: RunFile, overrides: Overrides = None, again: Again = False) -> None:
    """Measure how much of its teacher's quality the leaf keeps.

    It writes nDCG@10, overlap with the teacher and others, with 95 % intervals, to
    `evaluation/evaluation.md` in the run's folder.

    For example: `leaf evaluate run.yaml 'evaluate.collections=[data/scifact]'`
    """
    run_verb("evaluate", file, overrides, again=again)
