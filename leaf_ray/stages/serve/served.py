"""What a run serves: its leaf as a folder on this machine, and the table of the same space."""

from dataclasses import dataclass
from pathlib import Path

from leaf_ray.config import RunConfig
from leaf_ray.runs import Run
from leaf_ray.runs.folder import MODEL_FOLDER
from leaf_ray.stages.leaf import leaf_folder, require_leaf_of
from leaf_ray.table.reader import DocumentTable


@dataclass(frozen=True, slots=True)
class Served:
    """The leaf's folder and the documents' table, of one space."""

    leaf: Path
    table: DocumentTable


def open_finished(config: RunConfig) -> Served:
    """Open what `open_served` does, for a run whose index is known to be whole.

    Raises:
        MissingStage: the leaf or the index is not finished.
        SpaceMismatch: they belong to different spaces.
    """
    run = Run.open(config.root)
    run.leaf.require(command="leaf distill FILE")
    run.index.require(command="leaf index FILE")
    return open_served(config)


def open_served(config: RunConfig) -> Served:
    """The leaf and the table; a replica may start while the index is being made again.

    Raises:
        MissingStage: the leaf is not finished.
        SpaceMismatch: the two belong to different spaces.
    """
    run = Run.open(config.root)
    leaf = leaf_folder(run, MODEL_FOLDER)
    table = DocumentTable(run.index.uri, config.index.table)
    require_leaf_of(table.space, leaf, owner=table.name)
    return Served(leaf, table)
