"""bfloat16 matrix products over float32 weights."""

import torch

from leaf_ray.core.encoding.backend import multiplies_in_bf16


def matrix_dtype(device: torch.device, precision: str) -> torch.dtype:
    """What matrices are multiplied in; on a GPU, what passes compute in.

    precision: "bfloat16", "float32", or "auto" for bfloat16 where the device is made for it.
    """
    if precision == "auto":
        on_cuda = device.type == "cuda"
        # Older cards say that they can, and emulate it slowly.
        cuda_can = on_cuda and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bfloat16" if (cuda_can if on_cuda else multiplies_in_bf16()) else "float32"
    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[precision]


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """A context in which matrices are multiplied in `precision`, see `matrix_dtype`."""
    enabled = matrix_dtype(device, precision) == torch.bfloat16
    # Without its cache: that keeps bfloat16 copies of the weights for as long as the context is
    # open, so that every step after the first would compute with the first one's weights.
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled, cache_enabled=False)
