from leaf_ray.core.survey.findings import Losses, Tokens
from leaf_ray.core.survey.hints import hints_of, in_percent, scripts_in_words
from leaf_ray.core.survey.query_plan import QueryPlan
from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.core.survey.words import Lengths
from tests.core.survey.findings import findings


def test_plain_english_documents_need_no_hint() -> None:
    assert hints_of(findings()) == []


def test_each_finding_that_matters_is_one_hint() -> None:
    found = findings(
        path="queries.csv",
        rows=RowCount(12, 12),
        num_documents=12,
        plan=QueryPlan("none", 0, 0),
        scripts={"Cyrillic": 1.0},
        words=Lengths(12, 5, 9),
        tokens=Tokens(Lengths(12, 400, 900), 384, 0.5),
        losses=Losses(num_clashes=3),
    )
    hints = hints_of(found)
    parts = ("12 texts", "multilingual", "50 % of the texts", "texts.kind=query", "3 rows")
    assert len(hints) == len(parts)
    assert all(part in hint for part, hint in zip(parts, hints, strict=True))


def test_a_model_that_knows_other_scripts_needs_no_hint() -> None:
    assert hints_of(findings(scripts={"Cyrillic": 1.0}, is_english=False)) == []


def test_a_small_share_is_not_said_to_be_nothing() -> None:
    assert [in_percent(share) for share in (0.001, 0.12, 1.0)] == ["less than 1 %", "12 %", "100 %"]


def test_scripts_are_named_from_a_hundredth_of_the_letters_on() -> None:
    assert scripts_in_words({"Latin": 0.992, "Greek": 0.008}) == "Latin 99 %"
    assert scripts_in_words({}) == "no letters"
