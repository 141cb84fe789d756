"""How an encoder is computed: a library, a device by what the machine has, and a precision."""

from typing import Literal

Backend = Literal[
    "auto",
    "openvino-f32",
    "openvino-bf16",
    "openvino-int8",
    "torch-f32",
    "torch-bf16",
    "torch-f16",
]
Precision = Literal["f32", "bf16", "f16", "int8"]

# The lowest cosine to float32 torch on the probe's texts that a precision may show. What is
# wrong (another pooling, prompt or model) shows as 0.9 and less.
LOWEST_COSINE: dict[Precision, float] = {"f32": 0.99999, "bf16": 0.999, "f16": 0.9999, "int8": 0.99}


def precision_of(backend: str) -> Precision:
    """The precision that a backend's name ends with."""
    name = backend.rpartition("-")[2]
    precision: Precision = next(known for known in LOWEST_COSINE if known == name)
    return precision


def stand_ins(backend: str, *, in_bf16: bool) -> tuple[Backend, ...]:
    """Backends that may take over where one cannot compute a model, the fastest first.

    Each is as exact as `backend` or more. The last is float32 torch, which all are compared with.

    in_bf16: whether this CPU multiplies faster in bfloat16 than in float32.
    """
    if backend.startswith("torch") or precision_of(backend) == "f32":
        return () if backend == "torch-f32" else ("torch-f32",)
    in_bfloat16: tuple[Backend, ...] = ("openvino-bf16", "torch-bf16") if in_bf16 else ()
    every: tuple[Backend, ...] = (*in_bfloat16, "openvino-f32", "torch-f32")
    return tuple(other for other in every if other != backend)


def multiplies_in_bf16() -> bool:
    """Whether this CPU multiplies matrices faster in bfloat16 than in float32."""
    # Imported here: who asks for a name only need not wait for it.
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported())


def needs_cpu(backend: str) -> bool:
    """Whether a backend computes on the CPU wherever it runs."""
    return backend.startswith("openvino")
