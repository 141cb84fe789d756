"""The public modules of the standard library and of the installed packages."""

import os
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from leaf_ray.errors import InputError

# Copies of other packages, tests, and what only the standard library's own tools use.
_SKIPPED_FOLDERS = frozenset(
    ["test", "tests", "vendor", "vendored", "third_party", "thirdparty", "idlelib", "lib2to3"]
)


@dataclass(frozen=True, slots=True, order=True)
class Module:
    """A source file: its top-level package, its path below the root, and its full path."""

    package: str
    path: str
    file: str

    @property
    def name(self) -> str:
        """The name to import: asyncio.tasks for asyncio/tasks.py."""
        parts = Path(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def find_modules(packages: Sequence[str] | None = None) -> list[Module]:
    """Return the modules of `packages` (None: of all), sorted by package and path.

    Raises InputError for a package that is not installed, offering the nearest names.
    """
    roots = _top_levels()
    for package in packages or ():
        if package not in roots:
            nearest = get_close_matches(package, roots, n=3) or sorted(roots)[:3]
            raise InputError(
                f"no package {package!r} with Python sources in this environment; "
                f"nearest: {', '.join(nearest)}"
            )
    chosen = sorted(set(packages)) if packages is not None else sorted(roots)
    return sorted(module for package in chosen for module in _modules(roots[package], package))


def _top_levels() -> dict[str, Path]:
    """Return the folder that holds each top-level package; the standard library goes first."""
    found: dict[str, Path] = {}
    for root in dict.fromkeys(sysconfig.get_path(key) for key in ("stdlib", "purelib", "platlib")):
        for entry in os.scandir(root):
            name = entry.name.removesuffix(".py")
            if _is_public(name) and (entry.is_dir() or entry.name.endswith(".py")):
                found.setdefault(name, Path(root))
    return found


def _modules(root: Path, package: str) -> Iterator[Module]:
    single = root / f"{package}.py"
    if single.is_file():
        yield Module(package, single.name, str(single))
    for folder, folders, files in os.walk(root / package):
        folders[:] = [name for name in folders if _is_public(name)]
        for name in files:
            if name == "__init__.py" or _is_source(name):
                file = Path(folder, name)
                yield Module(package, file.relative_to(root).as_posix(), str(file))


def _is_public(name: str) -> bool:
    return name.isidentifier() and name[0] != "_" and name not in _SKIPPED_FOLDERS


def _is_source(name: str) -> bool:
    stem = name.removesuffix(".py")
    is_test = stem.startswith("test_") or stem.endswith("_test") or stem == "conftest"
    return name.endswith(".py") and _is_public(stem) and not is_test
