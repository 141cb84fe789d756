"""ONNX Runtime and OpenVINO give the leaf's vectors from what lies in the folder alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from leaf_ray.core.encoding.backend import LOWEST_COSINE, Precision
from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.openvino.int8 import GROUP_SIZE
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.errors import ConfigError
from leaf_ray.exports.onnx import onnx_graph, require_onnx, write_onnx
from leaf_ray.exports.openvino import openvino_graph, write_openvino
from leaf_ray.exports.runtime import ExportedLeaf, Graph
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.models.resolve import resolve_model
from tests.examples.tiny_models import TEXTS
from tests.exports.exports import cosines, space_of, write_leaf

FORMS: list[tuple[str, Precision]] = [
    ("onnx", "f32"),
    ("openvino", "f32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
]


def write(leaf: Path, space: Space, into: Path, form: str, precision: Precision) -> Graph:
    into.mkdir()
    if form == "onnx":
        write_onnx(leaf, space, into)
        return onnx_graph(into)
    write_openvino(leaf, space, into, precision=precision)
    return openvino_graph(into)


@pytest.fixture(scope="module", params=FORMS, ids=lambda form: "-".join(form))
def exported(
    request: pytest.FixtureRequest,
    leaf_of_tiny: Path,
    tiny_space: Space,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Graph, Precision]:
    form, precision = request.param
    folder = tmp_path_factory.mktemp("exports") / f"{form}-{precision}"
    return folder, write(leaf_of_tiny, tiny_space, folder, form, precision), precision


Exported = tuple[Path, Graph, Precision]


@pytest.mark.parametrize("kind", [QUERY, DOCUMENT])
def test_the_vectors_are_the_leafs(
    exported: Exported, original: SentenceEncoder, kind: str
) -> None:
    folder, graph, precision = exported
    found_ND = ExportedLeaf(folder, graph).encode(TEXTS, kind=kind)
    assert found_ND.dtype == np.float32
    assert cosines(found_ND, original.encode(TEXTS, kind=kind)).min() >= LOWEST_COSINE[precision]


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 3), (5, 2), (3, 40)])
def test_batch_and_length_are_free(
    exported: Exported, original: SentenceEncoder, batch: int, length: int
) -> None:
    _, graph, precision = exported
    ids_BL = np.random.default_rng(0).integers(5, 100, (batch, length))
    mask_BL = np.ones_like(ids_BL)
    mask_BL[0, max(1, length - 1) :] = 0
    found_BD = graph(ids_BL, mask_BL)
    assert (found_BD.shape, found_BD.dtype) == ((batch, 32), np.float32)
    expected_BD = original._forward(ids_BL, mask_BL)
    assert cosines(found_BD, expected_BD).min() >= LOWEST_COSINE[precision]


def test_the_tokenizer_cuts_and_pads_by_itself(exported: Exported, tiny_space: Space) -> None:
    folder, _, _ = exported
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    long, short = tokenizer.encode_batch(["word " * 200, "A"])
    assert len(long.ids) == len(short.ids) == tiny_space.max_length
    assert (sum(long.attention_mask), sum(short.attention_mask)) == (tiny_space.max_length, 3)


def test_export_json_says_what_a_reader_has_to_know(exported: Exported, tiny_space: Space) -> None:
    folder, _, precision = exported
    said = json.loads((folder / "export.json").read_text())
    assert said["prompts"] == {"query": "query: ", "document": "text: "}
    assert (said["dimension"], said["max_length"], said["precision"]) == (32, 40, precision)
    assert (said["space"], said["normalized"]) == (tiny_space.fingerprint, True)
    if said["format"] == "openvino":
        config = said["compile"]["config"]
        assert config.get("DYNAMIC_QUANTIZATION_GROUP_SIZE") == (
            GROUP_SIZE if precision == "int8" else None
        )
        # Only float32 is asked of every chip; bfloat16 where it computes in it.
        hint = "INFERENCE_PRECISION_HINT" if precision == "f32" else "EXECUTION_MODE_HINT"
        assert config[hint] == ("f32" if precision == "f32" else "PERFORMANCE")


def test_smaller_precisions_are_smaller_files(
    leaf_of_tiny: Path, tiny_space: Space, tmp_path: Path
) -> None:
    sizes = {}
    for precision in ("f32", "bf16", "int8"):
        write(leaf_of_tiny, tiny_space, tmp_path / precision, "openvino", precision)
        sizes[precision] = (tmp_path / precision / "model.bin").stat().st_size
    assert sizes["bf16"] < 0.6 * sizes["f32"]
    assert sizes["int8"] < 0.8 * sizes["f32"]


def test_onnx_is_one_file_with_names_for_its_axes(
    leaf_of_tiny: Path, tiny_space: Space, tmp_path: Path
) -> None:
    import onnxruntime

    write(leaf_of_tiny, tiny_space, tmp_path / "onnx", "onnx", "f32")
    assert sorted(f.name for f in (tmp_path / "onnx").iterdir()) == [
        "export.json",
        "model.onnx",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx/model.onnx"))
    inputs = {node.name: (node.type, node.shape) for node in session.get_inputs()}
    assert inputs == dict.fromkeys(
        ("input_ids", "attention_mask"), ("tensor(int64)", ["batch", "length"])
    )
    (output,) = session.get_outputs()
    assert (output.name, output.type) == ("sentence_embedding", "tensor(float)")
    assert output.shape == ["batch", 32]


def test_a_package_that_is_not_there_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("leaf_ray.exports.onnx.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs onnxscript and .*leaf-ray\[onnx\]"):
        require_onnx()


@pytest.mark.models
@pytest.mark.parametrize(("form", "precision"), [("onnx", "f32"), ("openvino", "int8")])
def test_a_leaf_from_the_real_encoder_keeps_its_vectors(
    tiny_teacher: Path, tmp_path: Path, form: str, precision: Precision
) -> None:
    space = space_of(tiny_teacher)
    init = resolve_model("sentence-transformers/all-MiniLM-L6-v2")
    leaf = write_leaf(init, space, tmp_path / "leaf")
    graph = write(leaf, space, tmp_path / form, form, precision)
    exact = EncoderSpec(folder=str(leaf), backend="torch-f32").load()
    found_ND = ExportedLeaf(tmp_path / form, graph).encode(TEXTS, kind=QUERY)
    assert cosines(found_ND, exact.encode(TEXTS, kind=QUERY)).min() >= LOWEST_COSINE[precision]


@pytest.fixture
def leaf_of_family(family: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A leaf's folder whose model is of a family, in the space of itself."""

    def made(name: str) -> Path:
        model = family(name)
        return write_leaf(model, space_of(model), tmp_path / name)

    return made


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gemma3", r"^OpenVINO cannot convert .*gemma3 \(.+\): compute it with torch"),
        ("modernbert", "gives a padded text a vector that is not finite, so .* is not exported"),
    ],
)
def test_a_leaf_that_openvino_cannot_compute_is_not_exported_to_it(
    leaf_of_family: Callable[[str], Path], tmp_path: Path, name: str, said: str
) -> None:
    leaf = leaf_of_family(name)
    into = tmp_path / "export"
    into.mkdir()
    with pytest.raises(ConfigError, match=said) as refused:
        write_openvino(leaf, leaf_space(leaf), into, precision="f32")
    assert len(str(refused.value).splitlines()) == 1
    assert list(into.iterdir()) == []


def test_a_leaf_that_cannot_be_traced_is_not_exported_to_onnx(
    leaf_of_tiny: Path, tiny_space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Any, *_: Any) -> None:
        raise ValueError("data-dependent branch\nand pages of internals")

    monkeypatch.setattr("leaf_ray.core.encoding.sentence.SentenceVectors.forward", fails)
    with pytest.raises(ConfigError, match=r"cannot write .* as ONNX \(.+\): export it") as refused:
        write_onnx(leaf_of_tiny, tiny_space, tmp_path)
    assert len(str(refused.value).splitlines()) == 1
