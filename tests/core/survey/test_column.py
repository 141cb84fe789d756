import pyarrow as pa
import pytest

from leaf_ray.core.survey.column import column_of, unread_column


def test_medians_and_shares_are_of_values_that_are_not_empty() -> None:
    column = column_of("a", pa.string(), ["one two", None, "  ", "one two three four"])
    assert (column.words, column.share_empty, column.share_distinct) == (3, 0.5, 1)
    assert column.example == "one two"


@pytest.mark.parametrize(
    ("values", "is_prose", "is_code"),
    [
        (["a text of words", "another text"], True, False),
        (["x-1", "x-2"], False, True),
        (["https://a.org/b c d", "https://a.org/d"], True, False),
        (["https://a.org/" + "b" * 99], False, False),
        (["\u6211\u4eec\u5728"], True, False),
        (["\u0e01" * 90], True, False),
        (["a" * 90], False, False),
    ],
)
def test_prose_has_words_and_codes_have_none(
    values: list[str], *, is_prose: bool, is_code: bool
) -> None:
    column = column_of("a", pa.string(), values)
    assert (column.is_prose, column.is_code) == (is_prose, is_code)


def test_strings_that_spell_dates_are_no_prose() -> None:
    column = column_of(
        "a", pa.string(), ["2020-01-01 10:00", "2020-01-02 10:00"], written=pa.timestamp("s")
    )
    assert not column.is_prose and column.type == "timestamp[s]"


def test_numbers_of_rows_rise_whether_they_are_integers_or_spelled() -> None:
    assert column_of("a", pa.int64(), [1, 2, 5]).is_increasing
    assert not column_of("a", pa.int64(), [1, 2, 2]).is_increasing
    assert column_of("a", pa.string(), ["9", "10"], written=pa.int64()).is_increasing


def test_lists_of_many_fractions_of_one_length_are_vectors() -> None:
    kind = pa.list_(pa.float32())
    assert column_of("a", kind, [[0.5] * 32, None, [0.1] * 32]).form == "vectors"
    assert column_of("a", kind, [[0.5] * 32, [0.1] * 31]).form == "other"
    assert column_of("a", kind, [[0.5] * 3]).form == "other"


def test_a_column_without_a_value_is_empty_whatever_its_type() -> None:
    assert column_of("a", pa.string(), [None, " "]).form == "empty"
    assert column_of("a", pa.int64(), []).form == "empty"


def test_an_unread_column_says_why() -> None:
    assert unread_column("vector", "never read", num_rows=3).why_unread == "never read"
