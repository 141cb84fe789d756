"""Texts tell queries that are documents from ids that are equal by chance."""

import unicodedata

import pytest

from leaf_ray.core.evaluation.own_documents import NO_ROW, is_same_text, own_documents

TEXTS = {
    f"t{n}": f"{word} should be free for all of us"
    for n, word in enumerate(("Bread", "Water", "The city's bus", "Caf\u00e9 music", "School"))
}
DOCUMENT_IDS = ["other", *reversed(TEXTS)]


def own(
    documents: dict[str, str],
    queries: dict[str, str] = TEXTS,
    judgments: list[dict[str, int]] | None = None,
) -> list[int] | None:
    found = own_documents(
        list(queries), list(queries.values()), list(documents), list(documents.values()), judgments
    )
    return None if found is None else found.tolist()


def documents_of(*texts: str) -> dict[str, str]:
    return dict(zip(DOCUMENT_IDS, ("Something else", *texts), strict=True))


ARGUANA = documents_of(*reversed(TEXTS.values()))


def test_queries_that_are_documents_name_their_rows() -> None:
    assert own(ARGUANA) == [5, 4, 3, 2, 1]


def test_a_query_that_is_no_document_names_no_row() -> None:
    assert own(ARGUANA, {**TEXTS, "new": "Is it?"}) == [5, 4, 3, 2, 1, NO_ROW]


def test_numbers_that_both_sides_count_by_say_nothing() -> None:
    assert own(documents_of("an abstract", "another", "a third", "of cells", "in mice")) is None
    assert own({"d1": "Bread"}) is None
    assert own({}) is None


def test_a_few_that_are_equal_by_chance_say_nothing() -> None:
    assert own({**documents_of("a", "b", "c", "d", "e"), "t0": TEXTS["t0"]}) is None


def test_of_queries_that_are_documents_an_edited_one_is_left_out_too() -> None:
    assert own({**ARGUANA, "t0": "No longer what it was"}) == [5, 4, 3, 2, 1]


def test_a_judgment_of_the_own_document_does_not_keep_it() -> None:
    # As in BEIR: the ranking is without it, and the judgment counts it as not found.
    stray = [{"t0": 1}, {"t1": 1, "other": 2}, {"other": 1}, {"other": 1}, {"t4": 0}]
    assert own(ARGUANA, judgments=stray) == [5, 4, 3, 2, 1]


def test_a_document_that_is_all_there_is_to_find_has_to_be_found() -> None:
    titles = {key: " ".join(text.split()[:4]) for key, text in TEXTS.items()}
    for queries in (titles, TEXTS):
        assert own(ARGUANA, queries, [{key: 1, "other": 0} for key in queries]) is None
    assert own(ARGUANA, titles, [{key: 1, "other": 1} for key in titles]) == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("a b", "a b"),
        ("Why?", "Greetings Why?"),
        ("a  line\n\tand another", "A title a line and another"),
        (unicodedata.normalize("NFD", "caf\u00e9 music"), "caf\u00e9 music"),
        ("it\u2019s Free\u00a0now", "It's free now."),
        ("the beginning of a long", "A title The beginning of a long text that goes on"),
        ("A title and then the whole of a text", "and then the whole of a text"),
        ("the beginning of a ...", "the beginning of a text"),
        ("\u554f\u984c\u306f\u3069\u3053", "\u984c\u540d \u554f\u984c\u306f\u3069\u3053"),
        ("?!", "? !"),
    ],
)
def test_texts_are_the_same_but_for_space_form_case_title_and_end(
    query: str, document: str
) -> None:
    assert is_same_text(query, document)
    assert is_same_text(document, query)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("cells", "many cells divide"),
        ("art", "the start"),
        ("?", "a"),
        ("?", "!"),
        ("", "a text"),
        ("a light that is free for all", "a light that is free for none"),
    ],
)
def test_texts_that_share_some_words_are_not_the_same(query: str, document: str) -> None:
    assert not is_same_text(query, document)
