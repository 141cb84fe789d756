import pytest

from leaf_ray.core.text.queries import QueryKeys, first_sentence, fold, query_id


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


def test_keys_of_queries_are_equal_where_their_texts_fold_to_the_same() -> None:
    keys = QueryKeys.of(["a", "b", "c"], ["Why  so?", "why so?", "why not?"], answered=True)
    assert keys.folded_Q[0] == keys.folded_Q[1] != keys.folded_Q[2]
    assert len(set(keys.train_Q.tolist())) == len(set(keys.test_Q.tolist())) == 3


def test_keys_are_put_together_in_order() -> None:
    one = QueryKeys.of(["a"], ["x"], answered=True)
    two = QueryKeys.of(["b", "c"], ["y", "z"], answered=False)
    keys = QueryKeys.room_for(9)
    keys.put(0, one)
    keys.put(1, two)
    both = keys.first(3)
    assert len(both) == 3
    assert both.answered_Q.tolist() == [True, False, False]
    assert both.train_Q.tolist() == [*one.train_Q, *two.train_Q]
    assert len(keys.first(0)) == 0


def test_the_query_that_a_document_answers_is_named_after_it() -> None:
    assert query_id("a") == "query:a"
