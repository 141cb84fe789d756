"""A comparison measures every system against the teacher, and claims only what it can."""

import dataclasses

import numpy as np
import pytest
import pytrec_eval

from leaf_ray.core.evaluation.bootstrap import Sampling
from leaf_ray.core.evaluation.comparison import Collection, System, compare
from leaf_ray.core.evaluation.own_documents import NO_ROW
from leaf_ray.core.evaluation.results import Difference, Row
from tests.examples.systems import (
    DOCUMENT_ND,
    IDS,
    JUDGED,
    QUERY_QD,
    TEACHER,
    UNJUDGED,
    a_system,
    own_documents,
)


def compared(
    collection: Collection, *systems: System
) -> tuple[dict[str, Row], dict[tuple[str, str, str], Difference]]:
    found = compare(collection, [TEACHER, *systems], Sampling(200, 0))
    return (
        {row.role: row for row in found.rows},
        {(d.role, d.minus, d.metric): d for d in found.differences},
    )


def test_rows_come_in_the_order_of_the_systems_with_their_names_and_times() -> None:
    systems = [TEACHER, a_system("untrained", noise=1), a_system("asymmetric", noise=0.1)]
    rows = compare(JUDGED, systems, Sampling(50, 0)).rows
    assert [row.role for row in rows] == ["teacher", "untrained", "asymmetric"]
    assert [(row.queries_by, row.documents_by) for row in rows[:2]] == [
        ("big",) * 2,
        ("small", "big"),
    ]
    assert rows[0].query_ms == 13.7


def test_the_teacher_has_neither_overlap_with_itself_nor_a_share_of_itself() -> None:
    rows, _ = compared(JUDGED)
    assert rows["teacher"].overlap is None
    assert rows["teacher"].kept is None
    assert rows["teacher"].ndcg is not None


def test_metrics_are_those_of_the_ranking() -> None:
    teacher = compared(JUDGED)[0]["teacher"]
    # The answer has the third rank: 1 / log2(3 + 1), 1 / 3, and it is found.
    assert teacher.ndcg is not None and teacher.ndcg.mean == pytest.approx(0.5)
    assert teacher.mrr is not None and teacher.mrr.mean == pytest.approx(1 / 3)
    assert teacher.recall is not None and teacher.recall.mean == 1.0


def test_a_side_that_encodes_as_the_teacher_keeps_all_and_differs_in_nothing() -> None:
    rows, differences = compared(JUDGED, a_system("asymmetric", noise=0))
    row, difference = rows["asymmetric"], differences["asymmetric", "teacher", "nDCG@10"]
    assert row.overlap is not None and row.overlap.mean == row.overlap.low == 1.0
    assert row.kept is not None and row.kept.low == row.kept.high == 1.0
    interval = difference.interval
    assert (interval.mean, interval.low, interval.high) == (0.0, 0.0, 0.0)


def test_the_nearer_side_overlaps_more_and_the_difference_says_so() -> None:
    near, far = a_system("asymmetric", noise=0.1), a_system("untrained", noise=3)
    rows, differences = compared(JUDGED, near, far)
    near_overlap, far_overlap = rows["asymmetric"].overlap, rows["untrained"].overlap
    assert near_overlap is not None and far_overlap is not None
    difference = differences["asymmetric", "untrained", "overlap@10"].interval
    assert difference.mean == pytest.approx(near_overlap.mean - far_overlap.mean)
    assert difference.low > 0


def test_without_judgments_only_overlap_is_measured() -> None:
    rows, differences = compared(
        UNJUDGED, a_system("asymmetric", noise=0.1), a_system("untrained", noise=1)
    )
    for row in rows.values():
        assert (row.ndcg, row.recall, row.mrr, row.kept) == (None, None, None, None)
    assert rows["asymmetric"].overlap is not None
    assert set(differences) == {("asymmetric", "untrained", "overlap@10")}


