"""A shard gives every text once an epoch, with its own vector, and goes on where it was left."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.shard import Shard, read_shard
from leaf_ray.core.train import Batch

PAD = 7


def a_shard(num_texts: int) -> Shard:
    """Text number n has n in every token and in its vector, so that each can be recognised."""
    lengths = np.random.default_rng(0).integers(1, 30, num_texts)
    ids = [np.full(length, 100 + n, dtype=np.int32) for n, length in enumerate(lengths)]
    teacher_ND = np.arange(num_texts, dtype=np.float32)[:, None] * np.ones(3, dtype=np.float32)
    return Shard(ids, teacher_ND, PAD)


def texts_in(batch: Batch) -> list[int]:
    return [int(first) - 100 for first in batch.input_ids_BL[:, 0]]


def same(first: Batch, second: Batch) -> bool:
    pairs = (
        (first.input_ids_BL, second.input_ids_BL),
        (first.attention_mask_BL, second.attention_mask_BL),
        (first.teacher_BD, second.teacher_BD),
    )
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_batch_is_padded_on_the_right_to_its_longest_text() -> None:
    ids = [np.array([1, 2, 3], dtype=np.int32), np.array([4], dtype=np.int32)]
    batch = Shard(ids, np.eye(2, dtype=np.float32), PAD).take(np.array([1, 0]))
    assert batch.input_ids_BL.tolist() == [[4, PAD, PAD], [1, 2, 3]]
    assert batch.attention_mask_BL.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert batch.teacher_BD.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert batch.input_ids_BL.dtype == batch.attention_mask_BL.dtype == torch.int64
    assert batch.teacher_BD.dtype == torch.float32


def test_by_length_gives_every_row_once_shortest_first_and_says_which() -> None:
    shard = a_shard(10)
    batches = list(shard.by_length(batch_size=4))
    assert [len(rows_B) for rows_B, _ in batches] == [4, 4, 2]
    for rows_B, batch in batches:
        assert texts_in(batch) == rows_B.tolist()
    rows = [int(row) for rows_B, _ in batches for row in rows_B]
    assert sorted(rows) == list(range(10))
    lengths = [len(shard.ids[row]) for row in rows]
    assert lengths == sorted(lengths)


def test_every_text_comes_once_an_epoch_with_its_own_vector() -> None:
    epoch = list(islice(a_shard(40).batches(batch_size=4, seed=0, first_step=0), 10))
    assert sorted(n for batch in epoch for n in texts_in(batch)) == list(range(40))
    for batch in epoch:
        assert batch.teacher_BD[:, 0].tolist() == texts_in(batch)


def test_texts_that_do_not_fill_a_batch_are_left_out_of_an_epoch_but_not_of_all() -> None:
    batches = a_shard(11).batches(batch_size=4, seed=0, first_step=0)
    epochs = [{n for batch in islice(batches, 2) for n in texts_in(batch)} for _ in range(20)]
    assert all(len(texts) == 8 for texts in epochs)
    assert set().union(*epochs) == set(range(11))


def test_every_epoch_has_another_order() -> None:
    batches = a_shard(40).batches(batch_size=4, seed=0, first_step=0)
    first, second = ([texts_in(batch) for batch in islice(batches, 10)] for _ in range(2))
    assert first != second


def test_the_order_depends_on_the_seed() -> None:
    first, second = (
        next(a_shard(40).batches(batch_size=4, seed=seed, first_step=0)) for seed in (0, 1)
    )
    assert texts_in(first) != texts_in(second)


@given(st.integers(4, 30), st.integers(1, 4), st.integers(0, 40), st.integers(0, 5))
def test_a_resumed_run_sees_what_the_killed_one_would_have_seen(
    num_texts: int, batch_size: int, first_step: int, seed: int
) -> None:
    shard = a_shard(num_texts)
    whole = shard.batches(batch_size=batch_size, seed=seed, first_step=0)
    resumed = shard.batches(batch_size=batch_size, seed=seed, first_step=first_step)
    expected = islice(whole, first_step, first_step + 9)
    assert all(same(a, b) for a, b in zip(expected, islice(resumed, 9), strict=True))


def test_the_head_of_a_shard_is_its_first_rows() -> None:
    head = a_shard(10).head(4)
    assert len(head) == 4
    assert texts_in(head.take(np.arange(4))) == [0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_reading_keeps_every_text_with_its_vector(dtype: type) -> None:
    whole = a_shard(50)
    batches = [
        {
            "ids": [row.tolist() for row in whole.ids[start : start + 7]],
            "vector": list(whole.teacher_ND[start : start + 7].astype(dtype)),
        }
        for start in range(0, 50, 7)
    ]
    shard = read_shard(batches, pad_id=PAD)
    read = [int(tokens[0]) - 100 for tokens in shard.ids]
    assert sorted(read) == list(range(50))
    assert shard.teacher_ND.dtype == np.float32
    assert shard.teacher_ND[:, 0].tolist() == read
    assert all(np.array_equal(shard.ids[i], whole.ids[n]) for i, n in enumerate(read))
    assert shard.pad_id == PAD


def test_reading_mixes_the_texts_the_same_way_each_time() -> None:
    whole = a_shard(50)
    batch = {"ids": whole.ids, "vector": whole.teacher_ND}
    first, second = read_shard([batch], pad_id=PAD), read_shard([batch], pad_id=PAD)
    assert first.teacher_ND[:, 0].tolist() != whole.teacher_ND[:, 0].tolist()
    assert np.array_equal(first.teacher_ND, second.teacher_ND)
