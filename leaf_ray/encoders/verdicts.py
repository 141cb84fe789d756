"""What was found of backends and one model, kept on this machine, so that it is tried once.

Whatever may change what a backend computes is part of a verdict's key: the model's content, the
libraries' versions and the CPU.
"""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from leaf_ray.core.encoding.trial import Vectors
from leaf_ray.encoders.openvino.model import GRAPH_FORM
from leaf_ray.encoders.openvino.quiet import import_openvino
from leaf_ray.models.resolve import cache_folder

# One more whenever a trial becomes another, so that what older ones found is found anew.
_FORM = 1
_LIBRARIES = ("torch", "transformers", "sentence-transformers")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of the model with this sha256 (`ModelFolder.sha256`)."""

    sha256: str

    def of(self, backend: str) -> str | None:
        """What is wrong with the backend, empty where nothing is; None where it was not tried."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(self._file(backend, ".json").read_text("utf-8"))["fault"])
        return None

    def keep(self, fault: str, *backends: str) -> None:
        """Keep what was found of one backend or more."""
        for backend in backends:
            said = json.dumps({"backend": backend, "fault": fault, "found_with": _found_with()})
            self._write(self._file(backend, ".json"), said.encode())

    def exact(self, ids: Sequence[Sequence[int]]) -> Vectors | None:
        """The vectors in float32 torch of the trial's texts; None where they are not known."""
        with contextlib.suppress(OSError, ValueError):
            vectors_TD: Vectors = np.load(self._file(f"exact-{_digest(ids)}", ".npy"))
            return vectors_TD
        return None

    def keep_exact(self, ids: Sequence[Sequence[int]], vectors_TD: Vectors) -> None:
        """Keep them."""
        self._write(self._file(f"exact-{_digest(ids)}", ".npy"), vectors_TD)

    def _file(self, name: str, suffix: str) -> Path:
        folder = cache_folder() / "backends" / self.sha256[:32]
        return folder / f"{name}-{_digest(_found_with())}{suffix}"

    @staticmethod
    def _write(file: Path, content: bytes | Vectors) -> None:
        """Write a file whole, or not at all: where that fails the next process tries once more."""
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".") as folder:
                made = Path(folder) / file.name
                if isinstance(content, bytes):
                    made.write_bytes(content)
                else:
                    np.save(made, content)
                made.replace(file)


@cache
def _found_with() -> dict[str, str | int]:
    openvino = import_openvino()
    core = openvino.Core()
    cpu = [core.get_property("CPU", "FULL_DEVICE_NAME")]
    cpu += sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return {
        "form": _FORM,
        "graph": GRAPH_FORM,
        "openvino": openvino.__version__,
        **{name: version(name) for name in _LIBRARIES},
        "cpu": " ".join(cpu),
    }


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
