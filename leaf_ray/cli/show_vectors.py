"""What `leaf show FOLDER` prints of a folder of vectors."""

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import VECTOR, vectors_of
from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError
from leaf_ray.runs import Part, Run
from leaf_ray.runs.parts import vectors_dataset

# Rows whose norms are looked at.
SAMPLE_ROWS = 10_000


def print_vectors(console: Console, folder: str) -> None:
    """Rows, dimension, type, space, norms, and what the manifest counts.

    Raises:
        InputError: there is no such folder, or it holds no vectors.
        SpaceMismatch: the vectors do not say which space they are of.
    """
    part = _part(folder)
    table = Table("", "", title=escape(part.uri), show_header=False)
    for key, value in _facts(part).items():
        table.add_row(key, escape(value))
    console.print(table)


def _part(folder: str) -> Part:
    """The folder as a part, whichever run it may be of."""
    place = Run.open(folder.rstrip("/") or "/")
    part = Part(
        name=place.path.rpartition("/")[2],
        path=place.path,
        uri=redacted(place.root) if "://" in folder else place.path,
        filesystem=place.filesystem,
    )
    try:
        found = part.filesystem.get_file_info(part.path).type
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{part.uri} cannot be read: {error}") from error
    if found != pafs.FileType.Directory:
        what = "does not exist" if found == pafs.FileType.NotFound else "is no folder"
        raise InputError(f"{part.uri} {what}; name a run file (YAML), or a folder of vectors")
    return part


def _facts(part: Part) -> dict[str, str]:
    dataset = vectors_dataset(part)
    if not dataset.files or VECTOR not in dataset.schema.names:
        raise InputError(
            f"{part.uri} holds no Parquet files with a column `{VECTOR}`; name a run's vectors "
            "folder, or a run file"
        )
    space = Space.from_metadata(dataset.schema.metadata, owner=part.uri)
    kind = dataset.schema.field(VECTOR).type
    norms_N = np.linalg.norm(vectors_of(dataset.head(SAMPLE_ROWS, columns=[VECTOR])), axis=1)
    facts = {
        "rows": f"{dataset.count_rows():,} in {len(dataset.files):,} files",
        "type": f"{kind.list_size} dimensions of {_named(kind.value_type)}",
        "space": f"{space.teacher} ({space.fingerprint}), at most {space.max_length} tokens",
        "norms": f"{norms_N.min():.4f} to {norms_N.max():.4f}, of {len(norms_N):,} rows"
        if len(norms_N)
        else "no rows",
        "columns": ", ".join(dataset.schema.names),
    }
    manifest = part.manifest()
    if manifest is None:
        return facts | {"finished": "not yet: run `leaf embed FILE` to go on"}
    counts = {key: _shown(value) for key, value in manifest.counts.items()}
    return facts | counts | {"finished": f"{manifest.finished[:16]}, {manifest.seconds:,.0f} s"}


def _named(kind: pa.DataType) -> str:
    return {pa.float16(): "float16", pa.float32(): "float32"}.get(kind, str(kind))


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
