"""Docstrings of one module's public functions, classes and methods.

This file needs the standard library alone and is a program too, which reads the paths and module
names on standard input and writes the entries: parsing is what takes the time, and a program
can be started from any process, threads and all, where a fork or an import of `__main__` cannot.
"""

import ast
import gc
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

_LONGEST_SIGNATURE = 120
_SHORTEST_DOCSTRING = 120
_LONGEST_QUERY = 200
_FEWEST_WORDS = 4

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Documented = _Function | ast.ClassDef


class Entry(TypedDict):
    """One documented name.

    query: the summary line, where it can stand as a query. `text` is then the rest of the
        docstring under the signature, else all of it.
    """

    id: str
    text: str
    query: str | None
    line: int


def parse_file(path: str, module: str) -> list[Entry] | None:
    """Return what `parse_module` does of a file, or None if it cannot be read."""
    try:
        source = Path(path).read_bytes()
    except OSError:
        return None
    return parse_module(source, module)


def parse_module(source: bytes, module: str) -> list[Entry] | None:
    """Return the entries of a module in the order of its lines, or None if it does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = (_entry(node, name) for node, name in _public(tree.body, module))
    return [entry for entry in found if entry is not None]


def _public(body: list[ast.stmt], prefix: str) -> Iterator[tuple[_Documented, str]]:
    """Yield public definitions with their qualified names, also below `if`, `try` and `with`."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not node.name.startswith("_"):
                name = f"{prefix}.{node.name}"
                yield node, name
                if isinstance(node, ast.ClassDef):
                    yield from _public(node.body, name)
        else:
            for block in _blocks(node):
                yield from _public(block, prefix)


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    if isinstance(node, ast.If | ast.With):
        yield node.body
    if isinstance(node, ast.If):
        yield node.orelse
    if isinstance(node, ast.Try):
        yield from (node.body, *(handler.body for handler in node.handlers), node.orelse)


def _entry(node: _Documented, name: str) -> Entry | None:
    docstring = ast.get_docstring(node)
    if docstring is None or len(docstring) <= _SHORTEST_DOCSTRING:
        return None
    # Escapes may spell half of a surrogate pair, which no file can hold.
    docstring = docstring.encode("utf-8", "replace").decode().replace("\0", "")
    summary, body = _split_summary(docstring)
    if not body:
        return None
    query = summary if _can_be_query(summary) else None
    text = f"{name}{_signature(node)}\n{body if query else docstring}"
    return Entry(id=name, text=text, query=query, line=node.lineno)


def _split_summary(docstring: str) -> tuple[str, str]:
    lines = docstring.strip().splitlines()
    blank = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    return " ".join(" ".join(lines[:blank]).split()), "\n".join(lines[blank:]).strip("\n")


def _can_be_query(summary: str) -> bool:
    # Doctests and directives come first in some docstrings; they are no summaries.
    if summary.startswith((">>>", "..", ":")):
        return False
    return len(summary) <= _LONGEST_QUERY and len(summary.split()) >= _FEWEST_WORDS


def _signature(node: _Documented) -> str:
    """Return the arguments in brackets without self or cls; those of `__init__` for a class."""
    if isinstance(node, ast.ClassDef):
        inits = (
            each
            for each in node.body
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name == "__init__"
        )
        init = next(inits, None)
        return "" if init is None else _signature(init)
    written = ast.unparse(node.args)
    first, _, rest = written.partition(", ")
    if first in ("self", "cls", "self, /"):
        written = rest.removeprefix("/, ")
    if len(written) > _LONGEST_SIGNATURE:
        written = written[:_LONGEST_SIGNATURE].rpartition(", ")[0] + ", ..."
    return f"({written})"


def main() -> None:
    """Read a JSON list of (path, module) and write the entries of each, one line per module."""
    # Syntax trees have no cycles; looking for some takes a seventh of the time.
    gc.disable()
    for path, module in json.load(sys.stdin):
        entries = parse_file(path, module)
        sys.stdout.write(json.dumps(entries) + "\n")


if __name__ == "__main__":
    main()
