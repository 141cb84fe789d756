"""The only module that knows the names inside a run folder."""

import fcntl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs as pafs

from leaf_ray.core.failures.plain_errors import first_line, plain_error
from leaf_ray.core.uri import redacted
from leaf_ray.errors import ConfigError, DamagedPart, LeafRayError, MissingStage, StorageError
from leaf_ray.runs.manifest import Manifest

# The parts, in the order in which stages make them, with the stage that makes each.
PARTS: Mapping[str, str] = {
    "texts": "texts",
    "vectors": "embed",
    "leaf": "distill",
    "index": "index",
    "evaluation": "evaluate",
    "timings": "cost",
    "cost": "cost",
}
# What each part is made from.
READS: Mapping[str, tuple[str, ...]] = {
    "texts": (),
    "vectors": ("texts",),
    "leaf": ("vectors",),
    "index": ("vectors",),
    "evaluation": ("texts", "vectors", "leaf"),
    "timings": ("texts", "vectors", "leaf"),
    "cost": ("evaluation", "timings"),
}
MANIFEST = "manifest.json"
# Inside texts and vectors: the rows that could not be used, and why.
REJECTED_FOLDER = "rejected"
REJECTED_FILE = REJECTED_FOLDER + "/rejected-{:03d}.parquet"
# Inside texts.
JUDGMENTS_FILE = "judgments.parquet"
TEXTS_PREFIX = "texts-"
# Inside vectors.
SPACE_FILE, ROTATION_FILE = "space.json", "rotation.npy"
VECTORS_FILE, RETRIED_FILE = "vectors-{:05d}.parquet", "vectors-retried-{:03d}.parquet"
# Inside index, beside the table: what a load brought, by the load.
LOADED_FILE = "loaded-{}.parquet"
# Inside leaf.
MODEL_FOLDER, UNTRAINED_FOLDER, TRAINING_PLOT = "model", "untrained", "training.png"
# Beside an unfinished leaf: the weights of the best validation so far, by its step.
BEST_FILE = "best-{}.pt"
# Inside report.
EVALUATION_JSON, EVALUATION_MARKDOWN = "evaluation.json", "evaluation.md"
EVALUATION_PLOT, GRID_PLOT = "evaluation.png", "grid.png"
# Inside timings and cost.
TIMINGS_JSON = "timings.json"
COST_JSON, COST_MARKDOWN, COST_PAGE = "cost.json", "cost.md", "cost.html"


