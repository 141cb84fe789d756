"""A student small enough to train in a test, and endless texts to train it on."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.optimizer import touch_rows_only

VOCABULARY, WIDTH, D = 50, 12, 6
B, L = 8, 5


class Student(nn.Module):
    """Mean of token vectors, and a head; its weights do not come from torch's generator."""

    def __init__(self, *, seed: int, sparse: bool = False) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.head = nn.Linear(WIDTH, D)
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.from_numpy(rng.standard_normal(tuple(weight.shape))))
        if sparse:
            touch_rows_only(self.tokens)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        mask_BL1 = mask_BL.unsqueeze(-1)
        mean_BF = (self.tokens(ids_BL) * mask_BL1).sum(dim=1) / mask_BL1.sum(dim=1)
        return nn.functional.normalize(self.head(mean_BF), dim=1)


def batches(*, seed: int = 0) -> Iterator[Batch]:
    """Endless random texts, numbered through, with another student's vectors as the teacher's."""
    teacher = Student(seed=100)
    rng = np.random.default_rng(seed)
    first_row = 0
    while True:
        ids_BL = torch.from_numpy(rng.integers(0, VOCABULARY, (B, L)))
        mask_BL = torch.ones_like(ids_BL)
        rows_B = np.arange(first_row, first_row + B)
        yield Batch(ids_BL, mask_BL, teacher(ids_BL, mask_BL).detach(), rows_B)
        first_row += B


def weights_of(student: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in student.parameters()]


def same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
