"""Plain text: one text per line."""

import pyarrow as pa

from leaf_ray.store.sources.lines import read_lines
from leaf_ray.store.sources.locate import SourceFile
from leaf_ray.store.sources.part import Part


def read_plain(file: SourceFile) -> Part:
    """Return one row per line in column `text`; empty lines are rows too, to be counted.

    Raises InputError when the file cannot be read or is not UTF-8.
    """
    texts = [line for _, line in read_lines(file)]
    table = pa.table({"text": pa.array(texts, pa.string())})
    return Part(table, file.name, range(1, len(texts) + 1))
