"""`leaf serve`: in the foreground until a signal."""

import signal
import threading

from rich.console import Console

from leaf_ray.cli.console import ConsoleProgress
from leaf_ray.config import RunConfig
from leaf_ray.stages.verbs import serving


def serve_until_stopped(console: Console, config: RunConfig) -> None:
    """Serve, say how to ask, and stop cleanly on Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ConsoleProgress(console) as progress, serving(config, progress=progress) as url:
        console.print(
            f"""ask it:  curl -s {url}/v1/search -H 'content-type: application/json' """
            """-d '{"query": "how do I ..."}'\nstop it: Ctrl-C""",
            markup=False,
            highlight=False,
        )
        # Woken by the signal; the time limit lets Python run its handler on every platform.
        while not stop.wait(1.0):
            pass
        console.print("stopping")
