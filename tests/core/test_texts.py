from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.texts import DOCUMENT, ID_FIELD, QUERY, TEXT_FIELD, check_texts, normalise
from leaf_ray.errors import InputError


def table(**columns: Any) -> pa.Table:
    rows = {"id": ["a", "b"], "text": ["one", "two"], "kind": [DOCUMENT, QUERY]}
    return pa.table({name: column for name, column in {**rows, **columns}.items() if column})


def test_checked_texts_come_first_and_keep_their_metadata() -> None:
    checked = check_texts(table(year=[1, 2]).select(["year", "kind", "text", "id"]))
    assert checked.column_names == ["id", "text", "kind", "year"]
    assert checked.schema.field("id") == ID_FIELD
    assert checked["year"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    "layout", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_strings_of_any_layout_become_plain_strings(layout: pa.DataType) -> None:
    checked = check_texts(table(text=pa.array(["one", "two"]).cast(layout)))
    assert checked.schema.field("text") == TEXT_FIELD


def test_a_query_and_a_document_may_share_an_id() -> None:
    assert check_texts(table(id=["a", "a"])).num_rows == 2


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": None}, r"columns \['id', 'kind'\]; exactly one `text`"),
        ({"text": [1, 2]}, "column `text` of the texts is int64"),
        ({"text": ["one", None]}, "row 2 of the texts has no `text`"),
        ({"text": ["one", " \n"]}, "row 2 of the texts has text="),
        ({"id": ["", "b"]}, "row 1 of the texts has id=''"),
        ({"id": [None, "b"]}, "row 1 of the texts has no `id`"),
        ({"kind": [DOCUMENT, "answer"]}, "row 2 of the texts has kind='answer'; 'query' or"),
        ({"split": ["train", "dev"]}, "row 2 of the texts has split='dev'; 'train' or 'test'"),
        ({"id": ["a", "a"], "kind": [QUERY, QUERY]}, "2 rows of the texts are the query .* 'a'"),
    ],
)
def test_a_broken_contract_names_the_column_and_the_row(
    columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_texts(table(**columns))


def test_normalising_composes_strips_and_keeps_inner_newlines() -> None:
    assert normalise(" cafe\u0301\0\nbar \n") == "caf\u00e9\nbar"


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
