"""The layout holds: imports point one way, libraries stay in their homes, files stay small."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "leaf_ray"

# What a part may import besides itself. The package root is the lazy public API and may import all.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "core": {"errors"},
    "config": {"core", "errors"},
    "models": {"core", "errors"},
    "encoders": {"models", "core", "errors"},
    "exports": {"encoders", "models", "core", "errors"},
    "sources": {"core", "errors"},
    "corpus": {"sources", "core", "errors"},
    "table": {"core", "errors"},
    "pages": {"core", "errors"},
    "api": {"encoders", "table", "core", "errors"},
    "mteb": {"encoders", "models", "sources", "core", "errors"},
    "runs": {"config", "core", "errors"},
    "testing": {"models", "core", "errors"},
    "stages": {
        *("encoders", "exports", "models", "sources", "corpus", "table", "pages"),
        *("api", "mteb", "runs", "config", "testing", "core", "errors"),
    },
    "__main__": {"cli"},
    "cli": {
        *("", "stages", "encoders", "exports", "models", "sources", "corpus", "table", "pages"),
        *("api", "mteb", "runs", "config", "core", "errors"),
    },
}
HOMES = {"ray": "stages", "lance_ray": "stages", "lancedb": "table", "mteb": "mteb"}
NOT_IN_CORE = ("ray", "lance_ray", "lancedb", "fastapi", "pydantic", "mteb")
MAX_LINES = 350


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, and where."""

    file: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"leaf_ray/{self.file}:{self.line} imports {self.module}"


def all_imports() -> Iterator[Import]:
    """Every import in the package, those inside functions too."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for module in imported_modules(node, file):
                yield Import(file, getattr(node, "lineno", 0), module)


def imported_modules(node: ast.AST, file: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    package = ["leaf_ray", *file.parent.parts]
    above = package[: len(package) - node.level + 1] if node.level else []
    base = ".".join([*above, *([node.module] if node.module else [])])
    # `from leaf_ray import core` names a part only in its second half.
    return [f"leaf_ray.{alias.name}" for alias in node.names] if base == "leaf_ray" else [base]


def all_names() -> Iterator[Import]:
    """Every module of the package that is imported, also as `from package import module`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for module in imported_modules(node, file):
                names = [a.name for a in node.names] if isinstance(node, ast.ImportFrom) else []
                inner = [f"{module}.{name}" for name in names if is_module(f"{module}.{name}")]
                for name in inner or [module]:
                    yield Import(file, getattr(node, "lineno", 0), name)


def is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.joinpath("__init__.py").is_file()


def dotted(file: Path) -> str:
    return ".".join(["leaf_ray", *file.with_suffix("").parts]).removesuffix(".__init__")


def part_of(file: Path) -> str:
    """`core` for core/training/loss.py, `errors` for errors.py, "" for the package root."""
    first = file.parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imported_part(module: str) -> str:
    part = module.removeprefix("leaf_ray").removeprefix(".").split(".")[0]
    is_part = (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file()
    return part if is_part else ""


def test_every_part_of_the_package_has_its_layer() -> None:
    parts = {part_of(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")} - {""}
    assert parts <= set(ALLOWED), "say in ALLOWED what a new part may import"


def test_imports_point_one_way() -> None:
    wrong = []
    for found in all_imports():
        here = part_of(found.file)
        if here and found.module.split(".")[0] == "leaf_ray":
            there = imported_part(found.module)
            if there != here and there not in ALLOWED.get(here, set()):
                wrong.append(str(found))
    assert wrong == []


def test_ray_and_lancedb_are_imported_in_their_homes_only() -> None:
    wrong = []
    for found in all_imports():
        home = HOMES.get(found.module.split(".")[0])
        if home and not found.file.is_relative_to(home):
            wrong.append(f"{found}, which belongs to leaf_ray/{home}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        graph[dotted(file.relative_to(PACKAGE))] = set()
    for found in all_names():
        if found.module in graph and found.module != dotted(found.file):
            graph[dotted(found.file)].add(found.module)
    # Raises CycleError, which names the modules.
    TopologicalSorter(graph).prepare()


def test_core_runs_without_ray_lancedb_web_and_configuration() -> None:
    modules = sorted(
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in (PACKAGE / "core").rglob("*.py")
    )
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        f"    for library in {NOT_IN_CORE!r}:\n"
        "        if library in sys.modules:\n"
        "            sys.exit(f'{name} brings in {library}')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_files_stay_small() -> None:
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert {file: length for file, length in lengths.items() if length > MAX_LINES} == {}


@pytest.mark.parametrize(
    ("source", "file", "modules"),
    [
        ("import ray.data, json", "core/x.py", ["ray.data", "json"]),
        (
            "from leaf_ray.core.training.loss import LOSSES",
            "stages/x.py",
            ["leaf_ray.core.training.loss"],
        ),
        ("from leaf_ray import core, errors", "cli/x.py", ["leaf_ray.core", "leaf_ray.errors"]),
        ("from . import loss", "core/x.py", ["leaf_ray.core"]),
        ("from .loss import LOSSES", "core/x.py", ["leaf_ray.core.loss"]),
        ("from ..stages import embed", "core/x.py", ["leaf_ray.stages"]),
        ("from .. import stages", "core/x.py", ["leaf_ray.stages"]),
    ],
)
def test_this_file_reads_every_form_of_import(source: str, file: str, modules: list[str]) -> None:
    assert imported_modules(ast.parse(source).body[0], Path(file)) == modules
