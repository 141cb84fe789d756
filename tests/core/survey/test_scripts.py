import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.survey.scripts import knows_english_alone, script_of, scripts_of


@pytest.mark.parametrize(
    ("character", "script"),
    [
        ("a", "Latin"),
        ("\u00e9", "Latin"),
        ("\uff21", "Latin"),
        ("\u00aa", "Latin"),
        ("\u0436", "Cyrillic"),
        ("\u4e2d", "Han"),
        ("\u3042", "Kana"),
        ("\u30a2", "Kana"),
        ("\ud55c", "Hangul"),
        ("\u0627", "Arabic"),
        ("\u0928", "Devanagari"),
        ("1", None),
        (" ", None),
        ("\U0001f600", None),
    ],
)
def test_letters_have_scripts_and_other_characters_none(character: str, script: str | None) -> None:
    assert script_of(character) == script


def test_scripts_come_by_their_share_of_the_letters() -> None:
    assert scripts_of(["abc 1!", "\u0436"]) == {"Latin": 0.75, "Cyrillic": 0.25}
    assert [*scripts_of(["\u4e2d" * 9, "a"])] == ["Han", "Latin"]


def test_only_the_begin_of_a_text_is_looked_at() -> None:
    assert scripts_of(["a" * 400 + "\u0436" * 400]) == {"Latin": 1.0}


@given(st.lists(st.text()))
def test_shares_add_up_to_one_where_there_is_a_letter(texts: list[str]) -> None:
    shares = scripts_of(texts)
    assert not shares or abs(sum(shares.values()) - 1) < 1e-9


@pytest.mark.parametrize(
    ("model", "is_english"),
    [
        ("sentence-transformers/all-mpnet-base-v2", True),
        ("models/all-MiniLM-L6-v2/", True),
        ("BAAI/bge-base-en-v1.5", True),
        ("mixedbread-ai/mxbai-embed-large-v1", True),
        ("BAAI/bge-m3", False),
        ("intfloat/multilingual-e5-base", False),
        ("sentence-transformers/paraphrase-multilingual-mpnet-base-v2", False),
    ],
)
def test_models_of_english_are_known_by_name(model: str, *, is_english: bool) -> None:
    assert knows_english_alone(model) == is_english
