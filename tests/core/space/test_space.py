"""Two parts fit together exactly when what is declared of their spaces is equal."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from leaf_ray.core.space.space import METADATA_KEY, Space, require_same_space
from leaf_ray.errors import SpaceMismatch
from tests.examples.spaces import a_probe, a_space

CHANGES: list[dict[str, Any]] = [
    {"weights": "sha256:other"},
    {"weights": "endpoint:http://localhost:8000/v1 big-model"},
    {"pooling": "cls"},
    {"normalized": False},
    {"query_prompt": ""},
    {"document_prompt": "passage: "},
    {"max_length": 47},
    {"dimension": 31},
    {"mrl_dimensions": (8, 16)},
    {"rotation": "sha256:9f2c"},
]


def stored(space: Space) -> Any:
    return json.loads(json.dumps(space.to_json()))


def test_equal_declarations_have_equal_fingerprints() -> None:
    assert a_space().fingerprint == a_space().fingerprint


def test_a_fingerprint_is_the_same_in_every_version() -> None:
    assert a_space().fingerprint == "4963d8b7b27c4f89"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_fingerprint_changes_with_each_declared_field(change: dict[str, Any]) -> None:
    assert a_space(**change).fingerprint != a_space().fingerprint


def test_every_declared_field_is_among_those_that_change_a_fingerprint() -> None:
    fields = set(Space.__dataclass_fields__) - {"teacher", "probe"}
    assert {name for change in CHANGES for name in change} == fields


def test_swapped_prompts_have_another_fingerprint() -> None:
    swapped = a_space(query_prompt="", document_prompt="query: ")
    assert swapped.fingerprint != a_space().fingerprint


def test_the_name_of_a_teacher_and_its_probe_are_not_in_the_fingerprint() -> None:
    renamed = a_space(teacher="models/big-model-copy", probe=a_probe(seed=1))
    assert renamed.fingerprint == a_space().fingerprint


def test_a_space_reads_as_its_name_fingerprint_and_dimension() -> None:
    assert str(a_space()) == f"big-model ({a_space().fingerprint}, 32-d)"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_space_survives_json(change: dict[str, Any]) -> None:
    space = a_space(**change)
    again = Space.from_json(stored(space))
    assert again.to_json() == space.to_json()
    assert again.mrl_dimensions == space.mrl_dimensions
    assert np.array_equal(again.probe.vectors_PD, space.probe.vectors_PD)


def test_a_space_survives_the_metadata_of_a_schema() -> None:
    schema = pa.schema([("id", pa.string())], metadata=a_space().to_metadata())
    again = Space.from_metadata(schema.metadata, owner="vectors.parquet")
    assert again.to_json() == a_space().to_json()


@pytest.mark.parametrize("metadata", [None, {}, {b"pandas": b"{}"}])
def test_metadata_without_a_space_are_refused_by_name(metadata: dict[bytes, bytes] | None) -> None:
    with pytest.raises(SpaceMismatch, match=r"^vectors\.parquet does not say which space"):
        Space.from_metadata(metadata, owner="vectors.parquet")


@pytest.mark.parametrize("name", ["max_length", "query_prompt", "pooling"])
def test_a_space_that_was_edited_is_refused(name: str) -> None:
    edited = {**stored(a_space()), name: stored(a_space())[name] * 2}
    with pytest.raises(SpaceMismatch, match=r"edited by hand .*make that part again"):
        Space.from_json(edited)


@pytest.mark.parametrize("name", ["fingerprint", "pooling", "mrl_dimensions", "probe"])
def test_a_stored_space_that_lacks_a_field_is_refused_and_the_field_named(name: str) -> None:
    fields = {k: v for k, v in stored(a_space()).items() if k != name}
    with pytest.raises(SpaceMismatch, match=f"{name}.*make that part again"):
        Space.from_json(fields)


def test_a_stored_space_with_a_field_of_another_version_is_refused_and_the_field_named() -> None:
    with pytest.raises(SpaceMismatch, match=r"colour.*another version"):
        Space.from_json({**stored(a_space()), "colour": "green"})


def test_an_edited_space_in_metadata_is_refused_too() -> None:
    edited = {METADATA_KEY: json.dumps({**stored(a_space()), "dimension": 16}).encode()}
    with pytest.raises(SpaceMismatch, match="edited by hand"):
        Space.from_metadata(edited, owner="table")


def test_parts_of_one_space_go_together_whatever_the_teacher_is_called() -> None:
    renamed = a_space(teacher="copy", probe=a_probe(seed=1))
    require_same_space(a_space(), renamed, our_name="leaf", their_name="index")


def test_parts_of_two_spaces_are_refused_with_both_what_differs_and_the_fix() -> None:
    ours, theirs = a_space(), a_space(pooling="cls", max_length=64, teacher="other")
    with pytest.raises(SpaceMismatch) as refused:
        require_same_space(ours, theirs, our_name="the leaf", their_name="the table")
    message = str(refused.value)
    assert f"the leaf belongs to the space {ours}, but the table to {theirs}" in message
    assert "pooling: 'mean' against 'cls'; max_length: 48 against 64." in message
    assert "query_prompt" not in message
    assert "make one of the two again" in message