@dataclass(frozen=True, slots=True)
class Part:
    """One stage's output: `path` on `filesystem`, `uri` for libraries that open URIs."""

    name: str
    path: str
    uri: str
    filesystem: pafs.FileSystem

    def file(self, name: str) -> str:
        """The path of a file inside the part."""
        return f"{self.path}/{name}"

    @property
    def is_local(self) -> bool:
        """Whether `path` can be opened without a file system of pyarrow's."""
        return isinstance(self.filesystem, pafs.LocalFileSystem)

    def manifest(self) -> Manifest | None:
        """None when the part is not finished.

        Raises:
            DamagedPart: the manifest is there and cannot be read.
        """
        data = self.read(MANIFEST)
        with self.read_whole(MANIFEST):
            return None if data is None else Manifest.from_json(data.decode())

    def require(self, *, command: str) -> Manifest:
        """The manifest of a finished part.

        Raises:
            MissingStage: it is not finished; the message names the command that makes it.
        """
        manifest = self.manifest()
        if manifest is None:
            raise MissingStage(f"{self.uri} is not finished: run `{command}` first")
        return manifest

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, which makes the part count."""
        self.write(MANIFEST, manifest.to_json().encode())

    def unfinish(self) -> None:
        """Take the manifest away, so that the part no longer counts."""
        if self.exists(MANIFEST):
            self.filesystem.delete_file(self.file(MANIFEST))

    def clear(self) -> None:
        """Make the part an empty folder; the manifest goes first, so that no half counts."""
        self.unfinish()
        self.filesystem.create_dir(self.path, recursive=True)
        self.filesystem.delete_dir_contents(self.path)

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return bool(self.filesystem.get_file_info(self.file(name)).is_file)

    def read(self, name: str) -> bytes | None:
        """A small file's bytes; None when it is not there."""
        if not self.exists(name):
            return None
        with self.filesystem.open_input_stream(self.file(name)) as stream:
            return bytes(stream.read())

    @contextmanager
    def read_whole(self, name: str) -> Iterator[None]:
        """Name a file, and what makes it again, where the block cannot decode it.

        Raises:
            DamagedPart: it is cut short, or not in the form that it is written in.
        """
        try:
            yield
        except (ValueError, TypeError, KeyError, pa.ArrowException) as error:
            if isinstance(error, LeafRayError):
                raise
            stage = PARTS.get(self.name)
            again = f"make it again with `leaf {stage} FILE --again`, or " if stage else ""
            raise DamagedPart(
                f"{self.uri}/{name} is damaged, or was written by another version "
                f"({first_line(error)}): "
                f"{again}bring it back from a copy"
            ) from error

    def write(self, name: str, data: bytes) -> None:
        """Write a small file whole or not at all."""
        with self.whole(name) as path, self.filesystem.open_output_stream(path) as stream:
            stream.write(data)

    @contextmanager
    def whole(self, name: str) -> Iterator[str]:
        """A path to write a file at, which gets its name when the block ends well."""
        path = self.file(name)
        self.filesystem.create_dir(path.rpartition("/")[0], recursive=True)
        if not self.is_local:
            # An object store shows an upload when it is complete.
            yield path
            return
        # Each writer has its own name: two writers of one file would cut off each other's.
        partial = f"{path}.{uuid4().hex}.partial"
        try:
            yield partial
            self.filesystem.move(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)

    def publish(self, folder: Path, *, into: str) -> None:
        """Copy a local folder's files into a folder of the part."""
        target = self.file(into)
        self.filesystem.create_dir(target, recursive=True)
        pafs.copy_files(
            str(folder),
            target,
            source_filesystem=pafs.LocalFileSystem(),
            destination_filesystem=self.filesystem,
        )

    def take(self, other: "Part", name: str) -> None:
        """Copy a folder of another part of the same run into this one."""
        self.filesystem.create_dir(self.file(name), recursive=True)
        pafs.copy_files(
            other.file(name),
            self.file(name),
            source_filesystem=self.filesystem,
            destination_filesystem=self.filesystem,
        )

    def fetch(self, name: str, cache: Path) -> Path:
        """A folder of the part as a local one: itself, or a copy made once in `cache`."""
        if self.is_local:
            return Path(self.file(name))
        target = cache / name
        cache.mkdir(parents=True, exist_ok=True)
        # One process of this machine fetches, and the others wait for it.
        with (cache / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_dir():
                self._fetch(name, target)
        return target

    def _fetch(self, name: str, target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent, ignore_cleanup_errors=True) as partial:
            pafs.copy_files(
                self.file(name),
                partial,
                source_filesystem=self.filesystem,
                destination_filesystem=pafs.LocalFileSystem(),
            )
            Path(partial).rename(target)


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder. `root` is as the run file gives it."""

    root: str
    filesystem: pafs.FileSystem
    path: str

    @classmethod
    def open(cls, root: str) -> "Run":
        """Open a run folder; nothing is created yet.

        Raises:
            ConfigError: the root is a URI that no file system understands, or names no folder.
            StorageError: its file system does not answer.
        """
        if "://" not in root:
            if "\0" in root:
                raise ConfigError(f"root: {root!r} holds a NUL character: write another path")
            return cls(root, pafs.LocalFileSystem(), str(Path(root).expanduser().absolute()))
        try:
            filesystem, path = pafs.FileSystem.from_uri(root)
        except ValueError as error:
            raise ConfigError(f"root: {redacted(root)} cannot be opened: {error}") from None
        except OSError as error:
            said = plain_error(error) or error
            raise StorageError(f"root: {redacted(root)} cannot be opened: {said}") from error
        path = path.rstrip("/")
        if not path:
            raise ConfigError(
                f"root: {redacted(root)} names no folder: write one behind it, as in "
                "s3://bucket/folder"
            )
        return cls(root, filesystem, path)

    def require_folder(self) -> None:
        """Refuse a root in whose way a file stands.

        Raises:
            ConfigError: the root, or a folder above it, is a file.
        """
        if not isinstance(self.filesystem, pafs.LocalFileSystem):
            return
        for place in (Path(self.path), *Path(self.path).parents):
            # What cannot be looked at is told by what reads or writes there.
            with suppress(OSError):
                if place.exists():
                    if not place.is_dir():
                        raise ConfigError(f"root: {place} is a file: name a folder for the run")
                    return

    def part(self, name: str) -> Part:
        """One of PARTS."""
        remote = "://" in self.root
        uri = f"{self.root.rstrip('/') if remote else self.path}/{name}"
        return Part(name, f"{self.path}/{name}", uri, self.filesystem)

    def work(self, name: str) -> Part:
        """Where unfinished work is kept, beside the parts; a finished stage leaves it empty."""
        return self.part(name)

    @property
    def texts(self) -> Part:
        """Texts, as Parquet, and the judgments on them."""
        return self.part("texts")

    @property
    def vectors(self) -> Part:
        """The texts with the teacher's vectors, as Parquet."""
        return self.part("vectors")

    @property
    def leaf(self) -> Part:
        """The trained leaf in `model`, the leaf before its first step in `untrained`."""
        return self.part("leaf")

    @property
    def index(self) -> Part:
        """The LanceDB database of the documents."""
        return self.part("index")

    @property
    def evaluation(self) -> Part:
        """What the leaf keeps of its teacher."""
        return self.part("evaluation")

    @property
    def timings(self) -> Part:
        """How long teacher and leaf take, on one machine."""
        return self.part("timings")

    @property
    def cost(self) -> Part:
        """Quality, time and prices on one page."""
        return self.part("cost")
