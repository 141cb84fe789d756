"""A leaf as one ONNX file, for ONNX Runtime on any machine and in any language.

Shapes: B = batch, L = tokens, D = dimensions.
"""

import io
import logging
import warnings
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leaf_ray.core.failures.reason import one_line
from leaf_ray.core.space.space import Space
from leaf_ray.encoders.memory import is_passing
from leaf_ray.errors import ConfigError
from leaf_ray.exports.runtime import INPUTS, OUTPUT, Graph, Ids, write_beside
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.reference import load_reference

MODEL_FILE = "model.onnx"


def write_onnx(leaf: Path, space: Space, into: Path) -> None:
    """Write model.onnx: [B, L] int64 ids and mask in, [B, D] float32 out; B and L are free.

    Raises:
        ConfigError: a package that the conversion or its check needs is not installed, or the leaf
            cannot be traced.
    """
    require_onnx()
    import torch

    from leaf_ray.core.encoding.sentence import SentenceVectors

    model = SentenceVectors(load_reference(leaf)).eval()
    # Two texts of seven tokens: an axis of 1 would be taken for a fixed one.
    ids = torch.randint(5, 100, (2, 7))
    free = {0: "batch", 1: "length"}
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with torch.no_grad(), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            # It warns of branches on a shape and of missing libraries; the check after it decides.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                (ids, torch.ones_like(ids)),
                into / MODEL_FILE,
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_shapes=dict.fromkeys(INPUTS, free),
                dynamo=True,
                # One file: a leaf is far below the format's limit of 2 GB.
                external_data=False,
                verbose=False,
            )
    except Exception as error:
        if is_passing(error):
            raise
        raise ConfigError(
            f"torch cannot write {leaf} as ONNX ({one_line(error.__cause__ or error)}): export it "
            "to sentence-transformers, which computes any model"
        ) from error
    finally:
        exporter.setLevel(level)
    write_beside(ModelFolder.read(leaf), space, into, format="onnx", precision="f32")


def require_onnx() -> None:
    """Refuse before any work is done.

    Raises:
        ConfigError: a package is not installed.
    """
    missing = [name for name in ("onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"exporting to ONNX needs {' and '.join(missing)}, which is not installed here: "
            "`pip install 'leaf-ray[onnx]'`, or export to openvino"
        )


def onnx_graph(folder: Path) -> Graph:
    """The graph of an exported folder, run by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(folder / MODEL_FILE), providers=["CPUExecutionProvider"]
    )

    def run(ids_BL: Ids, mask_BL: Ids) -> npt.NDArray[np.float32]:
        inputs = dict(zip(INPUTS, (ids_BL, mask_BL), strict=True))
        vectors_BD: npt.NDArray[np.float32] = session.run([OUTPUT], inputs)[0]
        return vectors_BD

    return run
