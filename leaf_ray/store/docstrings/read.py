"""From the modules of this environment to a corpus."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from leaf_ray.core.texts import DOCUMENT, ID_FIELD, KIND_FIELD, TEXT_FIELD, check_texts, normalise
from leaf_ray.errors import InputError
from leaf_ray.store.docstrings import parse
from leaf_ray.store.docstrings.modules import Module, find_modules
from leaf_ray.store.docstrings.parse import Entry
from leaf_ray.store.sources.corpus import Corpus

Progress = Callable[[int, int], None]

_SCHEMA = pa.schema(
    [
        ID_FIELD,
        TEXT_FIELD,
        KIND_FIELD,
        pa.field("query", pa.string()),
        pa.field("package", pa.string()),
        pa.field("path", pa.string()),
        pa.field("file", pa.string()),
        pa.field("line", pa.int32()),
    ]
)
# Modules that one process parses: enough to outweigh its start, few enough to share out evenly.
_CHUNK = 200


def read_docstrings(
    packages: Sequence[str] | None = None, *, progress: Progress | None = None
) -> Corpus:
    """Return a document for each long docstring of `packages`, None meaning all there are.

    Columns: id (qualified name), text, kind, query (summary line or null), package, path (below
    the standard library or site-packages), file (absolute), line (int32); sorted by package,
    path and line. `progress` is told how many modules are done, of how many.

    Raises InputError for a package that is not installed, and when no docstring is found.
    """
    modules = find_modules(packages)
    dropped: Counter[str] = Counter(unparsable=0, duplicate=0)
    rows: dict[str, dict[str, object]] = {}
    for done, (module, entries) in enumerate(zip(modules, _parsed(modules), strict=True), start=1):
        if entries is None:
            dropped["unparsable"] += 1
        for entry in entries or ():
            if entry["id"] in rows:
                dropped["duplicate"] += 1
            else:
                rows[entry["id"]] = _row(module, entry)
        if progress is not None:
            progress(done, len(modules))
    if not rows:
        raise InputError(
            f"no docstring with a summary and a body in {list(packages or ['this environment'])} "
            f"({len(modules)} modules); name other packages"
        )
    return Corpus(
        check_texts(pa.Table.from_pylist(list(rows.values()), schema=_SCHEMA)), None, dict(dropped)
    )


def _row(module: Module, entry: Entry) -> dict[str, object]:
    return {
        "id": entry["id"],
        "text": normalise(entry["text"]),
        "kind": DOCUMENT,
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
            yield parse.parse_module(Path(module.file).read_bytes(), module.name)
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
