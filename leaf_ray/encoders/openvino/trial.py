"""A trial of OpenVINO in a process of its own: some models end the process that compiles them.

`python -m leaf_ray.encoders.openvino.trial MODEL.xml PRECISION THREADS FOLDER` reads the texts'
token ids from FOLDER, and writes their vectors there.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from leaf_ray.core.encoding.backend import Precision
from leaf_ray.core.encoding.trial import Forward, Ids, Tried, Vectors, alone
from leaf_ray.core.failures.reason import one_line
from leaf_ray.encoders.memory import is_out_of_memory
from leaf_ray.encoders.openvino.compile import compile_openvino
from leaf_ray.errors import EncodingError

_ASKED, _TRIED, _RAISED = "asked.json", "tried.npz", "raised.txt"
# Signals of a program that is wrong. Others come from outside: no memory was left, or a person
# ended the process.
_CRASHES = ("SIGFPE", "SIGSEGV", "SIGILL", "SIGBUS", "SIGABRT", "SIGTRAP")


def try_openvino(
    file: Path,
    ids: Sequence[Sequence[int]],
    *,
    pad_id: int,
    precision: Precision,
    threads: int,
) -> Tried | str:
    """What OpenVINO computes of two texts, or how it fails, to go on from a backend's name.

    Raises:
        EncodingError: the trial itself was ended from outside, or there was no memory for it.
    """
    with tempfile.TemporaryDirectory(prefix="leaf-ray-trial-") as name:
        folder = Path(name)
        (folder / _ASKED).write_text(json.dumps({"ids": list(map(list, ids)), "pad_id": pad_id}))
        command = [sys.executable, "-m", __name__, str(file), precision, str(threads), name]
        # A worker of Ray has found this package by a path of its own.
        found_by = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
        ended = subprocess.run(command, env=found_by, capture_output=True, text=True, check=False)
        if ended.returncode == 0:
            with np.load(folder / _TRIED) as found:
                return Tried(found["alone_TD"], found["padded_TD"])
        said = folder / _RAISED
        if said.is_file():
            return f"fails ({said.read_text('utf-8')})"
        return _crash(ended.returncode, ended.stderr)


def _crash(code: int, stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()] or ["nothing"]
    signals = {number.value: number.name for number in signal.Signals}
    name = signals.get(-code, f"exit code {code}")
    if name not in _CRASHES or is_out_of_memory(RuntimeError(stderr)):
        raise EncodingError(
            f"the trial of the model under OpenVINO was ended by {name}, and said {lines[-1]!r}: "
            "see that there is memory for the model twice, and run this again"
        )
    return f"ends its process ({name})"


def main(file: str, precision: str, threads: str, name: str) -> None:
    """Compute what is asked in the folder `name`."""
    folder = Path(name)
    asked = json.loads((folder / _ASKED).read_text())
    ids, pad_id = asked["ids"], asked["pad_id"]
    kind = cast(Precision, precision)
    try:
        tried = Tried.of(_forward(file, kind, threads=int(threads)), ids, pad_id=pad_id)
        if threads != "1":
            # With one thread for each stream OpenVINO compiles another program than with several.
            alone(_forward(file, kind, threads=1), ids[1:], pad_id=pad_id)
    except Exception as error:
        if not is_out_of_memory(error):
            (folder / _RAISED).write_text(one_line(error), "utf-8")
        raise
    np.savez(folder / _TRIED, alone_TD=tried.alone_TD, padded_TD=tried.padded_TD)


def _forward(file: str, precision: Precision, *, threads: int) -> Forward:
    compiled = compile_openvino(Path(file), precision=precision, threads=threads)

    def forward(ids_BL: Ids, mask_BL: Ids) -> Vectors:
        return np.array(compiled([ids_BL, mask_BL])[0], dtype=np.float32)

    return forward


if __name__ == "__main__":
    main(*sys.argv[1:])
