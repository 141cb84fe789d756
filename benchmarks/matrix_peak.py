"""What the chip multiplies per second, and how many of a model's tokens that is at most."""

import json
import time
from pathlib import Path

import torch

# Tokens of a batch, and the two widest products of a base-size encoder.
SHAPES = ((4096, 768, 3072), (4096, 3072, 768), (4096, 768, 768), (8192, 1024, 4096))
SECONDS = 2.0


def peak_flops(dtype: torch.dtype) -> float:
    """FLOP/s of the fastest of SHAPES, all cores, weights as a Linear has them."""
    return max(_flops(shape, dtype) for shape in SHAPES)


def _flops(shape: tuple[int, int, int], dtype: torch.dtype) -> float:
    tokens, inputs, outputs = shape
    layer = torch.nn.Linear(inputs, outputs, bias=False, dtype=dtype)
    x = torch.randn(tokens, inputs, dtype=dtype)
    with torch.inference_mode():
        layer(x)
        times = []
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            began = time.perf_counter()
            layer(x)
            times.append(time.perf_counter() - began)
    return 2.0 * tokens * inputs * outputs / min(times)


def flops_per_token(folder: Path, length: float) -> float:
    """FLOP of one token of a BERT-like encoder in a text of `length` tokens, products only."""
    config = json.loads((folder / "config.json").read_text())
    width, inner, layers = (
        config[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers")
    )
    projections = 4 * width * width + 2 * width * inner
    attention = 2 * length * width
    return 2.0 * layers * (projections + attention)
