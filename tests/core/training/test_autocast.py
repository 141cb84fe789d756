"""Matrices are multiplied in the precision that is asked for, with the weights as they are now."""

import pytest
import torch

from leaf_ray.core.encoding.backend import multiplies_in_bf16
from leaf_ray.core.training.autocast import autocast

CPU = torch.device("cpu")


def product_in(precision: str) -> torch.Tensor:
    x_BF, weight_FD = torch.ones(4, 8), torch.ones(8, 8)
    with autocast(CPU, precision):
        return x_BF @ weight_FD


def test_every_step_computes_with_the_weights_of_the_step_before() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(8, 8)
    x_BF, target_BD = torch.randn(4, 8), torch.randn(4, 8)
    outputs = []
    with autocast(CPU, "bfloat16"):
        for _ in range(2):
            output_BD = linear(x_BF)
            assert output_BD.dtype == torch.bfloat16
            (output_BD.float() - target_BD).square().mean().backward()
            with torch.no_grad():
                for weight in linear.parameters():
                    assert weight.grad is not None
                    weight -= weight.grad
                    weight.grad = None
            outputs.append(output_BD.detach().float())
    assert (outputs[1] - target_BD).norm() < (outputs[0] - target_BD).norm()
    assert not torch.equal(outputs[0], outputs[1])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_products_have_the_precision_that_is_named(precision: str) -> None:
    assert product_in(precision).dtype == getattr(torch, precision)


def test_float32_stays_float32_to_the_last_digit() -> None:
    torch.manual_seed(0)
    x_BF, weight_FD = torch.randn(4, 8), torch.randn(8, 8)
    with autocast(CPU, "float32"):
        inside = x_BF @ weight_FD
    assert torch.equal(inside, x_BF @ weight_FD)


def test_auto_is_bfloat16_exactly_where_the_processor_is_made_for_it() -> None:
    expected = torch.bfloat16 if multiplies_in_bf16() else torch.float32
    assert product_in("auto").dtype == expected


def test_weights_stay_float32_whatever_their_products_are() -> None:
    linear = torch.nn.Linear(8, 8)
    with autocast(CPU, "bfloat16"):
        linear(torch.ones(4, 8)).sum().backward()
    assert {weight.dtype for weight in linear.parameters()} == {torch.float32}
    assert {w.grad.dtype for w in linear.parameters() if w.grad is not None} == {torch.float32}
