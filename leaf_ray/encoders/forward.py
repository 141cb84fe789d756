"""Forward passes: padded token ids in, vectors out, on OpenVINO or torch.

Shapes: B = batch, L = tokens, D = dimensions.
"""

import threading
from typing import Literal

import numpy as np
import numpy.typing as npt

from leaf_ray.encoders.folder import ModelFolder
from leaf_ray.encoders.openvino_ir import openvino_ir
from leaf_ray.encoders.openvino_quiet import import_openvino
from leaf_ray.encoders.reference import load_reference
from leaf_ray.encoders.tokenizer import Ids

Precision = Literal["f32", "bf16"]


class OpenVINOForward:
    """OpenVINO on the CPU; calls from several threads wait for each other."""

    def __init__(self, folder: ModelFolder, *, precision: Precision, threads: int) -> None:
        openvino = import_openvino()
        model = openvino.Core().compile_model(
            openvino_ir(folder),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": precision,
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
            },
        )
        self.dimension = int(model.output(0).partial_shape[1].get_length())
        self._request = model.create_infer_request()
        self._lock = threading.Lock()

    def __call__(self, ids_BL: Ids, mask_BL: Ids) -> npt.NDArray[np.float32]:
        """Encode one padded batch: [B, L] ids and mask -> [B, D]."""
        # Copied, since the request's output buffer is overwritten by the next call.
        with self._lock:
            output = self._request.infer([ids_BL, mask_BL], share_inputs=True)
            return np.array(output[0], dtype=np.float32)


class TorchForward:
    """Torch on a CPU or a CUDA device; the float32 CPU form is the reference for all others."""

    def __init__(
        self, folder: ModelFolder, *, precision: Precision, threads: int, device: str
    ) -> None:
        import torch

        from leaf_ray.core.sentence import SentenceVectors

        torch.set_num_threads(threads)
        dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[precision]
        model = load_reference(folder.path, device=device)
        dimension = model.get_embedding_dimension()
        if dimension is None:
            raise ValueError(f"{folder.path} does not say how long its vectors are")
        self.dimension = int(dimension)
        self._model = SentenceVectors(model).to(dtype).eval()
        self._device = device

    def __call__(self, ids_BL: Ids, mask_BL: Ids) -> npt.NDArray[np.float32]:
        """Encode one padded batch: [B, L] ids and mask -> [B, D]."""
        import torch

        with torch.inference_mode():
            ids = torch.from_numpy(ids_BL).to(self._device)
            mask = torch.from_numpy(mask_BL).to(self._device)
            vectors: npt.NDArray[np.float32] = self._model(ids, mask).float().cpu().numpy()
        return vectors
