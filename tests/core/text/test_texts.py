import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.text.texts import is_text_type, normalise, normalised_query
from leaf_ray.errors import InputError


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_strings_of_any_layout_are_text(kind: pa.DataType) -> None:
    assert is_text_type(kind)


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.binary(), pa.null(), pa.dictionary(pa.int32(), pa.int64())], ids=str
)
def test_anything_else_is_not(kind: pa.DataType) -> None:
    assert not is_text_type(kind)


def test_normalising_composes_strips_and_keeps_inner_newlines() -> None:
    assert normalise(" cafe\u0301\0\nbar \n") == "caf\u00e9\nbar"


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_a_query_is_normalised_as_texts_are() -> None:
    assert normalised_query(" \0cafe\u0301\n") == "caf\u00e9"


@pytest.mark.parametrize("text", ["", " \n", "\0", " \0 \0"])
def test_a_query_without_a_visible_character_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the query is empty"):
        normalised_query(text)


def test_a_query_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(InputError, match="not valid Unicode"):
        normalised_query("fox \ud800")
