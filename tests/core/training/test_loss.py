"""Losses are distances: known values, zero at equality, and gradients that stay finite."""

import pytest
import torch
from torch.nn.functional import normalize

from leaf_ray.core.training.loss import (
    LOSSES,
    AlignmentLoss,
    l2,
    objective,
    score_root,
    similarity_error,
    squared_l2,
)
from tests.examples.spaces import unit_vectors

LEAF_BD = torch.from_numpy(unit_vectors(16, 8, seed=1))
TEACHER_BD = torch.from_numpy(unit_vectors(16, 8, seed=2))

ROOT_DD = torch.from_numpy(score_root(unit_vectors(30, 8, seed=3)))
WITH_ALL = objective(
    "l2",
    prefix_weights={2: 0.5, 4: 1.0},
    covariance_weight=2.0,
    score_root_DD=ROOT_DD,
    similarity_weight=0.5,
)
ALL_LOSSES = {**LOSSES, "similarity_error": similarity_error, "with_all": WITH_ALL}

each_loss = pytest.mark.parametrize("loss", ALL_LOSSES.values(), ids=ALL_LOSSES.keys())
each_name = pytest.mark.parametrize("name", LOSSES)


def test_squared_l2_of_unit_vectors_is_two_minus_two_cosines() -> None:
    cosine = torch.nn.functional.cosine_similarity(LEAF_BD, TEACHER_BD).mean()
    torch.testing.assert_close(squared_l2(LEAF_BD, TEACHER_BD), 2 - 2 * cosine)


def test_l2_is_the_mean_of_torch_norms() -> None:
    norms_B = torch.linalg.vector_norm(LEAF_BD - TEACHER_BD, dim=1)
    torch.testing.assert_close(l2(LEAF_BD, TEACHER_BD), norms_B.mean())


def test_the_gradient_of_l2_has_equal_weight_for_near_and_far_texts() -> None:
    away_BD = torch.tensor([[0.01, 0.0], [0.0, 1.0]], requires_grad=True)
    l2(away_BD, torch.zeros(2, 2)).backward()
    assert away_BD.grad is not None
    torch.testing.assert_close(away_BD.grad.norm(dim=1), torch.tensor([0.5, 0.5]))


@each_loss
def test_a_loss_is_symmetric_and_above_zero_for_different_vectors(loss: AlignmentLoss) -> None:
    assert loss(LEAF_BD, TEACHER_BD) > 0
    torch.testing.assert_close(loss(LEAF_BD, TEACHER_BD), loss(TEACHER_BD, LEAF_BD))


@each_loss
def test_a_loss_is_zero_at_equality_with_a_finite_gradient(loss: AlignmentLoss) -> None:
    leaf_BD = LEAF_BD.clone().requires_grad_()
    distance = loss(leaf_BD, LEAF_BD)
    distance.backward()
    assert distance.item() == pytest.approx(0.0, abs=1e-5)
    assert leaf_BD.grad is not None
    assert torch.isfinite(leaf_BD.grad).all()


@each_loss
def test_a_loss_does_not_depend_on_the_order_or_number_of_texts(loss: AlignmentLoss) -> None:
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    expected = loss(LEAF_BD, TEACHER_BD)
    torch.testing.assert_close(loss(LEAF_BD[order], TEACHER_BD[order]), expected)
    torch.testing.assert_close(loss(LEAF_BD.tile(3, 1), TEACHER_BD.tile(3, 1)), expected)


@each_loss
def test_a_step_against_the_gradient_brings_vectors_nearer(loss: AlignmentLoss) -> None:
    leaf_BD = LEAF_BD.clone().requires_grad_()
    before = loss(leaf_BD, TEACHER_BD)
    before.backward()
    assert leaf_BD.grad is not None
    assert loss(leaf_BD.detach() - 0.1 * leaf_BD.grad, TEACHER_BD) < before


@each_name
def test_an_objective_with_nothing_added_is_the_distance_itself(name: str) -> None:
    plain = objective(name)
    assert plain(LEAF_BD, TEACHER_BD) == LOSSES[name](LEAF_BD, TEACHER_BD)


