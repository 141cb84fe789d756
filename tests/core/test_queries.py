import pyarrow as pa
import pytest

from leaf_ray.core.queries import (
    Query,
    derived_queries,
    first_sentence,
    fold,
    given_queries,
    stated_queries,
)


def test_folding_forgets_case_and_white_space() -> None:
    assert fold(" How  DO\nI? ") == "how do i?"


def test_the_first_sentence_comes_on_one_line() -> None:
    assert first_sentence("Leaves fall in\nautumn. Then it snows.") == "Leaves fall in autumn."


@pytest.mark.parametrize(
    "text",
    [
        "Only one sentence is here.",
        "No end at all in this one",
        "Too short. The rest does not matter.",
        "word " * 41 + "end. Then more.",
        "",
    ],
)
def test_a_text_without_a_fitting_first_sentence_has_no_derived_query(text: str) -> None:
    assert first_sentence(text) is None


def test_given_queries_are_answered_by_their_rows_and_blank_ones_are_none() -> None:
    documents = pa.table({"id": ["a", "b", "c"], "query": [" why? ", None, "  "]})
    assert given_queries(documents) == [Query("query:a", "why?", "a")]
    assert given_queries(documents.select(["id"])) == []


def test_derived_queries_are_answered_by_the_texts_they_open() -> None:
    documents = pa.table({"id": ["a", "b"], "text": ["One two three four. Five.", "Short."]})
    assert derived_queries(documents) == [Query("query:a", "One two three four.", "a")]


def test_stated_queries_have_no_known_answer() -> None:
    assert stated_queries(pa.table({"id": ["q"], "text": ["why?"]})) == [Query("q", "why?", None)]
