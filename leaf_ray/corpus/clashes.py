"""Rows that have the id of another text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from leaf_ray.core.text.texts import QUERY
from leaf_ray.corpus.gather import POSITION, Gathered
from leaf_ray.sources.canonical import CONTENT
from leaf_ray.sources.rejected import Rejected
from leaf_ray.sources.row_batch import shortened

# Before all rows.
_CUT = -1


@dataclass(frozen=True, slots=True, order=True)
class _Text:
    """A text that shares its id, or a hash of it. content: equal exactly when the text is."""

    position: int
    kind: str
    id: str
    content: tuple[int, int]
    view: str

    @property
    def key(self) -> tuple[str, str]:
        """What no other text may have."""
        return self.kind, self.id


def clashing(
    answered: Iterable[pa.Table], rows: Iterable[pa.Table], gathered: Gathered
) -> list[tuple[int, Rejected]]:
    """Return the rows that have kind and id of an earlier row with another text, by position.

    answered: queries cut from documents, which are no rows, so that a row with their id gives way.
    rows: those that share kind and id, or a hash of them. Where more of them clash than may be
        rejected, the rest is not read.
    """
    first = {text.key: text for table in answered for text in _texts(table)}
    few = gathered.rejections.limit - len(gathered.rejections)
    found = []
    for text in sorted(_up_to(few, rows)):
        known = first.setdefault(text.key, text)
        if known.content != text.content:
            other = (
                "cut from a document" if known.position == _CUT else gathered.place(known.position)
            )
            reason = (
                f"two {text.kind} texts have the id {text.id!r}: this one and {known.view} "
                f"({other}); give each text its own id, or leave the ids out"
            )
            found.append(
                (text.position, Rejected(gathered.place(text.position), reason, text.view))
            )
    return found


def _up_to(few: int, tables: Iterable[pa.Table]) -> list[_Text]:
    """Return all texts, or the first ones when more than `few` of them clash."""
    texts, contents, num_clashing = list[_Text](), dict[tuple[str, str], tuple[int, int]](), 0
    for table in tables:
        for text in _texts(table):
            texts.append(text)
            num_clashing += contents.setdefault(text.key, text.content) != text.content
            if num_clashing > few:
                return texts
    return texts


def _texts(table: pa.Table) -> Iterator[_Text]:
    num_rows = table.num_rows
    is_row = POSITION in table.column_names
    positions = table[POSITION].to_pylist() if is_row else [_CUT] * num_rows
    kinds = table["kind"].to_pylist() if is_row else [QUERY] * num_rows
    contents = zip(*(table[name].to_pylist() for name in CONTENT), strict=True)
    texts = (shortened(text) for text in table["text"].to_pylist())
    for row in zip(positions, kinds, table["id"].to_pylist(), contents, texts, strict=True):
        yield _Text(*row)