def test_no_share_is_kept_of_a_teacher_that_finds_nothing() -> None:
    nothing = Collection(IDS, [{"elsewhere": 1}] * 30)
    rows, _ = compared(nothing, a_system("asymmetric", noise=0.1))
    assert rows["asymmetric"].kept is None
    assert rows["asymmetric"].ndcg is not None and rows["asymmetric"].ndcg.mean == 0.0


@pytest.mark.parametrize("num_documents", [60, 9])
def test_a_query_that_is_a_document_is_measured_as_if_that_were_not_there(
    num_documents: int,
) -> None:
    collection, systems = own_documents(num_documents)
    found = compare(collection, systems, Sampling(20, 0))
    assert collection.judgments is not None and collection.own_Q is not None
    for query, own in enumerate(collection.own_Q):
        others = np.delete(np.arange(num_documents), [] if own == NO_ROW else own)
        alone = Collection([IDS[row] for row in others], [collection.judgments[query]], [1])
        one = slice(query, query + 1)
        without = [
            dataclasses.replace(
                system, query_QD=system.query_QD[one], document_ND=system.document_ND[others]
            )
            for system in systems
        ]
        wanted = compare(alone, without, Sampling(20, 0))
        for role, scores in wanted.scores.items():
            for metric, value_Q in scores.items():
                value = found.scores[role][metric][query]
                assert value == pytest.approx(value_Q[0], abs=1e-6), (role, metric)


@pytest.mark.parametrize("num_documents", [60, 9])
def test_without_own_documents_figures_are_pytrec_evals_as_beir_asks_it(
    num_documents: int,
) -> None:
    collection, systems = own_documents(num_documents)
    found = compare(collection, systems, Sampling(20, 0)).scores
    assert collection.judgments is not None and collection.own_Q is not None
    names = [f"q{row}" if own == NO_ROW else IDS[own] for row, own in enumerate(collection.own_Q)]
    judged = dict(zip(names, map(dict, collection.judgments), strict=True))
    measures = {"nDCG@10": "ndcg_cut_10", "recall@100": "recall_100", "MAP@100": "map_cut_100"}
    evaluator = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut", "recall", "map_cut"})
    for system in systems:
        score_QN = system.query_QD @ system.document_ND.T
        run = {
            name: dict(zip(collection.document_ids, map(float, score_N), strict=True))
            for name, score_N in zip(names, score_QN, strict=True)
        }
        for name, ranked in run.items():
            # As BEIR's `ignore_identical_ids` does.
            ranked.pop(name, None)
        theirs = evaluator.evaluate(run)
        for ours, measure in measures.items():
            wanted_Q = [theirs[name][measure] for name in names]
            np.testing.assert_allclose(found[system.role][ours], wanted_Q, atol=1e-6)


def test_the_only_document_is_left_out_of_its_own_ranking() -> None:
    system = dataclasses.replace(TEACHER, query_QD=QUERY_QD[:1], document_ND=DOCUMENT_ND[:1])
    collection = Collection(IDS[:1], [{IDS[0]: 1}], [1], np.array([0]))
    leaf = dataclasses.replace(system, role="asymmetric")
    scores = compare(collection, [system, leaf], Sampling(20, 0)).scores["asymmetric"]
    found = {metric: float(value_Q[0]) for metric, value_Q in scores.items()}
    # Nothing is found, as nothing is by the teacher.
    assert found.pop("overlap@10") == 1.0
    assert set(found.values()) == {0.0}


def test_only_pairs_of_systems_that_are_there_are_compared() -> None:
    _, differences = compared(JUDGED, a_system("asymmetric", noise=0.1))
    assert set(differences) == {("asymmetric", "teacher", "nDCG@10")}


def test_the_same_seed_gives_the_same_comparison() -> None:
    system = a_system("asymmetric", noise=0.5)
    assert compared(JUDGED, system) == compared(JUDGED, system)
