"""However texts are put into batches, each comes back in its place."""

import threading
from pathlib import Path

import numpy as np
import pytest

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.errors import EncodingError
from tests.examples.tiny_models import TEXTS

MANY = [f"{text} {number}" for number in range(6) for text in TEXTS]


def load(folder: Path, *, batch_tokens: int, streams: int = 1) -> SentenceEncoder:
    spec = EncoderSpec(
        folder=str(folder),
        backend="openvino-f32",
        threads=streams,
        streams=streams,
        batch_tokens=batch_tokens,
    )
    return spec.load()


@pytest.fixture(scope="module")
def encoder(tiny_teacher: Path) -> SentenceEncoder:
    return load(tiny_teacher, batch_tokens=128)


def test_vectors_are_in_the_order_of_the_texts(encoder: SentenceEncoder) -> None:
    vectors_ND = encoder.encode(MANY, kind=DOCUMENT)
    alone_ND = np.concatenate([encoder.encode([text], kind=DOCUMENT) for text in MANY])
    np.testing.assert_allclose(vectors_ND, alone_ND, atol=1e-6)


@pytest.mark.parametrize("batch_tokens", [1, 100_000])
def test_vectors_do_not_depend_on_the_token_budget(
    encoder: SentenceEncoder, tiny_teacher: Path, batch_tokens: int
) -> None:
    other = load(tiny_teacher, batch_tokens=batch_tokens)
    expected_ND = encoder.encode(MANY, kind=DOCUMENT)
    np.testing.assert_allclose(other.encode(MANY, kind=DOCUMENT), expected_ND, atol=1e-6)


def test_vectors_do_not_depend_on_the_number_of_streams(
    encoder: SentenceEncoder, tiny_teacher: Path
) -> None:
    two = load(tiny_teacher, batch_tokens=64, streams=2)
    expected_ND = encoder.encode(MANY, kind=DOCUMENT)
    for _ in range(5):
        np.testing.assert_allclose(two.encode(MANY, kind=DOCUMENT), expected_ND, atol=1e-6)


