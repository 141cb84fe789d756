"""Metadata with objects and lists in them: every value comes out as it went in."""

import json
from pathlib import Path
from typing import Any

import datasets
import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.core.text.metadata import held_type
from leaf_ray.errors import InputError
from leaf_ray.sources import row_batch
from leaf_ray.sources.convert import converted
from leaf_ray.sources.promote import as_schema
from leaf_ray.sources.read import open_source
from tests.sources.corpora import split_of


def divided(path: Path) -> pa.Table:
    """All rows of a source as a run has them, in the order of the source."""
    texts = split_of(open_source(str(path)), num_test_queries=0).texts
    # A file has to be able to hold them.
    pq.write_table(texts, path.parent / "texts.parquet")
    return pq.read_table(path.parent / "texts.parquet").sort_by("text")


def metadata(folder: Path, values: list[Any]) -> list[Any]:
    rows = [{"text": f"{row:04}", "m": value} for row, value in enumerate(values)]
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = divided(path)
    assert texts["text"].to_pylist() == [row["text"] for row in rows]
    return texts["m"].to_pylist() if "m" in texts.column_names else [None] * len(values)


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        ([{"a": 1, "b": {}}], [{"a": 1, "b": None}]),
        ([{}, {}], [None, None]),
        ([{}, None, {"a": 1}], [None, None, {"a": 1}]),
        ([[{}]], [[None]]),
        ([[[{}], []], None], [[[None], []], None]),
        ([{"a": {"b": {}}}, {"a": {"b": {"c": 1}}}], [{"a": {"b": None}}, {"a": {"b": {"c": 1}}}]),
        ([{"a": [{"b": {}}, None]}, None], [{"a": [{"b": None}, None]}, None]),
        ([[{"b": None}, None], [{"b": 1}]], [[{"b": None}, None], [{"b": 1}]]),
        (
            [[{"b": None}, None], [{"c": 1}]],
            [[{"b": None, "c": None}, None], [{"b": None, "c": 1}]],
        ),
        (
            [None, {"a": None}, {"b": [None, None]}],
            [None, {"a": None, "b": None}, {"a": None, "b": [None, None]}],
        ),
        # A fraction beside a large whole number, which itself has no fraction.
        (
            [None, {"a": None, "b": 2**53 + 1}, {"a": 0.5}],
            [None, {"a": None, "b": 2**53 + 1}, {"a": 0.5, "b": None}],
        ),
        ([{"a": {}}, {"a": {}, "b": 2}], [{"a": None, "b": None}, {"a": None, "b": 2}]),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2, 10_000])
def test_objects_without_keys_are_null_at_any_depth(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given_values: list[Any],
    expected: list[Any],
    at_once: int,
) -> None:
    monkeypatch.setattr(row_batch, "MAX_ROWS", at_once)
    assert metadata(tmp_path, given_values) == expected


def test_what_never_has_a_value_gets_a_type_that_every_store_holds(tmp_path: Path) -> None:
    assert metadata(tmp_path, [{"a": [{"b": None}, None], "c": []}, None])
    texts = pq.read_table(tmp_path / "texts.parquet")
    lance.write_dataset(texts, str(tmp_path / "texts.lance"))
    assert lance.dataset(str(tmp_path / "texts.lance")).to_table()["m"] == texts["m"]
    kind = texts.schema.field("m").type
    inner = pa.list_(pa.field("element", pa.struct([("b", pa.string())])))
    assert kind.field("a").type.value_type == inner.value_type
    assert kind.field("c").type.value_type == pa.string()


def test_keys_may_have_dots_and_blanks(tmp_path: Path) -> None:
    values = [{"a.b": 1, "a": {"b": 2}, "a b": 3}]
    assert metadata(tmp_path, values) == values


def test_a_text_that_is_an_object_without_keys_is_no_empty_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": {}}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:2.*`text` is"):
        split_of(open_source(str(tmp_path)))


def test_numbers_that_are_none_stay_so(tmp_path: Path) -> None:
    found = metadata(tmp_path, [1, float("nan"), float("inf"), None])
    assert found[0] == 1 and found[1] != found[1] and found[2:] == [float("inf"), None]


def test_structs_without_fields_are_null_in_every_format(tmp_path: Path) -> None:
    struct = pa.array([{}, None], pa.struct([]))
    table = pa.table({"text": ["one", "two"], "m": [{"a": 1}, None], "l": [[{}], [None]]})
    table = table.append_column("s", struct)
    datasets.Dataset(table).save_to_disk(str(tmp_path / "saved"))
    texts = divided(tmp_path / "saved")
    assert texts["l"].to_pylist() == [[None], [None]]
    assert "s" not in texts.column_names


def test_a_column_without_empty_structs_stays_as_it_is() -> None:
    column = pa.chunked_array([[{"b": [1]}]])
    kind = held_type(column.type)
    assert kind is not None and converted(column, kind) is column


def test_whole_numbers_that_no_fraction_equals_are_refused() -> None:
    schema = pa.schema([("n", pa.float64()), ("m", pa.string())])
    found = as_schema(pa.table({"n": [2**53]}), schema)
    assert found.to_pylist() == [{"n": 2.0**53, "m": None}]
    with pytest.raises(InputError, match="column `n` has values of the types int64 and double"):
        as_schema(pa.table({"n": [2**60 + 1]}), schema)


# Any metadata of one form, in which every value may be missing.

_LEAVES = st.sampled_from(
    [
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.booleans(),
        st.text(st.characters(codec="utf-8"), max_size=4),
        st.none(),
    ]
)
_KEYS = st.sampled_from(["a", "b", "a.b", "\u00e9 "])


def _objects(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.none() | st.fixed_dictionaries({}, optional=fields)


_FORMS = st.recursive(
    _LEAVES.map(lambda leaf: st.none() | leaf),
    lambda form: (
        st.dictionaries(_KEYS, form, max_size=3).map(_objects)
        | form.map(lambda inner: st.none() | st.lists(inner, max_size=3))
    ),
    max_leaves=4,
)


def _is_same(expected: Any, found: Any) -> bool:
    """Whether a value is what it was, where a missing key and an object without keys are null."""
    if isinstance(expected, dict) and expected and isinstance(found, dict):
        keys = expected.keys() | found.keys()
        return all(_is_same(expected.get(key), found.get(key)) for key in keys)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_is_same, expected, found))
    return (None if expected == {} else expected) == found


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=_FORMS.flatmap(lambda form: st.lists(form, min_size=1, max_size=5)))
@pytest.mark.parametrize("at_once", [2])
def test_metadata_of_any_form_come_out_as_they_went_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[Any], at_once: int
) -> None:
    monkeypatch.setattr(row_batch, "MAX_ROWS", at_once)
    found = metadata(tmp_path, values)
    assert all(map(_is_same, values, found)), (values, found)
