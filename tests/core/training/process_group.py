"""A group of processes that train together, without Ray."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import distributed


@contextmanager
def process_group(folder: str | Path, *, rank: int, workers: int) -> Iterator[None]:
    """Be one of the workers while the block runs; they meet at a file in `folder`."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=workers
    )
    try:
        yield
        distributed.barrier()
    finally:
        # A model that is left in a reference cycle keeps the group's threads beyond its end, and a
        # process that exits with them is aborted.
        gc.collect()
        distributed.destroy_process_group()