def test_streams_work_at_the_same_time(tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = load(tiny_teacher, batch_tokens=64, streams=2)
    forward, together = two._forward, threading.Barrier(2, timeout=10)

    def meet(ids_BL: np.ndarray, mask_BL: np.ndarray) -> np.ndarray:
        together.wait()
        return forward(ids_BL, mask_BL)

    monkeypatch.setattr(two, "_forward", meet)
    assert two.encode(["word " * 60] * 8, kind=DOCUMENT).shape == (8, 32)


def test_batches_hold_every_text_once_with_its_vector(encoder: SentenceEncoder) -> None:
    batches = list(encoder.batches(MANY, kind=DOCUMENT))
    assert len(batches) > 3
    rows = np.concatenate([rows for rows, _ in batches])
    assert sorted(rows) == list(range(len(MANY)))
    vectors_ND = np.concatenate([vectors_BD for _, vectors_BD in batches])
    assert np.array_equal(vectors_ND, encoder.encode(MANY, kind=DOCUMENT)[rows])


def test_batches_keep_to_the_token_budget(encoder: SentenceEncoder) -> None:
    lengths = [len(ids) for ids in encoder.tokenizer(MANY)]
    for rows, _ in encoder.batches(MANY, kind=DOCUMENT):
        assert len(rows) * max(lengths[row] for row in rows) <= 128


def test_no_texts_give_no_vectors_of_the_right_dimension(encoder: SentenceEncoder) -> None:
    assert encoder.encode([], kind=QUERY).shape == (0, 32)


def test_equal_texts_have_equal_vectors(encoder: SentenceEncoder) -> None:
    first_D, other_D, second_D = encoder.encode(["same", "other words", "same"], kind=QUERY)
    np.testing.assert_allclose(first_D, second_D, atol=1e-6)
    assert np.abs(first_D - other_D).max() > 0.01


def counted(encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch, fits: int) -> list[int]:
    """Padded sizes of the passes; those over `fits` tokens fail as they do without memory."""
    sizes: list[int] = []
    forward = encoder._forward

    def limited(ids_BL: np.ndarray, mask_BL: np.ndarray) -> np.ndarray:
        sizes.append(ids_BL.size)
        if ids_BL.size > fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(ids_BL, mask_BL)

    monkeypatch.setattr(encoder, "_forward", limited)
    return sizes


def test_without_memory_the_budget_is_halved_once_and_every_vector_is_exact(
    encoder: SentenceEncoder, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greedy = load(tiny_teacher, batch_tokens=800)
    sizes = counted(greedy, monkeypatch, fits=500)
    texts = ["word " * 20] * 40
    expected_ND = encoder.encode(texts, kind=DOCUMENT)
    np.testing.assert_allclose(greedy.encode(texts, kind=DOCUMENT), expected_ND, atol=1e-6)
    # Several batches of the window did not fit, each of about the old budget.
    assert sum(size > 500 for size in sizes) > 1
    assert 300 <= greedy.batch_tokens <= 400
    sizes.clear()
    greedy.encode(texts, kind=DOCUMENT)
    assert max(sizes) <= 400, "the next window begins with what fits"


@pytest.mark.parametrize("streams", [1, 2])
def test_a_budget_is_halved_until_it_fits(
    encoder: SentenceEncoder, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch, streams: int
) -> None:
    greedy = load(tiny_teacher, batch_tokens=100_000, streams=streams)
    counted(greedy, monkeypatch, fits=100)
    expected_ND = encoder.encode(MANY, kind=DOCUMENT)
    np.testing.assert_allclose(greedy.encode(MANY, kind=DOCUMENT), expected_ND, atol=1e-6)
    assert greedy.batch_tokens <= 100


def test_a_text_that_alone_does_not_fit_is_an_error_of_that_text(
    tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greedy = load(tiny_teacher, batch_tokens=100_000)
    counted(greedy, monkeypatch, fits=40)
    with pytest.raises(EncodingError, match="failed on 1 texts: CUDA out of memory"):
        greedy.encode(["short", "word " * 20], kind=DOCUMENT)


def test_what_else_a_model_fails_with_is_an_encoding_error_that_names_it(
    tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = load(tiny_teacher, batch_tokens=128)

    def fail(ids_BL: np.ndarray, mask_BL: np.ndarray) -> np.ndarray:
        raise RuntimeError("index out of range in self")

    monkeypatch.setattr(broken, "_forward", fail)
    with pytest.raises(EncodingError, match="the model failed on 2 texts: index out of range"):
        broken.encode(["one", "two"], kind=DOCUMENT)
    assert broken.batch_tokens == 128


@pytest.mark.parametrize("window", [1, 5, len(MANY) - 1, len(MANY)])
def test_vectors_do_not_depend_on_the_window(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    expected_ND = encoder.encode(MANY, kind=DOCUMENT)
    monkeypatch.setattr("leaf_ray.encoders.sentence.WINDOW_TEXTS", window)
    np.testing.assert_allclose(encoder.encode(MANY, kind=DOCUMENT), expected_ND, atol=1e-6)
    rows = np.concatenate([rows for rows, _ in encoder.batches(MANY, kind=DOCUMENT)])
    assert sorted(rows) == list(range(len(MANY)))


def test_who_stops_early_leaves_no_thread_behind(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.encoders.sentence.WINDOW_TEXTS", 4)
    batches = encoder.batches(MANY, kind=DOCUMENT)
    next(batches)
    assert any(thread.name.startswith("tokenise") for thread in threading.enumerate())
    batches.close()
    assert not any(thread.name.startswith("tokenise") for thread in threading.enumerate())


def test_ids_give_the_vectors_of_their_texts(encoder: SentenceEncoder) -> None:
    ids = [np.array(row, dtype=np.int32) for row in encoder.tokenizer(MANY)]
    vectors_ND = np.empty((len(MANY), 32), dtype=np.float32)
    for rows, vectors_BD in encoder.batches_of_ids(ids):
        vectors_ND[rows] = vectors_BD
    np.testing.assert_allclose(vectors_ND, encoder.encode(MANY, kind=DOCUMENT), atol=1e-6)


def test_tokens_are_counted_as_the_model_reads_them(encoder: SentenceEncoder) -> None:
    assert encoder.num_tokens(["abc", "", "word " * 200]) == 5 + 2 + 64
    assert encoder.num_tokens([]) == 0
