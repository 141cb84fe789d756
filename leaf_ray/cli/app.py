"""What all commands of `leaf` share: the application, its arguments, and how a stage is run."""

from pathlib import Path
from typing import Annotated

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


def run_verb(name: str, file: Path, overrides: list[str] | None, **options: bool) -> None:
    """Call the function of this name in `leaf_ray.stages.verbs`, and show its progress."""
    from leaf_ray.cli.console import ConsoleProgress
    from leaf_ray.config import load_config
    from leaf_ray.stages import verbs

    verb = getattr(verbs, name)
    with ConsoleProgress(console) as progress:
        verb(load_config(file, overrides or []), progress=progress, **options)
