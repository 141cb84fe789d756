"""The trained leaf takes the place of the one before."""

import tempfile
from pathlib import Path
from typing import Any

from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.json_file import read_json_file
from leaf_ray.models.leaf_folder import TRAINING_FILE, leaf_probe
from leaf_ray.pages.training_plot import training_plot
from leaf_ray.runs import Part
from leaf_ray.runs.folder import MODEL_FOLDER, TRAINING_PLOT, UNTRAINED_FOLDER


def publish_leaf(part: Part, training: Part) -> dict[str, Any]:
    """Put the trained leaf in the place of the one before.

    It is loaded before as the service will load it, and has to encode as it did in training.

    Returns: the course of its training, as training.json tells it.

    Raises:
        SpaceMismatch: it does not encode as it did in training; the leaf before stays.
    """
    with tempfile.TemporaryDirectory() as copies:
        leaf = training.fetch(MODEL_FOLDER, Path(copies))
        leaf_probe(leaf).check(EncoderSpec(folder=str(leaf)).load(), name=f"the leaf in {leaf}")
        course: dict[str, Any] = read_json_file(leaf / TRAINING_FILE)
    # Only now: until here the files of the leaf before stay, and so does what a rerun goes on from.
    part.clear()
    for name in (UNTRAINED_FOLDER, MODEL_FOLDER):
        part.take(training, name)
    plot = training_plot(course["curve"], best_step=course["best_step"])
    part.write(TRAINING_PLOT, plot)
    return course
