"""Plain text: one text per line."""

from collections.abc import Iterator

import pyarrow as pa

from leaf_ray.sources.lines import line_batches
from leaf_ray.sources.locate import SourceFile
from leaf_ray.sources.row_batch import RowBatch


def read_plain(file: SourceFile) -> Iterator[RowBatch]:
    """Yield one row per line in column `text`; empty lines are rows too, to be counted.

    Lines that are not UTF-8 are rejected. Raises InputError when the file cannot be read.
    """
    num_rows = 0
    for lines in line_batches(file):
        table = pa.table({"text": pa.array(lines.texts, pa.string())})
        numbers = lines.numbers
        yield RowBatch(table, file.name, numbers, num_rows, lines.done, rejected=lines.rejected)
        num_rows += len(numbers)
