"""A leaf on disk: a plain sentence-transformers folder that also says which space it is of."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from leaf_ray.core.space.probe import Probe
from leaf_ray.core.space.space import Space
from leaf_ray.errors import SpaceMismatch
from leaf_ray.models.card.card import model_card
from leaf_ray.models.json_file import read_json_file

if TYPE_CHECKING:
    # Its import takes seconds, which serving replicas can do without.
    from sentence_transformers import SentenceTransformer

# These names are not those of runs/folder.py, since a leaf is read outside of runs too.
SPACE_FILE = "space.json"
PROBE_FILE = "probe.json"
TRAINING_FILE = "training.json"


class _SentenceTransformers:
    """The reference encoder for the leaf's own probe: sentence-transformers itself."""

    def __init__(self, model: "SentenceTransformer") -> None:
        self._model = model

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        vectors: npt.NDArray[np.float32] = self._model.encode(
            list(texts), prompt_name=kind, show_progress_bar=False
        )
        return vectors


def save_leaf(
    leaf: "SentenceTransformer",
    space: Space,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    curve: Sequence[Mapping[str, float]],
    course: Mapping[str, Any],
) -> None:
    """Write the model, its space, its own probe, what trained it, and a model card.

    settings: the run file's `distill` section. curve: what was found on validation texts.
    course: what else is to be known of how the training went.
    """
    leaf.eval()
    leaf.save(str(folder), create_model_card=False)
    _keep_lower_case(leaf, folder)
    probe = Probe.take(_SentenceTransformers(leaf))
    training = {
        "settings": dict(settings),
        "curve": [dict(point) for point in curve],
        **course,
        "versions": {name: version(name) for name in ("torch", "sentence-transformers")},
    }
    (folder / SPACE_FILE).write_text(json.dumps(space.to_json()), "utf-8")
    (folder / PROBE_FILE).write_text(json.dumps(probe.to_json()), "utf-8")
    (folder / TRAINING_FILE).write_text(json.dumps(training, indent=2), "utf-8")
    (folder / "README.md").write_text(model_card(space, training), "utf-8")


def _keep_lower_case(leaf: "SentenceTransformer", folder: Path) -> None:
    """Say in the folder that texts are lower-cased, which sentence-transformers does not save."""
    if leaf[0].do_lower_case:
        file = folder / "sentence_bert_config.json"
        fields = json.loads(file.read_text("utf-8"))
        file.write_text(json.dumps(fields | {"do_lower_case": True}, indent=2), "utf-8")


def leaf_space(folder: Path) -> Space:
    """The space that the leaf in `folder` was trained into.

    Raises:
        SpaceMismatch: the folder does not say, so it is no leaf.
    """
    return Space.from_json(_read(folder, SPACE_FILE))


def leaf_probe(folder: Path) -> Probe:
    """The leaf's own vectors of the probe texts, in float32.

    Raises:
        SpaceMismatch: the folder does not hold them, so it is no leaf.
    """
    return Probe.from_json(_read(folder, PROBE_FILE))


def _read(folder: Path, name: str) -> Any:
    file = folder / name
    if not file.is_file():
        raise SpaceMismatch(
            f"{folder} is not a leaf: it has no {name}, so nothing says which space its vectors "
            "belong to; name a folder that `leaf distill` wrote"
        )
    return read_json_file(file)
