"""An evaluation averages collections, each alike, and claims what the intervals allow."""

import json

import numpy as np
import pytest

from leaf_ray.core.evaluation.bootstrap import Sampling
from leaf_ray.core.evaluation.evaluation import (
    VERSION,
    Evaluation,
    averages,
    evaluation_from_json,
    evaluation_to_json,
)
from leaf_ray.core.evaluation.results import Role, Scores
from leaf_ray.errors import InputError
from tests.examples.results import REPORT, SEVERAL

SAMPLING = Sampling(500, 0)


def scores(num_queries: int, *, teacher: float, leaf: float) -> dict[Role, Scores]:
    """Values that vary over queries around the given means."""
    spread_Q = np.linspace(-0.1, 0.1, num_queries)
    return {
        "teacher": {"nDCG@10": teacher + spread_Q, "overlap@10": np.ones(num_queries)},
        "asymmetric": {"nDCG@10": leaf + spread_Q, "overlap@10": 0.5 + spread_Q},
    }


@pytest.mark.parametrize("evaluation", [SEVERAL, Evaluation((REPORT,))])
def test_an_evaluation_survives_json(evaluation: Evaluation) -> None:
    fields = json.loads(json.dumps(evaluation_to_json(evaluation)))
    assert evaluation_from_json(fields) == evaluation


NOBODY = {"role": "friend", "ndcg": None, "overlap": None, "kept": None}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"reports": [], "average": [{"role": "teacher"}]},
        {"reports": [], "average": [NOBODY]},
    ],
)
def test_what_is_no_evaluation_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InputError, match="run `leaf evaluate` again"):
        evaluation_from_json({"version": VERSION, **fields})


def test_collections_count_alike_however_many_queries_they_have() -> None:
    found = averages(
        [scores(10, teacher=0.8, leaf=0.6), scores(1000, teacher=0.4, leaf=0.3)], SAMPLING
    )
    teacher, leaf = found
    assert teacher.ndcg is not None and leaf.ndcg is not None and leaf.kept is not None
    assert teacher.ndcg.mean == pytest.approx(0.6)
    assert leaf.ndcg.mean == pytest.approx(0.45)
    assert leaf.kept.mean == pytest.approx(0.75)
    assert leaf.kept.low < 0.75 < leaf.kept.high
    assert teacher.overlap is None and teacher.kept is None


def test_one_collection_has_no_average() -> None:
    assert averages([scores(10, teacher=0.8, leaf=0.6)], SAMPLING) == ()


def test_where_a_collection_is_not_judged_only_overlap_is_averaged() -> None:
    judged, plain = scores(10, teacher=0.8, leaf=0.6), scores(10, teacher=0.8, leaf=0.6)
    unjudged = {role: {"overlap@10": own["overlap@10"]} for role, own in plain.items()}
    _, leaf = averages([judged, unjudged], SAMPLING)
    assert (leaf.ndcg, leaf.kept) == (None, None)
    assert leaf.overlap is not None and leaf.overlap.mean == pytest.approx(0.5)


def test_a_report_of_an_earlier_version_is_refused_with_what_to_do() -> None:
    fields = evaluation_to_json(SEVERAL)
    earlier = {name: value for name, value in fields.items() if name != "version"}
    with pytest.raises(InputError, match="run `leaf evaluate` again"):
        evaluation_from_json(earlier)
