"""A virtual environment for a peer whose needs do not fit beside ours."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def python_of(name: str, requirements: Sequence[str]) -> Path:
    """The interpreter of `.cache/peers/NAME`, made and filled first where there is none."""
    folder = REPOSITORY / ".cache" / "peers" / name
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    if not stamp.is_file() or stamp.read_text() != "\n".join(requirements):
        print(f"installing {name} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "-qq", "--prefer-binary"]
        # The CPU build of torch first, so that nothing asks for the one with CUDA.
        subprocess.run([*install, requirements[0]], check=True)
        subprocess.run([*install, *requirements], check=True)
        stamp.write_text("\n".join(requirements))
    return python
