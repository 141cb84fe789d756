"""All backends compute what sentence-transformers computes."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.forward import OpenVINOForward
from leaf_ray.encoders.load import Backend, EncoderSpec
from leaf_ray.models.folder import ModelFolder
from tests.examples.tiny_models import TEXTS


@pytest.fixture(scope="module")
def reference_ND(tiny_teacher: Path) -> np.ndarray:
    model = SentenceTransformer(str(tiny_teacher), device="cpu")
    vectors_ND: np.ndarray = model.encode(list(TEXTS), show_progress_bar=False)
    return vectors_ND


def lowest_cosine(a_ND: np.ndarray, b_ND: np.ndarray) -> float:
    norms_N = np.linalg.norm(a_ND, axis=1) * np.linalg.norm(b_ND, axis=1)
    return float(((a_ND * b_ND).sum(axis=1) / norms_N).min())


def encode(folder: Path, backend: Backend) -> np.ndarray:
    encoder = EncoderSpec(folder=str(folder), backend=backend, threads=1).load()
    return encoder.encode(TEXTS, kind=DOCUMENT)


@pytest.mark.parametrize("backend", ["openvino-f32", "torch-f32"])
def test_float32_backends_agree_with_sentence_transformers(
    tiny_teacher: Path, reference_ND: np.ndarray, backend: Backend
) -> None:
    vectors_ND = encode(tiny_teacher, backend)
    assert vectors_ND.shape == reference_ND.shape
    assert vectors_ND.dtype == np.float32
    assert lowest_cosine(vectors_ND, reference_ND) >= 0.99999
    np.testing.assert_allclose(np.linalg.norm(vectors_ND, axis=1), 1.0, rtol=1e-4)


@pytest.mark.parametrize("backend", ["openvino-bf16", "torch-bf16"])
def test_bfloat16_backends_are_as_near_as_a_probe_asks_for(
    tiny_teacher: Path, reference_ND: np.ndarray, backend: Backend
) -> None:
    assert lowest_cosine(encode(tiny_teacher, backend), reference_ND) >= 0.999


@pytest.fixture(scope="module")
def forward(tiny_teacher: Path) -> OpenVINOForward:
    return OpenVINOForward(ModelFolder.read(tiny_teacher), precision="f32", threads=1)


def a_batch(num_texts: int, length: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    ids_BL = np.random.default_rng(seed).integers(5, 100, (num_texts, length))
    return ids_BL, np.ones_like(ids_BL)


@pytest.mark.parametrize("shape", [(1, 2), (1, 64), (30, 3), (3, 30)])
def test_a_converted_model_takes_batches_of_any_shape(
    forward: OpenVINOForward, shape: tuple[int, int]
) -> None:
    assert forward(*a_batch(*shape, seed=0)).shape == (shape[0], 32)


def test_padding_does_not_change_a_vector(forward: OpenVINOForward) -> None:
    ids_BL, mask_BL = a_batch(2, 7, seed=0)
    padded = (np.pad(ids_BL, ((0, 0), (0, 20))), np.pad(mask_BL, ((0, 0), (0, 20))))
    np.testing.assert_allclose(forward(*padded), forward(ids_BL, mask_BL), atol=1e-6)


def test_vectors_are_kept_when_the_next_batch_is_computed(forward: OpenVINOForward) -> None:
    first_BD = forward(*a_batch(2, 7, seed=0))
    before_BD = first_BD.copy()
    forward(*a_batch(2, 7, seed=1))
    assert np.array_equal(first_BD, before_BD)


def test_threads_that_share_a_model_get_their_own_vectors(forward: OpenVINOForward) -> None:
    batches = [a_batch(4, 5 + seed % 3, seed=seed) for seed in range(40)]
    expected = [forward(*batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda batch: forward(*batch), batches))
    assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.slow
def test_the_first_passes_of_a_process_do_not_wait_for_each_other(tiny_teacher: Path) -> None:
    command = [sys.executable, "-m", "tests.encoders.first_passes", str(tiny_teacher)]
    for _ in range(16):
        subprocess.run(command, check=True, timeout=60)


@pytest.mark.parametrize("streams", [1, 2])
def test_a_pass_that_failed_does_not_spoil_others(
    family: Callable[[str], Path], streams: int
) -> None:
    folder = ModelFolder.read(family("xlm-roberta"))
    # With one thread OpenVINO reads on behind the last position and does not notice.
    forward = OpenVINOForward(folder, precision="f32", threads=2 * streams, streams=streams)
    good, too_long = a_batch(2, 7, seed=0), a_batch(1, 600, seed=0)
    expected_BD = forward(*good)

    def fails(number: int) -> bool:
        if number % 4:
            np.testing.assert_allclose(forward(*good), expected_BD, atol=1e-6)
            return False
        with pytest.raises(RuntimeError, match="indices values of GatherElement exceed"):
            forward(*too_long)
        return True

    with ThreadPoolExecutor(streams) as pool:
        assert sum(pool.map(fails, range(12))) == 3
