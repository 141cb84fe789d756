"""The README.md of a leaf's folder, and of each form that it is exported to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaf_ray.core.encoding.backend import Precision
from leaf_ray.core.former_names import present_settings
from leaf_ray.core.markdown import table
from leaf_ray.core.space.space import Space
from leaf_ray.models.card.snippets import Form, usage

_LIBRARIES: dict[Form, str] = {"onnx": "onnx", "openvino": "openvino"}
_FORMS: dict[Form, str] = {
    "sentence-transformers": "This is a plain sentence-transformers model.",
    "router": "This folder holds both: the leaf for queries, and the teacher for documents.",
    "router-reference": "This folder holds the leaf for queries, and names the teacher for "
    "documents.",
    "onnx": "This is the leaf as one ONNX graph, tokenizer beside it.",
    "openvino": "This is the leaf as an OpenVINO model, tokenizer beside it.",
}
_PRECISIONS: dict[Precision, str] = {
    "f32": "float32",
    "f16": "float32 products, weights stored in float16",
    "bf16": "bfloat16 products where the chip has them, weights stored in float16",
    "int8": "int8 products, other weights in float32",
}

_CARD = """---
library_name: {library}
pipeline_tag: sentence-similarity
tags: [{tags}]
---
# A leaf of {teacher}

A small encoder whose vectors lie in the space of **{teacher}** ({dimension} dimensions): embed
queries with this model and search documents that the teacher embedded, with no re-indexing.
{form}

## Use

{usage}
## Space

{space}

Vectors may be compared with those of the same space only: one teacher, these prompts, this length.

## Data

{data}

## Recipe

{method} `training.json` of the trained leaf holds the settings and the learning curve.

{recipe}

## How well

{results}

## Limits

{limits}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a card says beyond the leaf itself; the defaults are of a leaf that was just trained.

    data: what is known of the texts, by name.
    results: what an evaluation found, as tables under what each is of; a header is a table's first
        row. verdict: what may be said of them.
    num_checked, lowest_cosine: texts by which the form was compared with the leaf in float32, and
        the lowest cosine of any.
    """

    form: Form = "sentence-transformers"
    precision: Precision = "f32"
    data: Mapping[str, str] = field(default_factory=dict)
    results: Sequence[tuple[str, Sequence[Sequence[str]]]] = ()
    verdict: str = ""
    num_checked: int = 0
    lowest_cosine: float = 1.0


def model_card(space: Space, training: Mapping[str, Any], release: Release | None = None) -> str:
    """Markdown with the front matter that model hubs read.

    training: what training.json holds: `settings`, `curve` and `versions`. Settings may have the
        names of earlier versions.
    """
    release = release or Release()
    training = {**training, "settings": present_settings("distill", training["settings"])}
    library = _LIBRARIES.get(release.form, "sentence-transformers")
    return _CARD.format(
        library=library,
        tags=", ".join([library, "feature-extraction", "distillation", "leaf"]),
        teacher=space.teacher,
        dimension=space.dimension,
        form=_FORMS[release.form],
        usage=usage(release.form, dimension=space.dimension),
        space=_pairs(_space(space)),
        data=_pairs(release.data)
        if release.data
        else "Which texts it was trained on is not recorded in this folder.",
        method=_method(training["settings"]),
        recipe=_pairs(_recipe(training)),
        results="\n\n".join(_results(space, training, release)),
        limits="\n".join(f"- {limit}" for limit in _limits(space, release)),
    )


def _space(space: Space) -> dict[str, str]:
    rotated = {"rotation after the teacher": f"`{space.rotation}`"} if space.rotation else {}
    return {
        "space": f"`{space.fingerprint}`",
        "teacher": f"{space.teacher}, {_weights(space)}",
        "dimensions": str(space.dimension),
        "longest text": f"{space.max_length} tokens",
        "query prompt": repr(space.query_prompt),
        "document prompt": repr(space.document_prompt),
        "distance": "cosine (vectors have unit length)" if space.normalized else "dot product",
        **rotated,
    }


def _method(settings: Mapping[str, Any]) -> str:
    begins = {
        "ridge": "from a head fitted in closed form",
        "random": "from a random head",
        "init": "from another leaf",
    }[settings.get("head", "ridge")]
    if not settings.get("epochs", 1):
        return f"It took no step of training, and is as it began: {begins}."
    scores = (
        ", and that distance as the scores of documents notice it"
        if settings.get("covariance_weight")
        else ""
    )
    return (
        "Trained by [LEAF](https://arxiv.org/abs/2509.12539), one text at a time: the distance to "
        f"the teacher's vector of the same text{scores}, {begins}."
    )


def _recipe(training: Mapping[str, Any]) -> dict[str, str]:
    settings, curve = dict(training["settings"]), training["curve"]
    if vectors := settings.get("vectors"):
        settings["vectors"] = ", ".join(map(public_name, vectors))
    rows = {"started from": public_name(str(settings.pop("init")))}
    rows.update({name.replace("_", " "): str(value) for name, value in settings.items()})
    if curve:
        rows["steps"] = str(curve[-1]["step"])
    rows.update({name: str(version) for name, version in training.get("versions", {}).items()})
    return rows


def _results(space: Space, training: Mapping[str, Any], release: Release) -> list[str]:
    before, after = _cosines(training)
    said = [
        f"Mean cosine to the teacher on validation texts: {before} before the first step, {after} "
        "after."
    ]
    if release.results:
        for measured, lines in release.results:
            said += [f"{measured}:", table(lines)]
        said.append(release.verdict)
    else:
        said.append(
            "What it keeps of its teacher in retrieval was not measured when this was written."
        )
    if release.num_checked:
        said.append(
            f"As exported ({_PRECISIONS[release.precision]}): lowest cosine "
            f"{release.lowest_cosine:.5f} to the original in float32, over "
            f"{release.num_checked} texts."
        )
    return [part for part in said if part]


def _cosines(training: Mapping[str, Any]) -> tuple[str, str]:
    """Before the first step, and of the leaf that was kept, which need not be the last."""
    curve = training["curve"]
    if not curve:
        return "not measured", "not trained yet"
    at = {point["step"]: f"{point['cosine']:.3f}" for point in curve}
    return at[curve[0]["step"]], at[training.get("best_step", curve[-1]["step"])]


def _limits(space: Space, release: Release) -> list[str]:
    limits = [
        f"Texts are cut at {space.max_length} tokens, the prompt included.",
        "It knows the languages and subjects of its texts; of others, measure it before you rely "
        "on it.",
        f"It stands in for {space.teacher} on queries. What the teacher gets wrong, it gets wrong.",
        "The licences of the teacher, of the starting encoder and of the texts apply.",
    ]
    if release.precision in ("bf16", "int8"):
        limits.append(
            "Vectors of reduced precision differ a little between chips and versions of the "
            "runtime; embed what is kept in float32."
        )
    if release.form == "router-reference":
        limits.append(
            "The teacher has to be where `router.json` says, a model id or a folder, on every "
            "machine that loads this."
        )
    return limits


def public_name(name: str) -> str:
    """A model or file as a card names it: a path on somebody's machine by its last part only."""
    is_path = name.startswith(("/", "~", "."))
    return (Path(name).name or name) if is_path else name


def _weights(space: Space) -> str:
    is_local = space.weights.startswith("sha256:")
    return f"`{space.weights}`" if is_local else "whose weights are not known"


def _pairs(rows: Mapping[str, str]) -> str:
    return table([["", ""], *rows.items()])
