"""Findings of a source of any kind, for tests of what is said of them."""

from dataclasses import replace
from typing import Any

from leaf_ray.core.survey.choice import Choice
from leaf_ray.core.survey.findings import Findings
from leaf_ray.core.survey.query_plan import QueryPlan
from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.core.survey.words import Lengths

_PLAIN = Findings(
    path="news.jsonl",
    form="JSONL, 1.0 MB",
    rows=RowCount(1_000, 1_000),
    columns=(),
    choice=Choice({"text": "text"}),
    plan=QueryPlan("derived", 800, 160),
    words=Lengths(1_000, 80, 120),
    scripts={"Latin": 1.0},
    teacher="sentence-transformers/all-mpnet-base-v2",
    num_documents=1_000,
    num_queries=0,
    is_english=True,
)


def findings(**changed: Any) -> Findings:
    """Return those of a thousand English documents, but for what is given."""
    return replace(_PLAIN, **changed)
