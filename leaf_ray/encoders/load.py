"""Loading encoders, with the backend chosen by what the machine has."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from leaf_ray.core.encoding.backend import Backend, needs_cpu
from leaf_ray.core.space.space import Space
from leaf_ray.encoders.choose import Resources, choose
from leaf_ray.encoders.forward import Ids
from leaf_ray.encoders.openvino.compile import computes_in_bf16
from leaf_ray.encoders.openvino.quiet import import_openvino
from leaf_ray.encoders.sentence import Forward, SentenceEncoder
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import resolve_model

if TYPE_CHECKING:
    # Its import takes seconds, which serving replicas can do without.
    from sentence_transformers import SentenceTransformer

# Padding included. On a CPU what a layer hands to the next stays in the cache (int8 is 15 % faster
# than with 4,096); a card wants more texts at work at once, but with 65,536 a window of short ones
# is a single batch, of which more than half is padding.
CPU_BATCH_TOKENS, CUDA_BATCH_TOKENS = 512, 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """All that is needed to load an encoder, small enough to send to any process.

    folder: of a model on the loading machine, or a model id.
    max_length, query_prompt, document_prompt: None takes what the folder says. No text is read
        further than the model has positions.
    threads: CPU threads of the forward pass; 0 takes all cores.
    streams: forward passes at once, which share the threads (OpenVINO): 1 gives a single text's
        vector soonest, 0 is one for each thread and encodes the most texts per second.
    batch_tokens: the token budget of one forward pass, padding included; 0 chooses by device.
    normalize: scale vectors to unit length where the model does not.
    trust_remote_code: run code that comes with the model's folder.
    """

    folder: str
    backend: Backend = "auto"
    max_length: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    threads: int = 0
    streams: int = 1
    batch_tokens: int = 0
    normalize: bool = False
    trust_remote_code: bool = False

    def load(self, *, reference: "SentenceTransformer | None" = None) -> SentenceEncoder:
        """Load the model; seconds, and minutes the first time a model is converted and tried.

        reference: the model itself where it is loaded already, for a torch backend.

        Raises:
            ModelNotFound: `folder` is no model.
            EncodingError: the trial of a backend was ended from outside, or the model's vectors
                depend on the order of texts.
        """
        folder = ModelFolder.read(
            resolve_model(self.folder, trust_remote_code=self.trust_remote_code)
        )
        backend = automatic_backend() if self.backend == "auto" else self.backend
        resources = self._resources(backend)
        chosen = choose(folder, backend, resources, reference=reference)
        forward = chosen.forward
        encoder = SentenceEncoder(
            _scaled(forward) if self.normalize and not folder.normalized else forward,
            Tokenizer(
                folder,
                max_length=self._length(folder),
                trust_remote_code=self.trust_remote_code,
            ),
            name=chosen.backend,
            dimension=forward.dimension,
            prompts=folder.prompts(query=self.query_prompt, document=self.document_prompt),
            batch_tokens=self.batch_tokens
            or (CUDA_BATCH_TOKENS if resources.device == "cuda" else CPU_BATCH_TOKENS),
            streams=chosen.streams,
        )
        encoder.pads, encoder.note = chosen.pads, chosen.note
        return encoder

    def _length(self, folder: ModelFolder) -> int:
        wanted = self.max_length or folder.max_length
        # Behind the last position torch raises, and OpenVINO reads what lies there in memory.
        return min(wanted, folder.positions or wanted)

    def _resources(self, backend: Backend) -> Resources:
        cores = len(os.sched_getaffinity(0))
        threads = min(self.threads or cores, cores)
        return Resources(
            threads=threads,
            streams=self.streams or threads,
            # What stands in for a backend that computes on the CPU computes there too.
            device="cuda" if not needs_cpu(backend) and _has_cuda() else "cpu",
            trust_remote_code=self.trust_remote_code,
        )

    @classmethod
    def for_teacher(
        cls,
        folder: str | Path,
        space: Space,
        *,
        backend: Backend = "auto",
        threads: int = 0,
        streams: int = 1,
        batch_tokens: int = 0,
        trust_remote_code: bool = False,
    ) -> "EncoderSpec":
        """The teacher as its space declares it: that length, those prompts, unit vectors or not."""
        return cls(
            folder=str(folder),
            backend=backend,
            max_length=space.max_length,
            query_prompt=space.query_prompt,
            document_prompt=space.document_prompt,
            threads=threads,
            streams=streams,
            batch_tokens=batch_tokens,
            normalize=space.normalized,
            trust_remote_code=trust_remote_code,
        )


def _scaled(forward: Forward) -> Forward:
    def unit(ids_BL: Ids, mask_BL: Ids) -> npt.NDArray[np.float32]:
        vectors_BD = forward(ids_BL, mask_BL)
        lengths_B1 = np.linalg.norm(vectors_BD, axis=1, keepdims=True)
        scaled_BD: npt.NDArray[np.float32] = vectors_BD / np.maximum(lengths_B1, 1e-12)
        return scaled_BD

    return unit


def automatic_backend() -> Backend:
    """CUDA where there is a card, else OpenVINO, in bfloat16 where the chip computes in it."""
    if _has_cuda():
        return "torch-bf16"
    return "openvino-bf16" if computes_in_bf16(import_openvino().Core()) else "openvino-f32"


def search_device() -> str:
    """Where exact search computes, as torch names it."""
    return "cuda" if _has_cuda() else "cpu"


def _has_cuda() -> bool:
    # Asking torch costs seconds of import; a machine without this file has no NVIDIA driver.
    if not Path("/proc/driver/nvidia/version").exists():
        return False
    import torch

    return torch.cuda.is_available()
