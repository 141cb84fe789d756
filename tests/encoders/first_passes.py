"""Two first passes of a process at once: FOLDER. Ends, unless they wait for each other."""

import sys
import threading
from pathlib import Path

import numpy as np

from leaf_ray.encoders.forward import OpenVINOForward
from leaf_ray.models.folder import ModelFolder


def main() -> None:
    folder = ModelFolder.read(Path(sys.argv[1]))
    forward = OpenVINOForward(folder, precision="f32", threads=2, streams=2)
    ids_BL = np.ones((1, 4), dtype=np.int64)
    together = threading.Barrier(2)
    # Switched as often as can be, so that one of eight processes stops without a first pass.
    sys.setswitchinterval(1e-6)

    def encode() -> None:
        together.wait()
        forward(ids_BL, ids_BL)

    threads = [threading.Thread(target=encode) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
