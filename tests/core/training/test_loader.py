"""Every step gets its texts, whoever reads them and whatever was read before."""

import numpy as np
import pyarrow as pa
import pytest

from leaf_ray.core.training.cuda_graphs import graph_length
from leaf_ray.core.training.loader import BatchLoader
from leaf_ray.core.training.sampler import Sampler
from leaf_ray.core.training.training_texts import TrainingTexts, write_training_texts

NUM_TEXTS, D, PAD = 60, 4, 7
BATCH, MICRO_BATCHES = 5, 3


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> TrainingTexts:
    """Text n is n + 1 tokens n."""
    file = tmp_path_factory.mktemp("texts") / "file.arrow"
    numbers = np.arange(NUM_TEXTS)
    vectors = np.repeat(numbers, D).astype(np.float32)
    table = pa.table(
        {
            "ids": pa.array([[n] * (n + 1) for n in numbers], pa.list_(pa.int32())),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors), D),
            **{name: pa.array(list(map(str, numbers))) for name in ("id", "kind", "source")},
        }
    )
    write_training_texts(table, str(file))
    return TrainingTexts([file], pad_id=PAD)


def a_loader(
    texts: TrainingTexts, *, rank: int = 0, workers: int = 1, graphs: bool = False
) -> BatchLoader:
    sampler = Sampler(
        texts.lengths_N,
        np.ones(len(texts)),
        batch_size=BATCH,
        micro_batches=MICRO_BATCHES,
        seed=0,
    )
    return BatchLoader(texts, sampler, rank=rank, workers=workers, for_graphs=graphs)


def rows_of(loader: BatchLoader, first: int, number: int) -> list[list[list[int]]]:
    return [[batch.rows_B.tolist() for batch in step] for step in loader.steps(first, number)]


def test_steps_are_those_of_the_order_from_any_one_on(texts: TrainingTexts) -> None:
    loader = a_loader(texts)
    expected = [
        step_GB.tolist() for step_GB, _ in zip(loader.sampler.steps(0), range(9), strict=False)
    ]
    assert rows_of(loader, 0, 9) == expected
    assert rows_of(loader, 5, 4) == expected[5:]


def test_workers_share_each_step_between_them(texts: TrainingTexts) -> None:
    whole = rows_of(a_loader(texts), 0, 4)
    first, second = (rows_of(a_loader(texts, rank=rank, workers=2), 0, 4) for rank in range(2))
    for step, mine, others in zip(whole, first, second, strict=True):
        assert [mine[0], others[0], mine[1]] == step


def test_more_workers_than_micro_batches_are_refused(texts: TrainingTexts) -> None:
    with pytest.raises(ValueError, match="4 workers cannot share 3 micro-batches"):
        next(a_loader(texts, workers=4).steps(0, 1))


def test_batches_are_as_long_as_their_longest_text(texts: TrainingTexts) -> None:
    for step in a_loader(texts).steps(0, 4):
        for batch in step:
            assert batch.input_ids_BL.shape == (BATCH, int(batch.rows_B.max()) + 1)


@pytest.mark.gpu
def test_for_graphs_the_same_texts_come_pinned_and_in_few_lengths(texts: TrainingTexts) -> None:
    plain, graphs = a_loader(texts), a_loader(texts, graphs=True)
    for step, wider in zip(plain.steps(0, 30), graphs.steps(0, 30), strict=True):
        for batch, other in zip(step, wider, strict=True):
            length = batch.input_ids_BL.shape[1]
            width = graph_length(length, longest=NUM_TEXTS)
            assert other.input_ids_BL.is_pinned() and other.input_ids_BL.shape[1] == width
            assert other.input_ids_BL[:, :length].equal(batch.input_ids_BL)
            assert (other.input_ids_BL[:, length:] == PAD).all()
            assert not other.attention_mask_BL[:, length:].any()
            assert other.teacher_BD.equal(batch.teacher_BD)
