"""int8 weights are near to the weights they replace, and so are the vectors."""

import json
from pathlib import Path

import numpy as np
import pytest

from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.openvino.int8 import quantize_weights
from leaf_ray.encoders.openvino.model import openvino_ir
from leaf_ray.encoders.openvino.quiet import import_openvino
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import resolve_model

# I = inputs, O = outputs, B = rows.


def products(weight: np.ndarray, *, outputs_first: bool) -> np.ndarray:
    """The weights [I, O] as a model that was quantized multiplies by them."""
    openvino = import_openvino()
    from openvino import opset13

    inputs = weight.shape[1 if outputs_first else 0]
    x_BI = opset13.parameter([-1, inputs], dtype=openvino.Type.f32)
    product = opset13.matmul(
        x_BI, opset13.constant(weight), transpose_a=False, transpose_b=outputs_first
    )
    model = openvino.Model([product], [x_BI], "one product")
    assert quantize_weights(model) == 1
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    compiled = openvino.Core().compile_model(model, "CPU", exact)
    result: np.ndarray = compiled([np.eye(inputs, dtype=np.float32)])[0]
    return result


@pytest.mark.parametrize("outputs_first", [True, False], ids=["[O, I]", "[I, O]"])
def test_a_weight_is_kept_to_half_a_step_of_its_output(outputs_first: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(0)
    # Outputs of very different sizes: one scale for all would lose the small ones.
    weight_OI = rng.standard_normal((5, 8)).astype(np.float32) * 10.0 ** np.arange(5)[:, None]
    weight_OI = weight_OI.astype(np.float32)
    weight = weight_OI if outputs_first else np.ascontiguousarray(weight_OI.T)
    found_IO = products(weight, outputs_first=outputs_first)
    steps_O = np.abs(weight_OI).max(axis=1) / 127
    assert (np.abs(found_IO - weight_OI.T) <= 0.501 * steps_O).all()


def test_weights_of_zeros_stay_zeros() -> None:
    weight_OI = np.array([[0, 0, 0], [1, -2, 0]], dtype=np.float32)
    found_IO = products(weight_OI, outputs_first=True)
    assert not found_IO[:, 0].any()
    assert np.isfinite(found_IO).all()
    np.testing.assert_allclose(found_IO[:, 1], weight_OI[1], atol=2 / 127)


def cosines(folder: Path, texts: list[str]) -> np.ndarray:
    """Of int8 to float32 on OpenVINO, by text."""
    exact_ND, int8_ND = (
        EncoderSpec(folder=str(folder), backend=backend, threads=2)
        .load()
        .encode(texts, kind=DOCUMENT)
        for backend in ("openvino-f32", "openvino-int8")
    )
    assert not np.array_equal(exact_ND, int8_ND)
    norms_N = np.linalg.norm(exact_ND, axis=1) * np.linalg.norm(int8_ND, axis=1)
    return np.einsum("nd,nd->n", exact_ND, int8_ND) / norms_N


@pytest.fixture(scope="module")
def documents(shared_data: Path) -> list[str]:
    lines = (shared_data / "beir/adi/corpus.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines][:40]


def test_vectors_are_near_those_in_float32(tiny_teacher: Path, documents: list[str]) -> None:
    assert cosines(tiny_teacher, documents).min() >= 0.99


@pytest.mark.models
def test_vectors_of_a_real_model_are_near_those_in_float32(documents: list[str]) -> None:
    model = resolve_model("sentence-transformers/all-MiniLM-L6-v2")
    assert cosines(model, documents).min() >= 0.99


def test_every_product_with_weights_is_replaced_once(tiny_teacher: Path) -> None:
    model = import_openvino().Core().read_model(openvino_ir(ModelFolder.read(tiny_teacher)))
    # In each of two layers: query, key, value, output, and two of the feed-forward part.
    assert quantize_weights(model) == 12
    assert quantize_weights(model) == 0