@each_name
def test_a_prefix_of_all_dimensions_of_unit_vectors_changes_nothing(name: str) -> None:
    with_prefix = objective(name, prefix_weights={8: 2.5})
    expected = LOSSES[name](LEAF_BD, TEACHER_BD)
    torch.testing.assert_close(with_prefix(LEAF_BD, TEACHER_BD), expected)


@each_name
def test_prefixes_are_averaged_with_the_whole_by_their_weights(name: str) -> None:
    weighted = objective(name, prefix_weights={2: 0.5, 4: 1.5})
    terms = [
        weight * LOSSES[name](*(normalize(v_BD[:, :d]) for v_BD in (LEAF_BD, TEACHER_BD)))
        for d, weight in {8: 1.0, 2: 0.5, 4: 1.5}.items()
    ]
    torch.testing.assert_close(weighted(LEAF_BD, TEACHER_BD), sum(terms) / 3)


def test_what_lies_behind_a_prefix_does_not_count_for_it() -> None:
    other_BD = torch.cat([LEAF_BD[:, :4], TEACHER_BD[:, 4:]], dim=1)
    heavy = objective("l2", prefix_weights={4: 1e6})
    assert heavy(LEAF_BD, other_BD).item() == pytest.approx(0.0, abs=1e-4)


@each_name
def test_the_distance_in_scores_is_averaged_with_the_plain_one_by_its_weight(name: str) -> None:
    both = objective(name, covariance_weight=3.0, score_root_DD=ROOT_DD)
    plain = LOSSES[name](LEAF_BD, TEACHER_BD)
    in_scores = LOSSES[name](LEAF_BD @ ROOT_DD, TEACHER_BD @ ROOT_DD)
    torch.testing.assert_close(both(LEAF_BD, TEACHER_BD), (plain + 3 * in_scores) / 4)


def test_a_weight_of_scores_needs_their_metric() -> None:
    with pytest.raises(ValueError, match="covariance_weight needs score_root_DD"):
        objective("l2", covariance_weight=1.0)
    unused = objective("l2", covariance_weight=0.0, score_root_DD=ROOT_DD)
    assert unused(LEAF_BD, TEACHER_BD) == l2(LEAF_BD, TEACHER_BD)


def test_an_error_along_which_documents_do_not_differ_does_not_count_in_scores() -> None:
    spread_DD = torch.diag(torch.tensor([2.0, 0.0]))
    heavy = objective("l2", covariance_weight=1e6, score_root_DD=spread_DD)
    here_BD = torch.tensor([[1.0, 0.0]])
    assert heavy(here_BD, here_BD + torch.tensor([0.0, 1.0])).item() == pytest.approx(0, abs=1e-5)
    assert heavy(here_BD, here_BD + torch.tensor([1.0, 0.0])).item() == pytest.approx(2, abs=1e-5)


def test_the_error_in_similarities_is_added_by_its_weight() -> None:
    with_error = objective("l2", prefix_weights={4: 1.0}, similarity_weight=3.0)
    without = objective("l2", prefix_weights={4: 1.0})
    added = with_error(LEAF_BD, TEACHER_BD) - without(LEAF_BD, TEACHER_BD)
    torch.testing.assert_close(added, 3.0 * similarity_error(LEAF_BD, TEACHER_BD))


def test_similarities_do_not_change_when_all_vectors_are_turned_or_made_longer() -> None:
    turn_DD = torch.linalg.qr(torch.from_numpy(unit_vectors(8, 8, seed=3)))[0]
    turned_BD = 5.0 * LEAF_BD @ turn_DD
    assert similarity_error(turned_BD, LEAF_BD).item() == pytest.approx(0.0, abs=1e-10)


def test_the_error_in_similarities_of_equal_texts_that_should_be_unrelated_is_their_share() -> None:
    # Of four pairs the two of different texts are off by one.
    equal_BD = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert similarity_error(equal_BD, torch.eye(2)).item() == pytest.approx(0.5)
