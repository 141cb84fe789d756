"""Batches move whole, and are copied over one another."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor

from leaf_ray.core.training.batch import Batch
from tests.core.training.student import B, D, batches


def tensors(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    return batch.input_ids_BL, batch.attention_mask_BL, batch.teacher_BD


def test_a_batch_moves_to_a_device_whole() -> None:
    moved = next(batches()).to(torch.device("meta"))
    assert [tensor.device.type for tensor in tensors(moved)] == ["meta"] * 3
    assert moved.rows_B.tolist() == list(range(B))


def test_a_batch_takes_over_another_where_it_lies() -> None:
    first, second = islice(batches(), 2)
    second.attention_mask_BL[3, -1] = 0
    places = [tensor.data_ptr() for tensor in tensors(first)]
    first.copy_(second)
    assert all(map(torch.equal, tensors(first), tensors(second)))
    assert [tensor.data_ptr() for tensor in tensors(first)] == places


def test_a_batch_of_another_shape_is_not_taken_over() -> None:
    batch = next(batches())
    shorter = Batch(
        batch.input_ids_BL[:, :-1], batch.attention_mask_BL[:, :-1], batch.teacher_BD, batch.rows_B
    )
    with pytest.raises(RuntimeError):
        batch.copy_(shorter)


def test_a_copy_of_a_batch_is_not_the_batch() -> None:
    batch = next(batches())
    copied = batch.copied_to(torch.device("cpu"))
    assert all(map(torch.equal, tensors(copied), tensors(batch)))
    copied.teacher_BD.zero_()
    assert batch.teacher_BD.any()


@pytest.mark.gpu
def test_a_pinned_batch_is_the_same() -> None:
    batch = next(batches())
    pinned = batch.pinned()
    assert all(tensor.is_pinned() for tensor in tensors(pinned))
    assert all(map(torch.equal, tensors(pinned), tensors(batch)))
    assert np.array_equal(pinned.rows_B, batch.rows_B)
    assert pinned.teacher_BD.shape == (B, D)
