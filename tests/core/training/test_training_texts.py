"""Training texts are read out of their files as they were written, each with its own vector."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.training_texts import TrainingTexts, write_training_texts

PAD, D = 7, 3
LENGTHS = np.random.default_rng(0).integers(1, 30, 60)
KINDS, SOURCES = (QUERY, DOCUMENT, DOCUMENT), ("wiki", "code")


def a_table(numbers: Sequence[int], *, dtype: type = np.float32) -> pa.Table:
    """Text number n has n in every token and in its vector, so that each can be recognised."""
    ids = [[100 + n] * int(LENGTHS[n]) for n in numbers]
    vectors = pa.array(np.repeat(np.array(numbers, dtype=dtype), D))
    return pa.table(
        {
            "ids": pa.array(ids, pa.list_(pa.int32())),
            "vector": pa.FixedSizeListArray.from_arrays(vectors, D),
            "id": pa.array([f"text-{n}" for n in numbers], pa.string()),
            "kind": pa.array([KINDS[n % 3] for n in numbers], pa.string()),
            "source": pa.array([SOURCES[n % 2] for n in numbers], pa.string()),
        }
    )


def written(folder: Path, sizes: Iterable[int], *, dtype: type = np.float32) -> TrainingTexts:
    """Texts 0, 1, 2, ... in files of these sizes."""
    paths, start = [], 0
    for number, size in enumerate(sizes):
        paths.append(folder / f"train-{number}.arrow")
        table = a_table(range(start, start + size), dtype=dtype)
        write_training_texts(table, str(paths[-1]))
        start += size
    return TrainingTexts(paths, pad_id=PAD)


@pytest.fixture
def texts(tmp_path: Path) -> TrainingTexts:
    """Twelve texts, in files of seven, none and five."""
    return written(tmp_path, (7, 0, 5))


def texts_in(batch: Batch) -> list[int]:
    return [int(first) - 100 for first in batch.input_ids_BL[:, 0]]


def assert_whole(batch: Batch, numbers: Sequence[int]) -> None:
    """Each row is its text, padded, with its vector and its number."""
    assert batch.rows_B.tolist() == list(numbers)
    assert batch.teacher_BD.tolist() == [[float(n)] * D for n in numbers]
    for tokens, mask, n in zip(
        batch.input_ids_BL.tolist(), batch.attention_mask_BL.tolist(), numbers, strict=True
    ):
        length = int(LENGTHS[n])
        assert tokens[:length] == [100 + n] * length
        assert set(tokens[length:]) <= {PAD}
        assert mask == [1] * length + [0] * (len(tokens) - length)


def test_a_batch_is_padded_on_the_right_to_its_longest_text(tmp_path: Path) -> None:
    table = a_table([0, 1]).set_column(0, "ids", pa.array([[1, 2, 3], [4]], pa.list_(pa.int32())))
    write_training_texts(table, str(tmp_path / "file"))
    batch = TrainingTexts([tmp_path / "file"], pad_id=PAD).take(np.array([1, 0]))
    assert batch.input_ids_BL.tolist() == [[4, PAD, PAD], [1, 2, 3]]
    assert batch.attention_mask_BL.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert batch.input_ids_BL.dtype == batch.attention_mask_BL.dtype == torch.int64


@settings(deadline=None)  # Writes files.
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_every_text_is_read_from_whichever_file_it_is_in(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], random: Random
) -> None:
    texts = written(tmp_path_factory.mktemp("texts"), sizes)
    assert len(texts) == sum(sizes)
    rows = list(range(len(texts)))
    random.shuffle(rows)
    if rows:
        assert_whole(texts.take(np.array(rows)), rows)
        assert texts.lengths_N.tolist() == LENGTHS[: len(texts)].tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_vectors_are_given_in_float32_however_they_are_stored(tmp_path: Path, dtype: type) -> None:
    texts = written(tmp_path, (7, 5), dtype=dtype)
    rows = np.array([11, 0, 6, 7])
    assert texts.take(rows).teacher_BD.dtype == torch.float32
    assert texts.vectors(rows).dtype == np.float32
    assert texts.vectors(rows)[:, 0].tolist() == rows.tolist()


def test_a_text_may_come_twice_in_a_batch(texts: TrainingTexts) -> None:
    assert_whole(texts.take(np.array([8, 2, 8])), [8, 2, 8])


def test_a_batch_that_is_changed_changes_no_text(texts: TrainingTexts) -> None:
    batch = texts.take(np.array([3]))
    for tensor in (batch.input_ids_BL, batch.teacher_BD):
        tensor.zero_()
    assert_whole(texts.take(np.array([3])), [3])


def test_files_are_mapped_and_not_read_into_memory(tmp_path: Path) -> None:
    write_training_texts(pa.concat_tables([a_table(range(60))] * 400), str(tmp_path / "file"))
    before = pa.total_allocated_bytes()
    texts = TrainingTexts([tmp_path / "file"], pad_id=PAD)
    assert len(texts.take(np.arange(8)).rows_B) == 8
    assert pa.total_allocated_bytes() - before < 0.01 * (tmp_path / "file").stat().st_size


def test_a_table_of_many_pieces_is_written_as_one(tmp_path: Path) -> None:
    table = pa.concat_tables([a_table(range(4)), a_table([]), a_table(range(4, 9))])
    write_training_texts(table, str(tmp_path / "file"))
    assert_whole(TrainingTexts([tmp_path / "file"], pad_id=PAD).take(np.arange(9)), range(9))


def test_a_part_of_a_table_is_written_without_the_rest(tmp_path: Path) -> None:
    write_training_texts(a_table(range(9)).slice(4, 3), str(tmp_path / "file"))
    texts = TrainingTexts([tmp_path / "file"], pad_id=PAD)
    batch = texts.take(np.arange(len(texts)))
    assert texts_in(batch) == batch.teacher_BD[:, 0].tolist() == [4, 5, 6]
    assert texts.lengths_N.tolist() == LENGTHS[4:7].tolist()


def test_a_stream_gets_what_a_file_gets(tmp_path: Path) -> None:
    write_training_texts(a_table(range(5)), str(tmp_path / "file"))
    stream = io.BytesIO()
    write_training_texts(a_table(range(5)), pa.PythonFile(stream, mode="w"))
    assert stream.getvalue() == (tmp_path / "file").read_bytes()


def test_by_length_gives_every_row_once_shortest_first_and_says_which(
    texts: TrainingTexts,
) -> None:
    rows = np.array([11, 3, 8, 0, 5, 6, 1])
    batches = list(texts.by_length(rows, batch_size=3, batch_tokens=1000))
    assert [len(batch.rows_B) for batch in batches] == [3, 3, 1]
    for batch in batches:
        assert_whole(batch, batch.rows_B.tolist())
    given_rows = np.concatenate([batch.rows_B for batch in batches])
    assert sorted(given_rows) == sorted(rows)
    assert (np.diff(LENGTHS[given_rows]) >= 0).all()


@pytest.mark.parametrize("batch_tokens", [1, 9, 20])
def test_by_length_keeps_to_a_number_of_tokens_and_leaves_no_text_out(
    texts: TrainingTexts, batch_tokens: int
) -> None:
    batches = list(texts.by_length(np.arange(12), batch_size=5, batch_tokens=batch_tokens))
    for batch in batches:
        assert batch.input_ids_BL.numel() <= batch_tokens or len(batch.rows_B) == 1
    assert sorted(np.concatenate([batch.rows_B for batch in batches])) == list(range(12))


def test_a_text_comes_as_often_as_its_kind_and_its_source_say(texts: TrainingTexts) -> None:
    expected_N = texts.expected_N(of_kind={DOCUMENT: 0.5}, of_source={"wiki": 3.0})
    by_kind = [0.5 if KINDS[n % 3] == DOCUMENT else 1.0 for n in range(12)]
    by_source = [3.0 if SOURCES[n % 2] == "wiki" else 1.0 for n in range(12)]
    assert expected_N.tolist() == np.multiply(by_kind, by_source).tolist()


def test_without_weights_each_text_comes_once_and_with_zero_never(texts: TrainingTexts) -> None:
    assert texts.expected_N(of_kind={}, of_source={}).tolist() == [1.0] * 12
    never = texts.expected_N(of_kind={QUERY: 0.0, DOCUMENT: 0.0}, of_source={"wiki": 2.0})
    assert never.tolist() == [0.0] * 12


def test_queries_are_told_from_documents(texts: TrainingTexts) -> None:
    assert texts.is_query_N.tolist() == [n % 3 == 0 for n in range(12)]


def test_every_text_has_its_name(texts: TrainingTexts) -> None:
    assert [texts.name(row) for row in range(12)] == [f"text-{n}" for n in range(12)]


def test_a_sample_is_random_without_repetition_and_always_the_same(texts: TrainingTexts) -> None:
    rows = texts.sample(8).tolist()
    assert len(set(rows)) == 8
    assert set(rows) <= set(range(12))
    assert rows != sorted(rows)
    assert rows == texts.sample(8).tolist()


def test_a_sample_of_more_texts_than_there_are_is_all_of_them(texts: TrainingTexts) -> None:
    assert sorted(texts.sample(100)) == list(range(12))


def test_a_sample_may_be_taken_among_some(texts: TrainingTexts) -> None:
    queries = texts.sample(3, among=texts.is_query_N)
    assert len(queries) == 3
    assert texts.is_query_N[queries].all()
    assert sorted(texts.sample(100, among=texts.is_query_N)) == [0, 3, 6, 9]


def test_files_without_texts_hold_none(tmp_path: Path) -> None:
    texts = written(tmp_path, (0, 0))
    assert len(texts) == len(texts.sample(5)) == 0
    assert list(texts.by_length(texts.sample(5), batch_size=4, batch_tokens=1000)) == []
    assert texts.expected_N(of_kind={}, of_source={}).tolist() == []
    assert len(texts.lengths_N) == len(texts.is_query_N) == 0
