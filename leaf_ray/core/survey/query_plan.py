"""How many queries to test with."""

from dataclasses import dataclass

from leaf_ray.core.survey.row_count import RowCount, rounded
from leaf_ray.core.text.splits import QueryOrigin

MOST_TEST_QUERIES = 500
# As `leaf texts` does where there are fewer than are wanted.
SHARE = 5
_WHERE = {"given": "that the source has", "derived": "made of first sentences"}


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """form: where queries come from. number: about how many there are, without repeats.

    num_test_queries: what to set texts.num_test_queries to; None where judgments say it.
    is_exact: whether all rows were looked at.
    """

    form: QueryOrigin
    number: int
    num_test_queries: int | None
    is_exact: bool = True

    def in_words(self) -> str:
        """Return which queries there are and how many of them will be the test."""
        if self.form == "judged":
            return f"judgments; judged queries: {self.number:,}, which are the test"
        if not self.num_test_queries:
            return "none to test with: neither queries, nor texts of more than one sentence"
        number = f"{self.number:,}" if self.is_exact else f"about {rounded(self.number):,}"
        noun = "query" if self.number == 1 else "queries"
        return (
            f"{number} {noun} {_WHERE[self.form]}, of which {self.num_test_queries:,} for the test"
        )


def plan_queries(
    form: QueryOrigin, num_unique: int, rows: RowCount, *, num_documents: int
) -> QueryPlan:
    """Return the plan for a source; the numbers are of the rows that were looked at.

    num_unique: queries of which no other has the text; of judgments, queries that are judged.
    """
    if form == "judged":
        return QueryPlan(form, num_unique, None)
    if not num_unique or not num_documents:
        return QueryPlan("none" if not num_unique else form, num_unique, 0)
    number = rows.scaled(num_unique)
    num_test_queries = min(MOST_TEST_QUERIES, max(1, number // SHARE))
    return QueryPlan(form, number, num_test_queries, is_exact=rows.read == rows.total)
