"""README.md and the pages of docs/, and what stands in them: blocks, commands, settings, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
# Pages for users, each of which has an example that tests run.
TOPICS = [
    REPOSITORY / "README.md",
    *(
        DOCS / f"{name}.md"
        for name in (
            "embedding",
            "distilling",
            "evaluating",
            "cost",
            "exporting",
            "http",
            "cluster",
            "results",
            "from_scratch",
            "GLOSSARY",
        )
    ),
]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ANY_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    number: int
    text: str

    def __str__(self) -> str:
        """Its name in the list of tests."""
        return f"{self.page}-{self.number}"


def name_of(page: Path) -> str:
    """Return how a page is called in messages."""
    return str(page.relative_to(REPOSITORY))


def blocks(language: str) -> list[Block]:
    """Return the blocks of a language on all pages."""
    return [
        Block(page.stem, number, text)
        for page in PAGES
        for number, (found, text) in enumerate(_BLOCK.findall(page.read_text("utf-8")))
        if found == language
    ]


def shell_lines(program: str) -> list[tuple[str, list[str]]]:
    """Return the page and the arguments of each command of `program` in shell blocks.

    A command that a Ray job runs stands after ` -- `.
    """
    found = []
    for block in blocks("sh"):
        for line in block.text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:3] == ["ray", "job", "submit"]:
                words = words[words.index("--") + 1 :]
            if words[:1] == [program]:
                found.append((block.page, words[1:]))
    return found


def spans(page: Path) -> list[str]:
    """Return the code that stands within lines."""
    return _SPAN.findall(_ANY_BLOCK.sub("", page.read_text("utf-8")))


def links(page: Path) -> list[str]:
    """Return where the page links to."""
    return _LINK.findall(_ANY_BLOCK.sub("", page.read_text("utf-8")))


def anchors(page: Path) -> Iterator[str]:
    """Yield the anchors of a page's headings, as GitHub makes them."""
    for line in _ANY_BLOCK.sub("", page.read_text("utf-8")).splitlines():
        if line.startswith("#"):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            yield words.replace(" ", "-")
