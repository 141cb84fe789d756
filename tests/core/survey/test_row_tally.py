"""Rows counted one by one, as a whole source is divided."""

from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.core.survey.row_tally import RowTally

SENTENCES = "The first of two sentences {}. The second one."


def tally(*rows: tuple[str, str, str, str | None]) -> RowTally:
    counted = RowTally()
    for row in rows:
        counted.add(*row)
    return counted


def test_equal_rows_come_again_and_equal_ids_of_other_texts_clash() -> None:
    counted = tally(
        ("1", "one", "document", None),
        ("1", "one", "document", None),
        ("1", "two", "document", None),
        ("1", "one", "query", None),
    )
    assert (counted.num_documents, counted.num_queries) == (1, 1)
    assert (counted.num_duplicates, counted.num_clashes) == (1, 1)


def test_queries_of_rows_come_before_first_sentences() -> None:
    rows = [(str(i), SENTENCES.format(i), "document", f"what is {i}") for i in range(50)]
    plan = tally(*rows).plan(RowCount(50, 50))
    assert (plan.form, plan.number, plan.num_test_queries) == ("given", 50, 10)


def test_queries_with_the_same_words_are_not_for_tests() -> None:
    rows = [(str(i), "a text", "document", "The Same  query") for i in range(3)]
    rows.append(("4", "a text", "document", "another"))
    plan = tally(*rows, ("5", "the same query", "query", None)).plan(RowCount(5, 5))
    assert (plan.number, plan.num_test_queries) == (1, 1)


def test_first_sentences_are_scaled_to_all_rows_and_500_are_enough() -> None:
    rows = [(str(i), SENTENCES.format(i), "document", None) for i in range(50)]
    plan = tally(*rows).plan(RowCount(50, 5_000))
    assert (plan.form, plan.number, plan.num_test_queries) == ("derived", 5_000, 500)
    assert "about 5,000 queries made of first sentences" in plan.in_words()


def test_where_no_query_can_be_made_there_is_no_test_query() -> None:
    plan = tally(("1", "one sentence", "document", None)).plan(RowCount(1, 1))
    assert (plan.form, plan.num_test_queries) == ("none", 0)


def test_queries_alone_are_not_for_tests_since_nothing_answers_them() -> None:
    assert tally(("1", "why", "query", None)).plan(RowCount(1, 1)).num_test_queries == 0
