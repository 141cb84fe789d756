"""The page of a report is complete and well formed."""

import dataclasses

from leaf_ray.core.evaluation.evaluation import Evaluation
from leaf_ray.core.evaluation.results import Report, Row
from leaf_ray.pages.report_page import to_markdown
from leaf_ray.pages.report_words import verdict
from tests.examples.results import LEAF, REPORT, SEVERAL, TEACHER

HEADER = (
    "| queries by | documents by | nDCG@10 [95 %] | overlap@10 with the teacher "
    "| ms a query (p50) |"
)


def with_rows(*rows: Row) -> Report:
    return dataclasses.replace(REPORT, rows=rows)


def page_of(report: Report) -> str:
    return to_markdown(Evaluation((report,)))


def test_the_table_opens_with_its_agreed_header() -> None:
    lines = page_of(REPORT).splitlines()
    start = lines.index(HEADER)
    assert lines[start + 2] == "| big | big | 0.600 [0.55, 0.65] | - | 13.7 |"
    assert lines[start + 3] == "| small | big | 0.600 [0.55, 0.65] | 0.680 [0.66, 0.70] | - |"


def test_every_line_of_a_table_has_the_columns_of_its_header() -> None:
    named = dataclasses.replace(LEAF, queries_by="a|b\nc")
    page = page_of(with_rows(TEACHER, named))
    assert "a\\|b c" in page
    tables = [part for part in page.split("\n\n") if part.startswith("|")]
    assert len(tables) == 5
    for table in tables:
        bars = {line.replace("\\|", "").count("|") for line in table.splitlines()}
        assert len(bars) == 1


def test_the_page_holds_the_verdict_the_differences_and_how_it_was_measured() -> None:
    page = page_of(REPORT)
    assert verdict(REPORT) in page
    assert "+0.120 [+0.100, +0.140]" in page
    assert "84.5 % [82.0, 87.1]" in page
    for fact in ("350 queries", "82 documents", "`big`", "`small`", "`9f2c1ab34d`", "bootstrap"):
        assert fact in page


def test_a_report_without_differences_has_no_table_of_them() -> None:
    assert "difference over" not in page_of(dataclasses.replace(REPORT, differences=()))


def test_the_grid_says_what_each_size_keeps() -> None:
    page = page_of(REPORT)
    assert "| 8 | float32 | 32 | the reference | - |" in page
    assert "| 8 | int8 | 8 | - | 80.0 % [70.0, 90.0] |" in page


def test_queries_are_told_apart_by_their_length() -> None:
    line = "| 9 and more | 12 | leaf with teacher's documents | - | 0.500 [0.40, 0.60] |"
    assert line in page_of(REPORT)


def test_several_collections_have_their_average_first() -> None:
    page = to_markdown(SEVERAL)
    assert page.startswith("# 2 collections")
    assert "| leaf with teacher's documents | 0.550 [0.50, 0.60] | 85.0 % [80.0, 90.0] |" in page
    assert page.count("# adi") == 2


def test_judgments_of_documents_that_are_not_there_are_told_of() -> None:
    assert "are of documents that" not in page_of(REPORT)
    told = page_of(dataclasses.replace(REPORT, num_unknown=1_234))
    assert "1,234 judgments are of documents that the collection does not hold" in told


def test_queries_that_are_documents_are_told_of() -> None:
    assert "own id" not in page_of(REPORT)
    told = page_of(dataclasses.replace(REPORT, num_own_documents=1_406))
    assert "1,406 of the queries are documents of the collection themselves" in told
