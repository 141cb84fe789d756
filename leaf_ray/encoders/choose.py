"""The choice of the backend that computes a model: the configured one, or a stand-in for it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from leaf_ray.core.encoding.backend import Backend, needs_cpu, precision_of, stand_ins
from leaf_ray.encoders.forward import OpenVINOForward, TorchForward
from leaf_ray.encoders.openvino.compile import computes_in_bf16
from leaf_ray.encoders.openvino.quiet import import_openvino
from leaf_ray.encoders.trial import Trial
from leaf_ray.models.folder import ModelFolder

if TYPE_CHECKING:
    # Its import takes seconds, which serving replicas can do without.
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)
Passes = OpenVINOForward | TorchForward


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The resources that a forward pass may use.

    threads: how many CPU threads. streams: how many passes at once on OpenVINO; torch makes one.
    device: where torch computes. trust_remote_code: run code that comes with the model's folder.
    """

    threads: int
    streams: int
    device: str
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A forward pass and its backend.

    pads: whether texts of several lengths may share a pass. note: why another backend than the
        configured one computes, or why texts are not padded; "" if neither is so.
    """

    forward: Passes
    backend: Backend
    streams: int
    pads: bool
    note: str


def choose(
    folder: ModelFolder,
    wanted: Backend,
    resources: Resources,
    *,
    reference: "SentenceTransformer | None" = None,
) -> Chosen:
    """Load a model on the configured backend, or on the first stand-in that computes it.

    A stand-in may replace a backend that the user named too, because the name says how exact
    vectors have to be, and a stand-in is at least as exact. The log and manifests name the backend
    that computes.

    wanted: the configured backend. reference: the model in float32, if it is loaded already.

    Raises:
        EncodingError: a trial was ended from outside, or the vectors of the model depend on the
            order of texts.
    """
    # On a GPU a trial takes less time than hashing a large model for the key of its verdict.
    trial = Trial(
        folder,
        threads=resources.threads,
        trust_remote_code=resources.trust_remote_code,
        keeps=resources.device == "cpu",
    )
    faults: list[str] = []
    for backend in _candidates(wanted):
        if needs_cpu(backend):
            forward, fault = _openvino(folder, backend, resources, trial)
        else:
            forward, fault = _torch(folder, backend, resources, trial, reference)
            # The trial has cast its weights, so it is no float32 reference any more.
            reference = None
        if fault:
            faults.append(f"{backend} {fault}")
        # Float32 torch is what all are compared with, so its only possible fault is in padding.
        if forward is not None and (not fault or backend == "torch-f32"):
            break
    assert forward is not None
    note = faults[0] if faults else ""
    if note:
        how = " in batches without padding" if fault else ""
        _tell(f"{backend} computes {folder.path.name}{how}, since {note}")
    streams = resources.streams if needs_cpu(backend) else 1
    return Chosen(forward=forward, backend=backend, streams=streams, pads=not fault, note=note)


def _candidates(wanted: Backend) -> Iterator[Backend]:
    yield wanted
    yield from stand_ins(wanted, in_bf16=computes_in_bf16(import_openvino().Core()))


def _openvino(
    folder: ModelFolder, backend: Backend, resources: Resources, trial: Trial
) -> tuple[Passes | None, str]:
    precision = precision_of(backend)
    fault = trial.openvino(precision)
    if fault:
        return None, fault
    forward = OpenVINOForward(
        folder,
        precision=precision,
        threads=resources.threads,
        streams=resources.streams,
        trust_remote_code=resources.trust_remote_code,
        sha256=trial.sha256,
    )
    return forward, ""


def _torch(
    folder: ModelFolder,
    backend: Backend,
    resources: Resources,
    trial: Trial,
    reference: "SentenceTransformer | None",
) -> tuple[Passes | None, str]:
    forward = TorchForward(
        folder,
        precision="f32",
        threads=resources.threads,
        device=resources.device,
        trust_remote_code=resources.trust_remote_code,
        reference=reference,
    )
    return forward, trial.torch(forward, precision_of(backend))


@cache
def _tell(message: str) -> None:
    """Log a message once per process, since a cost report loads the same leaf several times."""
    log.warning(message)
