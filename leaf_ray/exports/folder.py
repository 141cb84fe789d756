"""Where an export is written: beside its place first, and in it only when all went well."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leaf_ray.errors import ConfigError


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, which gets that name when the block ends well.

    When it does not, what was written goes and `target` is as it was.

    Raises:
        ConfigError: there is something at `target` already, or no folder can be made there.
    """
    _refuse_taken(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name}-", ignore_cleanup_errors=True
        )
    except OSError as error:
        raise ConfigError(
            f"no folder can be made at {target}: {error}; name another folder"
        ) from error
    with place as parent:
        # Inside of it, since only the user may enter a folder for temporary files.
        partial = Path(parent) / target.name
        partial.mkdir()
        yield partial
        _refuse_taken(target)
        partial.rename(target)


def copy_leaf(leaf: Path, into: Path) -> None:
    """Copy the leaf's folder, a plain sentence-transformers model already, as it is."""
    shutil.copytree(leaf, into, dirs_exist_ok=True)


def store_in_float16(folder: Path) -> None:
    """Halve the files of a sentence-transformers model's weights, in place.

    Whoever loads it computes in float32 as before.
    """
    # Imported here, so that a wrong choice is refused without waiting for it.
    import torch
    from safetensors.torch import load_file, save_file

    for file in folder.rglob("*.safetensors"):
        weights = load_file(file)
        halved = {
            name: weight.half() if weight.dtype == torch.float32 else weight
            for name, weight in weights.items()
        }
        mode = file.stat().st_mode
        save_file(halved, file, metadata={"format": "pt"})
        # It would be the writer's alone.
        file.chmod(mode)
    # Without it transformers would compute in the type of the file.
    config_file = folder / "config.json"
    config = json.loads(config_file.read_text("utf-8"))
    config_file.write_text(json.dumps(config | {"dtype": "float32"}, indent=2) + "\n", "utf-8")


def _refuse_taken(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        raise ConfigError(
            f"{target} exists and is not an empty folder, and nothing is overwritten: name another "
            "folder, or move that one away"
        )
