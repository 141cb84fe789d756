"""Which column is what, by names and then by values."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.survey.choice import Choice, choose_columns, known_columns
from leaf_ray.core.survey.column import Column, column_of, unread_column
from leaf_ray.errors import InputError

ROWS = 30
VALUES: dict[str, list[Any]] = {
    "long": [f"row {i} has a text of quite some words in it, and more" for i in range(ROWS)],
    "short": [f"row {i} in short" for i in range(ROWS)],
    "codes": [f"x-{i:03}" for i in range(ROWS)],
    "rising": list(range(ROWS)),
    "repeated": [i % 5 for i in range(ROWS)],
    "prices": [(7 * i) % 31 for i in range(ROWS)],
    "licences": ["a licence with many words in it, the same for all"] * ROWS,
    "kinds": ["query", "document"] * (ROWS // 2),
    "fractions": [i / 7 for i in range(ROWS)],
    "lists": [["a"]] * ROWS,
    "vectors": [[0.5] * 32] * ROWS,
    "nothing": [None] * ROWS,
}


def columns(**values: str) -> list[Column]:
    """Columns by name, each with the values of that name."""
    return [
        column_of(name, pa.array(VALUES[what]).type, VALUES[what]) for name, what in values.items()
    ]


def choose(**values: str) -> Choice:
    return choose_columns(columns(**values))


@pytest.mark.parametrize(
    "name", ["body", "content", "abstract", "passage", "Article Text", "pageContent", "news_body"]
)
def test_a_column_with_a_common_name_is_the_text(name: str) -> None:
    assert choose(**{name: "short", "remarks": "long"}).renamed == {"text": name}


def test_the_longest_strings_are_the_text_where_no_name_says_it() -> None:
    choice = choose(a="short", b="long", c="codes")
    assert choice.columns["text"] == "b" and "longest" in choice.reasons["text"]


def test_strings_that_are_about_as_long_are_named_beside_the_choice() -> None:
    choice = choose(left="long", right="long", note_id="codes")
    assert (choice.columns["text"], choice.others["text"]) == ("left", ["right"])


def test_strings_that_repeat_are_no_texts() -> None:
    choice = choose(licence="licences", a="short")
    assert choice.columns["text"] == "a" and "text" not in choice.others


def test_our_own_names_need_no_word_in_the_run_file() -> None:
    choice = choose(id="codes", text="long", title="short", query="short", kind="kinds")
    assert choice.columns == {name: name for name in ("id", "text", "title", "query", "kind")}
    assert choice.renamed == {} and choice.leave_out == {}
    assert choose(_id="codes", text="long").renamed == {}


def test_titles_and_questions_are_known_by_name() -> None:
    choice = choose(headline="short", question="short", body="long")
    assert choice.renamed == {"text": "body", "title": "headline", "query": "question"}


def test_a_question_or_title_is_the_text_where_there_is_no_other() -> None:
    assert choose(question="short", n="rising").columns["text"] == "question"
    assert choose(headline="short", n="prices").columns == {"text": "headline"}


@pytest.mark.parametrize("name", ["doc_id", "uid", "DocID", "article_id", "url"])
def test_a_unique_column_with_a_common_name_is_the_id(name: str) -> None:
    assert choose(first="codes", **{name: "codes"}, text="long").renamed["id"] == name


def test_a_unique_short_column_is_the_id_and_others_are_named_beside_it() -> None:
    choice = choose(text="long", a="codes", b="rising")
    assert (choice.columns["id"], choice.others["id"]) == ("a", ["b"])


@pytest.mark.parametrize("values", ["repeated", "prices", "fractions", "short", "long"])
def test_values_that_repeat_or_are_no_names_are_no_ids(values: str) -> None:
    assert "id" not in choose(text="long", a=values).columns


def test_few_rows_do_not_show_that_values_are_unique() -> None:
    few = [column_of("text", pa.string(), ["a b", "c d"]), column_of("a", pa.string(), ["x", "y"])]
    assert "id" not in choose_columns(few).columns


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id", "fractions"),
        ("id", "lists"),
        ("title", "lists"),
        ("title", "rising"),
        ("query", "rising"),
        ("kind", "short"),
        ("kind", "rising"),
        ("embedding", "vectors"),
    ],
)
def test_what_would_be_refused_under_its_name_is_left_out(name: str, values: str) -> None:
    choice = choose(**{name: values}, text="long")
    assert [*choice.leave_out] == [name] and name not in choice.columns


def test_a_spoiled_id_is_left_out_and_another_one_taken() -> None:
    found = columns(id="repeated", doc_id="codes", text="long")
    choice = choose_columns(found, spoiled={"id": "it repeats"})
    assert choice.leave_out == {"id": "it repeats"} and choice.renamed == {"id": "doc_id"}


def test_a_column_whose_values_say_what_rows_are_is_the_kind() -> None:
    assert choose(text="long", role="kinds").renamed == {"kind": "role"}


def test_text_of_several_types_is_tried_all_the_same() -> None:
    found = [unread_column("text", "row 3 has 5", num_rows=9), *columns(other="long")]
    assert choose_columns(found).columns["text"] == "text"


def test_an_empty_text_stands_back_for_another_column() -> None:
    assert choose(text="nothing", a="long").renamed == {"text": "a"}


def test_summaries_are_named_as_what_rows_may_answer() -> None:
    assert choose(article="long", highlights="short").others["query"] == ["highlights"]


@pytest.mark.parametrize(
    "values", [{"a": "rising", "b": "fractions"}, {"a": "codes", "b": "codes"}, {"text": "nothing"}]
)
def test_without_texts_the_columns_are_named_with_what_is_wanted(values: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"no column holds texts.*call the column `text`") as error:
        choose(**values)
    assert all(name in str(error.value) for name in values)


def test_single_words_are_texts_where_they_are_all_there_is() -> None:
    assert choose(entry="codes").columns["text"] == "entry"


def test_a_form_with_known_columns_has_the_first_of_its_ids() -> None:
    assert known_columns(["text", "_id", "id", "other"]).columns == {"id": "_id", "text": "text"}


@given(
    st.dictionaries(
        st.sampled_from(
            ["id", "_id", "text", "title", "query", "kind", "body", "uid", "a", "b", "split"]
        ),
        st.sampled_from([*VALUES]),
        min_size=1,
    )
)
def test_a_choice_gives_each_column_one_role_and_leaves_none_out_that_has_one(
    values: dict[str, str],
) -> None:
    try:
        choice = choose(**values)
    except InputError:
        return
    taken = [*choice.columns.values(), *choice.leave_out]
    assert len(set(taken)) == len(taken) and set(taken) <= values.keys()
    offered = {name for names in choice.others.values() for name in names}
    assert not offered & set(taken)
