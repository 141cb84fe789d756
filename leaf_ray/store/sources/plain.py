"""Plain text: one text per line."""

from collections.abc import Iterator

import pyarrow as pa

from leaf_ray.store.sources.lines import line_batches
from leaf_ray.store.sources.locate import SourceFile
from leaf_ray.store.sources.part import Part


def read_plain(file: SourceFile) -> Iterator[Part]:
    """Yield one row per line in column `text`; empty lines are rows too, to be counted.

    Raises InputError when the file cannot be read or is not UTF-8.
    """
    for lines in line_batches(file):
        table = pa.table({"text": pa.array(lines.texts, pa.string())})
        numbers = range(lines.first, lines.first + len(lines.texts))
        yield Part(table, file.name, numbers, lines.first - 1, lines.done)
