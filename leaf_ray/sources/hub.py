"""Datasets on Hugging Face's hub, streamed."""

from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.sources.arrow_parts import Chosen, parts_of
from leaf_ray.sources.row_batch import RowBatch

HUB = "hf:"
_KEYS = ("name", "split")
_BATCH_ROWS = 1_000


def read_hub(path: str, *, leave_out: frozenset[str] = frozenset()) -> Iterator[RowBatch]:
    """Yield the rows of `hf:ORG/NAME?name=CONFIG&split=SPLIT`.

    A column `vector` and those of `leave_out` are left out.

    Raises InputError when `datasets` is not installed, when the hub does not answer or has no
    such dataset, and when it has several splits and none is named.
    """
    dataset, options = _parsed(path)
    try:
        # Imported here: it is an extra, and its import takes a second.
        import datasets
    except ImportError as error:
        raise InputError(
            f"{path} is read by the package `datasets`, which is not installed; "
            "`pip install 'leaf-ray[hf]'`, or name files"
        ) from error
    failures = (
        OSError, ValueError, pa.ArrowException, httpx.HTTPError, datasets.exceptions.DatasetsError
    )  # fmt: skip
    try:
        loaded = datasets.load_dataset(dataset, **options, streaming=True)
        yield from _parts(_one_split(path, loaded), path, leave_out)
    except InputError:
        raise
    except failures as error:
        raise InputError(
            f"{path} cannot be read from the hub: {error}; check the name and the connection, or "
            "name something local: files, a folder, or what `datasets` wrote with save_to_disk"
        ) from error


def _parsed(path: str) -> tuple[str, dict[str, str]]:
    dataset, _, query = path.removeprefix(HUB).partition("?")
    # A plus is one here: split=train+test is both.
    options = dict(parse_qsl(query.replace("+", "%2B")))
    if not dataset or set(options) - set(_KEYS):
        raise InputError(f"{path} is no dataset of the hub; hf:ORG/NAME?name=CONFIG&split=SPLIT is")
    return dataset, options


def _one_split(path: str, loaded: Any) -> Any:
    if not isinstance(loaded, dict):
        return loaded
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    mark = "&" if "?" in path else "?"
    raise InputError(
        f"{path} has the splits {list(loaded)} and none is named; write "
        f"{path}{mark}split={next(iter(loaded), 'NAME')}"
    )


def _parts(dataset: Any, path: str, leave_out: frozenset[str]) -> Iterator[RowBatch]:
    tables: Iterator[pa.Table] = iter(dataset.with_format("arrow").iter(batch_size=_BATCH_ROWS))
    first = next(tables, None)
    if first is not None:
        chosen = Chosen.of(first.column_names, leave_out)
        # How much there is in all, a stream does not know.
        read = ((table.select(chosen.names), 0.0) for table in chain([first], tables))
        yield from parts_of(read, path, chosen)
