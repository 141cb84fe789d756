"""The first rows of a source, a bounded number of bytes of them, and how many rows there are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.sources.canonical import CanonicalRows, Layout, canonical
from leaf_ray.sources.find import Found, Piece
from leaf_ray.sources.lance_folder import open_lance
from leaf_ray.sources.locate import locate
from leaf_ray.sources.row_batch import RowBatch

# What is read of a source, in memory; files beyond the first MAX_PIECES are looked at no more.
MAX_BYTES = 16 << 20
MAX_PIECES = 8
# Enough rows for all that is said of them, where it is not known how many there are.
ENOUGH_ROWS = 2_000
# Opening a file on object storage takes a tenth of a second.
_MAX_COUNTED_FILES = 64
_FACTOR = 4


@dataclass(slots=True)
class Progress:
    """How far a source has been read: rows, those rejected included, and how much of its size."""

    num_rows: int = 0
    size: float = 0.0
    is_whole: bool = True


def sample(
    found: Found, layout: Layout | None, progress: Progress, *, max_rows: int | None = None
) -> Iterator[tuple[Piece, RowBatch]]:
    """Yield the first rows of the first, the last and some files between, in their order.

    layout: as for `Piece.read`. progress: what is read is put down there.
    max_rows: no more is read once there are so many. None: as many as MAX_BYTES hold; ENOUGH_ROWS
        where it is not known how many there are.

    Raises InputError as the readers do.
    """
    pieces = _spread(found.pieces)
    progress.is_whole = len(pieces) == len(found.pieces)
    for piece in pieces:
        done, num_bytes, num_rows = 0.0, 0, 0
        for part in piece.read(layout) if piece.some is None else piece.some():
            done = part.done
            num_bytes += part.table.nbytes
            num_rows += part.table.num_rows + len(part.rejected)
            yield piece, part
            limit = max_rows if piece.size or max_rows else ENOUGH_ROWS
            is_enough = limit is not None and num_rows >= limit / len(pieces)
            # What is read ahead counts as read; little is left then, unless it is compressed.
            limit_bytes = MAX_BYTES // len(pieces) * (1 if done < 1.0 else _FACTOR)
            if is_enough or num_bytes >= limit_bytes:
                progress.is_whole = False
                break
        else:
            # `some` gives rows of a share of its piece. Other readers may stop before the end.
            done = done if piece.some is not None else 1.0
        progress.is_whole &= done >= 1.0
        progress.num_rows += num_rows
        progress.size += done * piece.size


def sampled_rows(found: Found, layout: Layout, progress: Progress) -> Iterator[CanonicalRows]:
    """Yield the same rows in the form of the contract, as `leaf texts` would read them."""
    for piece, part in sample(found, replace(layout, has_types=False), progress):
        kind = piece.kind or layout.kind
        yield canonical(part, replace(layout, kind=kind), done=part.done)


def count_rows(found: Found, progress: Progress) -> RowCount:
    """Return how many rows a source has, as its files say or as far as it was read."""
    total = progress.num_rows if progress.is_whole else _stated(found)
    return RowCount(progress.num_rows, total, progress.size, found.size, found.unit)


def _spread(pieces: tuple[Piece, ...]) -> list[Piece]:
    """Return at most MAX_PIECES of them, evenly spaced."""
    if len(pieces) <= MAX_PIECES:
        return list(pieces)
    last = len(pieces) - 1
    return [pieces[math.floor(i * last / (MAX_PIECES - 1))] for i in range(MAX_PIECES)]


def _stated(found: Found) -> int | None:
    """Return the number of rows that is written down beside them; None where none is."""
    if found.form == "lance":
        return int(open_lance(locate(found.path).uri).count_rows())
    files = [piece.file for piece in found.pieces if piece.file is not None]
    if len(files) > _MAX_COUNTED_FILES or any(file.suffix != ".parquet" for file in files):
        return None
    if not files:
        return None
    total = 0
    for file in files:
        with file.filesystem.open_input_file(file.path) as stream:
            total += pq.read_metadata(stream).num_rows
    return total
