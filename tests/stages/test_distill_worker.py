"""What a training worker does that needs no cluster."""

import torch

from leaf_ray.stages.distill_worker import autocast


def test_every_step_under_autocast_computes_with_the_weights_of_the_step_before() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(8, 8)
    x_BF, target_BD = torch.randn(4, 8), torch.randn(4, 8)
    outputs = []
    with autocast(torch.device("cpu"), enabled=True):
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
