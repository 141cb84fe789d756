"""Forward passes: padded token ids in, vectors out, on OpenVINO or torch.

Shapes: B = batch, L = tokens, D = dimensions.
"""

import queue
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from leaf_ray.core.encoding.backend import Precision
from leaf_ray.encoders.openvino.compile import compile_openvino
from leaf_ray.encoders.openvino.model import openvino_ir
from leaf_ray.errors import ConfigError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.reference import load_reference

if TYPE_CHECKING:
    # Its import takes seconds, which serving replicas can do without.
    from sentence_transformers import SentenceTransformer

Ids = npt.NDArray[np.int64]
_FIRST_PASS = threading.Lock()


class _Requests:
    """What a model was compiled to, as requests that are idle.

    is_spoiled: a pass failed. OpenVINO then fails on good inputs too, even by a new request.
    """

    def __init__(self, compiled: Any, number: int) -> None:
        self.dimension = int(compiled.output(0).partial_shape[1].get_length())
        self.is_spoiled = False
        self.idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(number):
            self.idle.put(compiled.create_infer_request())


class OpenVINOForward:
    """OpenVINO on the CPU: as many passes at once as there are streams, further calls wait.

    threads: of all streams together. streams: one is the fastest for a single batch; one per thread
        takes 10 % less for many, since no thread waits for another at every layer.
    sha256: the folder's, where it is known already.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        precision: Precision,
        threads: int,
        streams: int = 1,
        trust_remote_code: bool = False,
        sha256: str | None = None,
    ) -> None:
        file = openvino_ir(folder, trust_remote_code=trust_remote_code, sha256=sha256)
        self._compile = partial(
            compile_openvino, file, precision=precision, threads=threads, streams=streams
        )
        self._streams = streams
        self._renewing = threading.Lock()
        self._requests = _Requests(self._compile(), streams)
        self.dimension = self._requests.dimension
        # OpenVINO looks up numpy's interface at a process's first pass, behind a lock that it holds
        # while it waits for Python's: two first passes at once wait for each other forever.
        with _FIRST_PASS:
            one = np.ones((1, 1), dtype=np.int64)
            self(one, one)

    def __call__(self, ids_BL: Ids, mask_BL: Ids) -> npt.NDArray[np.float32]:
        """Encode one padded batch: [B, L] ids and mask -> [B, D]."""
        while True:
            requests = self._sound_requests()
            request = requests.idle.get()
            try:
                output = request.infer([ids_BL, mask_BL], share_inputs=True)
                # Copied, since the request's output buffer is overwritten by the next call.
                return np.array(output[0], dtype=np.float32)
            except Exception:
                with self._renewing:
                    was_spoiled, requests.is_spoiled = requests.is_spoiled, True
                # The first pass that fails is at fault; later ones may have failed because of it.
                if not was_spoiled:
                    raise
            finally:
                requests.idle.put(request)

    def _sound_requests(self) -> _Requests:
        if self._requests.is_spoiled:
            with self._renewing:
                if self._requests.is_spoiled:
                    self._requests = _Requests(self._compile(), self._streams)
        return self._requests


class TorchForward:
    """Torch on a CPU or a CUDA device; the float32 CPU form is the reference for all others.

    One pass at a time: two would need twice the memory. Further calls wait.

    reference: the model itself where it is loaded already, in float32.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        precision: Precision,
        threads: int,
        device: str,
        trust_remote_code: bool = False,
        reference: "SentenceTransformer | None" = None,
    ) -> None:
        import torch

        from leaf_ray.core.encoding.sentence import SentenceVectors

        torch.set_num_threads(threads)
        model = reference
        if model is None:
            model = load_reference(folder.path, device=device, trust_remote_code=trust_remote_code)
        dimension = model.get_embedding_dimension()
        if dimension is None:
            raise ConfigError(
                f"{folder.path} does not say how long its vectors are: name a model whose modules "
                "do (embedding_dimension or out_features in a module's config.json)"
            )
        self.dimension = int(dimension)
        self._model = SentenceVectors(model).eval()
        self._device = device
        self._lock = threading.Lock()
        self.cast(precision)

    def cast(self, precision: Precision) -> None:
        """Compute in a precision from now on. What a lower one has cut off is gone."""
        import torch

        dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[precision]
        with self._lock:
            self._model = self._model.to(dtype)

    def __call__(self, ids_BL: Ids, mask_BL: Ids) -> npt.NDArray[np.float32]:
        """Encode one padded batch: [B, L] ids and mask -> [B, D]."""
        import torch

        with self._lock, torch.inference_mode():
            ids = torch.from_numpy(ids_BL).to(self._device)
            mask = torch.from_numpy(mask_BL).to(self._device)
            vectors_BD: npt.NDArray[np.float32] = self._model(ids, mask).float().cpu().numpy()
        if vectors_BD.shape[1] != self.dimension:
            raise ValueError(
                f"it gives vectors of {vectors_BD.shape[1]} dimensions, and its modules say "
                f"{self.dimension}; mend embedding_dimension or out_features in their config.json"
            )
        return vectors_BD
