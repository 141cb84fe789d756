"""From a path, URI or glob to the files behind it."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs

from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError

# Suffixes of compressed files, and pyarrow's names of their codecs.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_WILDCARD = re.compile(r"[*?\[]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read: where it is, and how errors name it."""

    filesystem: Any
    path: str
    name: str

    def is_empty(self) -> bool:
        """Tell whether the file has no byte at all."""
        return bool(self.filesystem.get_file_info(self.path).size == 0)

    def size(self) -> int:
        """Return how many bytes the file has, compressed as it is; 0 where that is unknown."""
        return int(self.filesystem.get_file_info(self.path).size or 0)

    @property
    def suffix(self) -> str:
        """The suffix that tells the format, below one of compression: `.jsonl` of a.jsonl.gz."""
        path = PurePosixPath(self.path)
        return (path.with_suffix("") if path.suffix in COMPRESSIONS else path).suffix.lower()


@dataclass(frozen=True, slots=True)
class Location:
    """A path on a file system. `prefix` before `path` is how errors name it."""

    filesystem: Any
    path: str
    prefix: str

    @property
    def uri(self) -> str:
        """The path with its scheme, where it has one."""
        return self.prefix + self.path

    def file(self, path: str) -> SourceFile:
        """Return the file at `path` of this file system."""
        return SourceFile(self.filesystem, path, self.prefix + path)

    def as_file(self) -> SourceFile:
        """Return this path as that of a file."""
        return self.file(self.path)

    def child(self, name: str) -> "Location":
        """Return the location of `name` inside this folder."""
        return Location(self.filesystem, f"{self.path.rstrip('/')}/{name}", self.prefix)

    def file_type(self) -> fs.FileType:
        """Return whether there is a file, a folder or nothing. Raises InputError if unreadable."""
        return self._info(self.path)[0].type

    def files(self, *, recursive: bool = False) -> list[SourceFile]:
        """Return the files of this folder, sorted, without hidden ones and markers.

        Those in hidden folders are hidden too, such as copies that an editor keeps.

        Raises InputError when the folder cannot be listed.
        """
        paths = self._paths(fs.FileType.File, recursive=recursive)
        return [self.file(path) for path in paths]

    def folders(self) -> list[str]:
        """Return the names of the folders in this one, sorted, without hidden ones."""
        paths = self._paths(fs.FileType.Directory, recursive=False)
        return [PurePosixPath(path).name for path in paths]

    def _paths(self, kind: fs.FileType, *, recursive: bool) -> list[str]:
        infos = self._info(fs.FileSelector(self.path, recursive=recursive))
        paths = sorted(info.path for info in infos if info.type == kind)
        root = self.path.rstrip("/") + "/"
        return [path for path in paths if not _is_hidden(path.removeprefix(root))]

    def _info(self, what: Any) -> list[fs.FileInfo]:
        try:
            infos = self.filesystem.get_file_info(what)
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"{self.uri} cannot be read: {error}; check its permissions, or the credentials "
                "and the address of its store"
            ) from error
        return infos if isinstance(infos, list) else [infos]


def locate(path: str) -> Location:
    """Return the location of a local path or of a URI that pyarrow.fs understands.

    Raises InputError when the URI is of no known kind or its store does not answer.
    """
    scheme = _SCHEME.match(path)
    if scheme is None:
        return Location(fs.LocalFileSystem(), str(Path(path).expanduser().absolute()), "")
    prefix = "" if scheme[1] == "file" else scheme[0]
    try:
        filesystem, inner = fs.FileSystem.from_uri(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).replace(path, redacted(path))
        # Without its cause, whose message repeats the URI with the keys in it.
        raise InputError(
            f"{redacted(path)} cannot be opened: {reason}; a local path or a URI such as "
            "s3://bucket/folder is wanted"
        ) from None
    return Location(filesystem, inner, prefix)


def match_glob(path: str) -> list[SourceFile]:
    """Return the files that the glob `path` names, sorted; `**` stands for any folders.

    Raises InputError when the folder before the first wildcard cannot be listed.
    """
    path, query = _without_query(path)
    segments = path.split("/")
    first = next(i for i, segment in enumerate(segments) if _WILDCARD.search(segment))
    base = locate(("/".join(segments[:first]) or ("/" if path.startswith("/") else ".")) + query)
    pattern = segments[first:]
    if base.file_type() != fs.FileType.Directory:
        return []
    files = base.files(recursive=len(pattern) > 1 or pattern == ["**"])
    root = base.path.rstrip("/") + "/"
    return [file for file in files if _matches(file.path.removeprefix(root).split("/"), pattern)]


def is_glob(path: str) -> bool:
    """Tell whether `path` has a wildcard and is not itself the name of something local."""
    has_wildcard = _WILDCARD.search(_without_query(path)[0]) is not None
    return has_wildcard and not Path(path).expanduser().exists()


def _is_hidden(path: str) -> bool:
    return any(name[0] in "._" for name in PurePosixPath(path).parts)


def _without_query(path: str) -> tuple[str, str]:
    """Return a URI and its query with the `?`, which in a local path is a wildcard."""
    if _SCHEME.match(path) is None:
        return path, ""
    path, mark, query = path.partition("?")
    return path, mark + query


def _matches(names: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_matches(names[i:], pattern[1:]) for i in range(len(names) + 1))
    if not names or not fnmatchcase(names[0], pattern[0]):
        return False
    return _matches(names[1:], pattern[1:])
