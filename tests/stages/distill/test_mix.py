"""An epoch takes texts by kind and source, and too few are refused."""

import pytest

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.stages.distill.counts import Counts
from leaf_ray.stages.distill.mix import check_shared, check_texts, weights_of_kinds
from tests.examples.training_counts import COUNTS, ONLY_DOCUMENTS, VALIDATION, settings


def check(counts: Counts, **distill: object) -> None:
    config = settings(**distill)
    check_texts(config, counts, weights_of_kinds(config, counts))


@pytest.mark.parametrize(
    ("documents_per_query", "expected"), [(0.0, 0.0), (1.0, 0.25), (2.0, 0.5), (4.0, 1.0)]
)
def test_an_epoch_has_so_many_documents_for_each_query(
    documents_per_query: float, expected: float
) -> None:
    config = settings(documents_per_query=documents_per_query)
    assert weights_of_kinds(config, COUNTS) == pytest.approx({QUERY: 1.0, DOCUMENT: expected})


def test_no_document_comes_twice_for_lack_of_others() -> None:
    assert weights_of_kinds(settings(documents_per_query=100.0), COUNTS)[DOCUMENT] == 1.0


@pytest.mark.parametrize("documents_per_query", [0.0, 1.0, 5.0])
def test_without_queries_all_documents_are_trained_on(documents_per_query: float) -> None:
    config = settings(documents_per_query=documents_per_query)
    assert weights_of_kinds(config, ONLY_DOCUMENTS) == {QUERY: 1.0, DOCUMENT: 1.0}


def test_queries_of_a_source_that_is_left_out_are_none() -> None:
    assert weights_of_kinds(settings(weights={"mine": 0.0}), COUNTS)[DOCUMENT] == 1.0


@pytest.mark.parametrize(
    ("weights", "queries", "documents"),
    [({"wiki": 2.0}, 10, 50), ({"mine": 2.0}, 20, 70), ({"wiki": 0.0, "mine": 0.5}, 5, 15)],
)
def test_texts_are_balanced_as_often_as_their_sources_let_them_come(
    weights: dict[str, float], queries: float, documents: float
) -> None:
    of_kind = weights_of_kinds(settings(weights=weights), COUNTS)
    assert of_kind[QUERY] == 1.0
    assert of_kind[DOCUMENT] * documents == pytest.approx(queries)


def test_texts_that_fill_a_step_exactly_are_enough() -> None:
    check(COUNTS, workers=2, accumulate=2)


def test_one_text_less_than_a_step_takes_is_refused_with_what_could_be_lowered() -> None:
    counts = Counts({QUERY: {"mine": 10}, DOCUMENT: {"mine": 9}}, VALIDATION)
    with pytest.raises(InputError, match=r"^19 training texts are too few: a step of 4 batches"):
        check(counts, workers=2, accumulate=2)


def test_texts_that_their_weights_leave_out_do_not_fill_a_step() -> None:
    with pytest.raises(InputError, match=r"of 5 takes 20\. .* or raise distill\.weights"):
        check(COUNTS, workers=4, weights={"mine": 0.5})


def test_fewer_texts_than_a_head_can_be_fitted_on_are_refused() -> None:
    counts = Counts({QUERY: {}, DOCUMENT: {"mine": 9}}, VALIDATION)
    with pytest.raises(InputError, match=r"9 training texts are too few to fit a head on.* 10"):
        check(counts)


def test_a_weight_of_a_source_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"no text is from 'msmarco'; .* from mine, wiki$"):
        check(COUNTS, weights={"wiki": 1.0, "msmarco": 2.0})


def test_a_training_without_validation_texts_is_refused() -> None:
    counts = Counts({QUERY: {"mine": 10}, DOCUMENT: {"mine": 30}})
    with pytest.raises(InputError, match=r"none of 40 texts .* raise distill\.validation_share"):
        check(counts)


def test_a_training_without_documents_is_not_validated_on_documents_alone() -> None:
    counts = Counts(COUNTS.trained_by_kind, {DOCUMENT: {"mine": 5}})
    check(counts, documents_per_query=1.0)
    with pytest.raises(InputError, match="none of 10 texts is a validation text"):
        check(counts, documents_per_query=0.0)


def test_texts_that_come_often_do_not_make_up_for_their_number() -> None:
    with pytest.raises(InputError, match="5 training texts are too few to fit a head on"):
        check(Counts({QUERY: {"mine": 5}}, VALIDATION), weights={"mine": 100.0})


def test_texts_on_the_disk_of_one_machine_are_refused_on_two() -> None:
    check_shared("runs/mine", seen_by=[True, True])
    with pytest.raises(ConfigError, match=r"runs/mine is not there on 1 of 2 nodes: put `root`"):
        check_shared("runs/mine", seen_by=[True, False])


def test_a_leaf_that_is_taken_as_it_is_needs_few_texts() -> None:
    few = Counts({QUERY: {"mine": 3}}, VALIDATION)
    check(few, head="init", epochs=0)
    with pytest.raises(InputError, match="3 training texts are too few: a step"):
        check(few, head="init", epochs=1)
