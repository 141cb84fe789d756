"""A leaf as an OpenVINO model, with how to compile it.

f32     weights and products in float32
bf16    weights stored in float16, which halves the file; products in bfloat16 where the chip
        computes in it, else in float32
int8    weights of products in int8 (see openvino_int8.py), others in float32; OpenVINO quantizes
        what they are multiplied with as it comes

Shapes: B = batch, L = tokens, D = dimensions.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from leaf_ray.core.encoding.backend import Precision
from leaf_ray.core.space.space import Space
from leaf_ray.encoders.openvino.int8 import GROUP_SIZE, quantize_weights
from leaf_ray.encoders.openvino.model import openvino_ir
from leaf_ray.encoders.openvino.quiet import import_openvino
from leaf_ray.encoders.trial import Trial
from leaf_ray.errors import ConfigError
from leaf_ray.exports.runtime import (
    INPUTS,
    OUTPUT,
    Graph,
    Ids,
    read_export,
    write_beside,
)
from leaf_ray.models.folder import ModelFolder

MODEL_FILE = "model.xml"

# For the fastest, OpenVINO takes bfloat16 where the chip computes in it, and float32 elsewhere. To
# name bfloat16 would ask it of every chip that ever loads the folder.
_FASTEST = {"EXECUTION_MODE_HINT": "PERFORMANCE"}
_COMPILE: dict[Precision, dict[str, Any]] = {
    "f32": {"INFERENCE_PRECISION_HINT": "f32"},
    "bf16": _FASTEST,
    "int8": {**_FASTEST, "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP_SIZE},
}


def write_openvino(leaf: Path, space: Space, into: Path, *, precision: Precision) -> None:
    """Write model.xml and model.bin: [B, L] int64 ids and mask in, [B, D] float32 out.

    Raises:
        NotTraced: OpenVINO cannot convert the leaf.
        ConfigError: it converts the leaf and does not compute it rightly.
    """
    openvino = import_openvino()
    folder = ModelFolder.read(leaf)
    file = openvino_ir(folder)
    # Before it is computed in this process, which some models would end.
    if fault := Trial(folder, threads=len(os.sched_getaffinity(0))).openvino(precision):
        raise ConfigError(
            f"openvino-{precision} {fault}, so {leaf} is not exported to it: export it to "
            "sentence-transformers, which computes any model"
        )
    model = openvino.Core().read_model(file)
    if precision == "int8":
        quantize_weights(model)
    model.output(0).set_names({OUTPUT})
    openvino.save_model(model, into / MODEL_FILE, compress_to_fp16=precision == "bf16")
    compiling = {"device": "CPU", "config": _COMPILE[precision]}
    write_beside(folder, space, into, format="openvino", precision=precision, compile=compiling)


def openvino_graph(folder: Path) -> Graph:
    """The graph of an exported folder, compiled as its export.json says."""
    wanted = read_export(folder)["compile"]
    core = import_openvino().Core()
    compiled = core.compile_model(folder / MODEL_FILE, wanted["device"], wanted["config"])

    def run(ids_BL: Ids, mask_BL: Ids) -> npt.NDArray[np.float32]:
        outputs = compiled(dict(zip(INPUTS, (ids_BL, mask_BL), strict=True)))
        return np.array(outputs[OUTPUT], dtype=np.float32)

    return run
