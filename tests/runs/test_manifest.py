"""A manifest says what made a part, and tells one making from the next."""

import json

import pytest

from leaf_ray.runs.manifest import VERSIONED, Manifest


def a_manifest(**changes: object) -> Manifest:
    fields = {
        "stage": "embed",
        "made_with": {"space": {"max_length": None}, "embed": {"dtype": "float32"}},
        "inputs": {"texts": "0123456789abcdef"},
        "counts": {"queries": 10, "tokens_per_second": 1962.5},
        "seconds": 1.5,
        "space": "9f2c1ab34d",
        "finished": "2026-01-01T00:00:00.000000+00:00",
        "versions": {"torch": "2.13.0"},
    }
    return Manifest(**{**fields, **changes})


def test_a_manifest_survives_json() -> None:
    again = Manifest.from_json(a_manifest().to_json())
    assert again == a_manifest()
    assert again.id == a_manifest().id


def test_a_manifest_is_json_for_people_with_one_key_a_line() -> None:
    assert json.loads(a_manifest().to_json())["stage"] == "embed"
    assert '\n  "seconds": 1.5,\n' in a_manifest().to_json()


def test_an_id_is_sixteen_hexadecimal_digits() -> None:
    assert len(a_manifest().id) == 16
    int(a_manifest().id, 16)


@pytest.mark.parametrize(
    "change",
    [
        {"made_with": {"embed": {"dtype": "float16"}}},
        {"inputs": {"texts": "other"}},
        {"counts": {}},
        {"finished": "2026-01-01T00:00:00.000001+00:00"},
        {"versions": {"torch": "2.14.0"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_id_changes_with_what_made_the_part_and_when(change: dict[str, object]) -> None:
    assert a_manifest(**change).id != a_manifest().id


def test_a_part_that_is_made_again_alike_has_another_id() -> None:
    first, second = (
        Manifest(stage="texts", made_with={}, inputs={}, counts={}, seconds=0.1) for _ in range(2)
    )
    assert first.finished < second.finished
    assert first.id != second.id


def test_a_new_manifest_names_the_versions_that_can_change_a_result() -> None:
    made = Manifest(stage="texts", made_with={}, inputs={}, counts={}, seconds=0.1)
    assert set(made.versions) == set(VERSIONED)
    assert all(made.versions.values())
    assert made.space == ""


def test_a_summary_changes_no_id_so_that_parts_of_earlier_versions_keep_theirs() -> None:
    assert a_manifest(summary="12 documents").id == a_manifest().id
    plain = Manifest(
        stage="texts", made_with={}, inputs={}, counts={}, seconds=1.0, finished="then", versions={}
    )
    # As it was before there were summaries.
    assert plain.id == "c70582932a6133b4"


def test_a_manifest_of_an_earlier_version_has_present_names_and_keeps_its_id() -> None:
    former = a_manifest(
        made_with={"texts": {"num_held_out": 5}}, counts={"documents": 9, "held_out_queries": 5}
    )
    read = Manifest.from_json(former.to_json())
    assert read.made_with == {"texts": {"num_test_queries": 5}}
    assert read.counts == {"documents": 9, "test_queries": 5}
    assert read.id == former.id
    assert Manifest.from_json(read.to_json()).id != former.id
