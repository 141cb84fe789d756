"""A cache of the trials of backends on a model, so that a machine makes each trial once.

The key of a verdict holds everything that may change what a backend computes: the model's content,
the libraries' versions and the CPU.
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

# Raise this when the trial changes, so that verdicts of the old one are not read.
_FORM = 2
_LIBRARIES = ("torch", "transformers", "sentence-transformers")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts on the model with this sha256 (`ModelFolder.sha256`)."""

    sha256: str

    def of(self, backend: str) -> str | None:
        """The fault of a backend, "" if it has none; None if it was not tried."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(self._file(backend, ".json").read_text("utf-8"))["fault"])
        return None

    def keep(self, fault: str, *backends: str) -> None:
        """Store the fault of one backend or more; "" stands for none."""
        for backend in backends:
            said = json.dumps({"backend": backend, "fault": fault, "found_with": _found_with()})
            self._write(self._file(backend, ".json"), said.encode())

    def exact(self, ids: Sequence[Sequence[int]]) -> Vectors | None:
        """The trial's vectors by torch, float32 [T, D]; None if they are not stored.

        ids: the token ids of the T texts.
        """
        with contextlib.suppress(OSError, ValueError):
            vectors_TD: Vectors = np.load(self._file(f"exact-{_digest(ids)}", ".npy"))
            return vectors_TD
        return None

    def keep_exact(self, ids: Sequence[Sequence[int]], vectors_TD: Vectors) -> None:
        """Store the vectors that `exact` returns, float32 [T, D]."""
        self._write(self._file(f"exact-{_digest(ids)}", ".npy"), vectors_TD)

    def _file(self, name: str, suffix: str) -> Path:
        folder = cache_folder() / "backends" / self.sha256[:32]
        return folder / f"{name}-{_digest(_found_with())}{suffix}"

    @staticmethod
    def _write(file: Path, content: bytes | Vectors) -> None:
        """Write a file whole or not at all; without it the next process makes the trial again."""
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".") as folder:
                draft = Path(folder) / file.name
                if isinstance(content, bytes):
                    draft.write_bytes(content)
                else:
                    np.save(draft, content)
                draft.replace(file)


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
