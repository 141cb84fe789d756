"""JSON files of models' folders."""

import json
from pathlib import Path
from typing import Any

from leaf_ray.core.failures.plain_errors import first_line
from leaf_ray.errors import ModelNotFound


def read_json_file(file: Path) -> Any:
    """What a JSON file of a model's folder says.

    Raises:
        ModelNotFound: it is not there, cut short, or no JSON; the message names it.
    """
    try:
        return json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        found = "is missing"
    except ValueError as error:
        found = f"is cut short or no JSON ({first_line(error)})"
    raise ModelNotFound(f"{file} {found}: copy, download or make the model again")
