"""From the modules of this environment to rows."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa

from leaf_ray.core.text.texts import ID_FIELD, TEXT_FIELD
from leaf_ray.errors import InputError
from leaf_ray.sources import row_batch
from leaf_ray.sources.docstrings import parse
from leaf_ray.sources.docstrings.modules import Module, find_modules
from leaf_ray.sources.docstrings.parse import Entry
from leaf_ray.sources.row_batch import RowBatch

_SCHEMA = pa.schema(
    [
        ID_FIELD,
        TEXT_FIELD,
        pa.field("query", pa.string()),
        pa.field("package", pa.string()),
        pa.field("path", pa.string()),
        pa.field("file", pa.string()),
        pa.field("line", pa.int32()),
    ]
)
# Modules that one process parses: enough to outweigh its start, few enough to share out evenly.
_CHUNK = 200


def docstrings_of(packages: Sequence[str] | None = None) -> tuple[int, Iterator[RowBatch]]:
    """Return how many modules `packages` have (None: all there are), and rows of their docstrings.

    There is a row for each long docstring: id (qualified name), text, query (summary line or
    null), package, path (below the standard library or site-packages), file (absolute), line
    (int32); sorted by package, path and line. Of rows with one id the first is kept.

    Raises InputError for a package that is not installed; the rows, when no docstring is found.
    """
    modules = find_modules(packages)
    return len(modules), _parts(modules, packages)


def some_docstrings_of(packages: Sequence[str] | None = None) -> Iterator[RowBatch]:
    """Yield such rows of some modules, evenly spaced, which takes a second.

    `RowBatch.done` counts all modules. Raises InputError as `docstrings_of` does.
    """
    modules = find_modules(packages)
    step = -(-len(modules) // _CHUNK) or 1
    chosen = modules[::step]
    for found in _parts(chosen, packages):
        yield replace(found, done=found.done * len(chosen) / len(modules))


def _parts(modules: Sequence[Module], packages: Sequence[str] | None) -> Iterator[RowBatch]:
    seen = set[str]()
    rows: list[dict[str, object]] = []
    num_repeats = num_unparsable = 0
    for done, (module, entries) in enumerate(zip(modules, _parsed(modules), strict=True), start=1):
        num_unparsable += entries is None
        for entry in entries or ():
            num_repeats += entry["id"] in seen
            if entry["id"] not in seen:
                seen.add(entry["id"])
                rows.append(_row(module, entry))
        if len(rows) >= row_batch.MAX_ROWS or done == len(modules):
            yield RowBatch(
                pa.Table.from_pylist(rows, schema=_SCHEMA),
                "docstrings",
                first_row=len(seen) - len(rows),
                done=done / len(modules),
                num_repeats=num_repeats,
                num_unparsable=num_unparsable,
            )
            rows, num_repeats, num_unparsable = [], 0, 0
    if not seen:
        raise InputError(
            f"no docstring with a summary and a body in {list(packages or ['this environment'])} "
            f"({len(modules)} modules); name other packages"
        )


def _row(module: Module, entry: Entry) -> dict[str, object]:
    return {
        "id": entry["id"],
        "text": entry["text"],
        "query": entry["query"],
        "package": module.package,
        "path": module.path,
        "file": module.file,
        "line": entry["line"],
    }


def _parsed(modules: Sequence[Module]) -> Iterator[list[Entry] | None]:
    """Yield the entries of each module in order, parsed by as many processes as there are cores."""
    if len(modules) <= _CHUNK:
        for module in modules:
            yield parse.parse_file(module.file, module.name)
        return
    chunks = [modules[start : start + _CHUNK] for start in range(0, len(modules), _CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for entries in pool.map(_parse_apart, chunks):
            yield from entries


def _parse_apart(modules: Sequence[Module]) -> list[list[Entry] | None]:
    paths = json.dumps([(module.file, module.name) for module in modules])
    done = subprocess.run(
        # Isolated and without site: the program needs nothing but the standard library.
        [sys.executable, "-I", "-S", parse.__file__],
        input=paths,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InputError(
            f"parsing {modules[0].path} to {modules[-1].path} ended with code {done.returncode}: "
            f"{done.stderr[-300:]}; name packages without these"
        )
    return [json.loads(line) for line in done.stdout.splitlines()]
