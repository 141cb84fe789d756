"""Both losses are distances: known values, zero at equality, and gradients that stay finite."""

import pytest
import torch

from leaf_ray.core.loss import LOSSES, AlignmentLoss, l2, squared_l2
from tests.spaces import unit_vectors

LEAF_BD = torch.from_numpy(unit_vectors(16, 8, seed=1))
TEACHER_BD = torch.from_numpy(unit_vectors(16, 8, seed=2))

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


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
    assert loss(LEAF_BD, TEACHER_BD) == loss(TEACHER_BD, LEAF_BD) > 0


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
