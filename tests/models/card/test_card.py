"""A card says what is known, what is not, and nothing of the machine it was written on."""

import dataclasses
import re

import pytest

from leaf_ray.models.card.card import Release, model_card
from leaf_ray.models.card.snippets import FOLDER, Form
from tests.examples.spaces import a_space
from tests.exports.exports import CURVE, SETTINGS

SPACE = a_space()
TRAINING = {"settings": SETTINGS, "curve": CURVE, "versions": {"torch": "2.13.0"}}
FORMS: list[Form] = ["sentence-transformers", "router", "router-reference", "onnx", "openvino"]
SECTIONS = ["Use", "Space", "Data", "Recipe", "How well", "Limits"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_sections_and_a_snippet_that_compiles(form: Form) -> None:
    card = model_card(SPACE, TRAINING, Release(form=form))
    assert re.findall(r"^## (.*)$", card, re.MULTILINE) == SECTIONS
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, "card", "exec")
        assert FOLDER in block
    assert "{" not in card.replace("".join(blocks), "").split("## Space")[1], "a field was left"


@pytest.mark.parametrize(
    ("form", "library"),
    [("router", "sentence-transformers"), ("onnx", "onnx"), ("openvino", "openvino")],
)
def test_the_front_matter_names_the_library_that_loads_it(form: Form, library: str) -> None:
    assert model_card(SPACE, TRAINING, Release(form=form)).startswith(
        f"---\nlibrary_name: {library}\npipeline_tag: sentence-similarity\ntags: [{library}, "
    )


def test_the_recipe_lists_all_settings_and_no_place_on_a_disk() -> None:
    card = model_card(SPACE, TRAINING)
    assert "| started from | init-model |" in card
    assert "| epochs | 3.0 |" in card and "| batch size | 32 |" in card
    assert "| steps | 8 |" in card and "| torch | 2.13.0 |" in card
    assert "/somewhere" not in card


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"covariance_weight": 0.0}, "the same text, from a head fitted in closed form."),
        ({"covariance_weight": 1.0, "head": "random"}, "documents notice it, from a random head."),
        ({"head": "init", "epochs": 0.0}, "took no step of training, and is as it began: from an"),
    ],
)
def test_the_recipe_says_what_was_done(settings: dict[str, object], said: str) -> None:
    training = {**TRAINING, "settings": SETTINGS | settings}
    assert said in " ".join(model_card(SPACE, training).split())


def test_what_is_not_known_is_said_to_be_so() -> None:
    card = model_card(SPACE, TRAINING)
    assert "is not recorded in this folder" in card
    assert "was not measured when this was written" in card
    assert "lowest cosine" not in card


def test_what_is_known_is_told() -> None:
    release = Release(
        form="openvino",
        precision="int8",
        data={"source": "a|b", "documents": "1,234"},
        results=[("40 queries", [["queries by", "nDCG@10"], ["leaf", "0.5 [0.4, 0.6]"]])],
        verdict="The leaf keeps it.",
        num_checked=56,
        lowest_cosine=0.99512,
    )
    card = model_card(SPACE, TRAINING, release)
    assert "| source | a\\|b |" in card and "| documents | 1,234 |" in card
    assert (
        "40 queries:\n\n| queries by | nDCG@10 |\n| --- | --- |\n| leaf | 0.5 [0.4, 0.6] |" in card
    )
    assert "The leaf keeps it." in card
    assert "lowest cosine 0.99512 to the original in float32, over 56 texts" in card
    assert "reduced precision" in card


def test_an_endpoint_is_not_told_to_the_world() -> None:
    space = dataclasses.replace(SPACE, weights="endpoint:https://inside/v1 big-model")
    assert "inside" not in model_card(space, TRAINING)


def test_a_rotation_is_part_of_the_space_that_is_shown() -> None:
    assert "rotation" not in model_card(SPACE, TRAINING)
    rotated = dataclasses.replace(SPACE, rotation="sha256:12")
    assert "| rotation after the teacher | `sha256:12` |" in model_card(rotated, TRAINING)
