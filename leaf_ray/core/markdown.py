"""Tables of Markdown."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lines of a table, the header first; a name with a bar or a line end keeps to its cell."""
    header, *rest = ([_cell(text) for text in row] for row in rows)
    lines = [header, ["---"] * len(header), *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
