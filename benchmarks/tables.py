"""Write the tables of results in README.md and docs/ from benchmarks/results/*.json.

A page marks the place of a table by two comments, `table: NAME` and `/table`; the functions in
`benchmarks.figures` say what stands between them. `python benchmarks/tables.py` fails if a page
differs from the results, and `--write` brings the pages up to date.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import TABLES

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
PLACE = re.compile(r"<!-- table: (?P<name>[\w-]+) -->\n(?P<text>.*?)<!-- /table -->", re.DOTALL)
Results = Mapping[str, Any]
Render = Callable[[Results], str]


def pages() -> list[Path]:
    """Return README.md and the pages of docs/."""
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def read_results() -> dict[str, Any]:
    """Return the figures, machines and targets of all benchmarks, by their names."""
    return {file.stem: json.loads(file.read_text("utf-8")) for file in RESULTS.glob("*.json")}


def with_tables(page: str, tables: Mapping[str, Render], results: Results) -> str:
    """Return the text of a page whose tables are those of the results.

    Raises:
        KeyError: the page names a table that there is not.
    """

    def rendered(place: re.Match[str]) -> str:
        name = place["name"]
        return f"<!-- table: {name} -->\n{tables[name](results).strip()}\n<!-- /table -->"

    return PLACE.sub(rendered, page)


def outdated(files: Sequence[Path], results: Results) -> dict[Path, str]:
    """Return the pages whose tables differ from the results, with the text they should have."""
    texts = {file: file.read_text("utf-8") for file in files}
    current = {file: with_tables(text, TABLES, results) for file, text in texts.items()}
    return {file: text for file, text in current.items() if text != texts[file]}


def run(arguments: Sequence[str]) -> int:
    """Check or write all pages; the exit status is 1 if a page is outdated and was not written."""
    changed = outdated(pages(), read_results())
    for file, text in changed.items():
        name = file.relative_to(REPOSITORY)
        if "--write" in arguments:
            file.write_text(text, "utf-8")
            print(f"{name}: tables written")
        else:
            print(
                f"{name}: its tables differ from benchmarks/results/; `make fix` writes them",
                file=sys.stderr,
            )
    return int(bool(changed) and "--write" not in arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
