"""However texts are put into batches, each comes back in its place."""

from pathlib import Path

import numpy as np
import pytest

from leaf_ray.core.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.sentence import SentenceEncoder
from tests.encoders.models import TEXTS

MANY = [f"{text} {number}" for number in range(6) for text in TEXTS]


def load(folder: Path, *, batch_tokens: int) -> SentenceEncoder:
    spec = EncoderSpec(
        folder=str(folder), backend="openvino-f32", threads=1, batch_tokens=batch_tokens
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
