"""Converted models, compiled for this machine's CPU in a precision."""

from pathlib import Path
from typing import Any

from leaf_ray.core.encoding.backend import Precision
from leaf_ray.encoders.openvino.int8 import GROUP_SIZE, quantize_weights
from leaf_ray.encoders.openvino.quiet import import_openvino


def compile_openvino(file: Path, *, precision: Precision, threads: int, streams: int = 1) -> Any:
    """The openvino.CompiledModel of a float32 model.xml."""
    core = import_openvino().Core()
    options: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": _hint(core, precision),
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
    }
    model = core.read_model(file)
    if precision == "int8":
        quantize_weights(model)
        options["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = GROUP_SIZE
    return core.compile_model(model, "CPU", options)


def computes_in_bf16(core: Any) -> bool:
    """Whether this machine's CPU multiplies bfloat16 faster than float32. core: openvino.Core."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _hint(core: Any, precision: Precision) -> str:
    """The precision of activations. int8 is a property of the weights, and products quantize."""
    if precision != "int8":
        return precision
    return "bf16" if computes_in_bf16(core) else "f32"
