"""`leaf serve`: in the foreground until a signal."""

import time

from rich.console import Console

from leaf_ray.cli.console import ConsoleProgress
from leaf_ray.config import RunConfig
from leaf_ray.stages.verbs import serving


def serve_until_stopped(console: Console, config: RunConfig) -> None:
    """Serve and say how to ask, until Ctrl-C or SIGTERM ends the command."""
    with ConsoleProgress(console) as progress, serving(config, progress=progress) as url:
        console.print(
            f"""ask it:  curl -s {url}/v1/search -H 'content-type: application/json' """
            """-d '{"query": "how do I ..."}'\nstop it: Ctrl-C""",
            markup=False,
            highlight=False,
        )
        try:
            while True:
                # A time limit lets Python run its handlers of signals on every platform.
                time.sleep(1.0)
        finally:
            console.print("stopping")
