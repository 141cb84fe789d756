"""What a run serves: its leaf as a folder on this machine, and the table of the same space."""

from dataclasses import dataclass
from pathlib import Path

from leaf_ray.config import RunConfig
from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.models.resolve import cache_folder
from leaf_ray.runs import Run
from leaf_ray.runs.folder import MODEL_FOLDER
from leaf_ray.table.reader import DocumentTable


@dataclass(frozen=True, slots=True)
class Served:
    """The leaf's folder and the documents' table, of one space."""

    leaf: Path
    table: DocumentTable


def open_finished(config: RunConfig) -> Served:
    """As `open_served`, of a run whose index is known to be whole.

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


def leaf_folder(run: Run, name: str) -> Path:
    """A folder of the finished leaf: itself, or this machine's copy.

    Raises:
        MissingStage: the leaf is not finished.
    """
    manifest = run.leaf.require(command="leaf distill FILE")
    return run.leaf.fetch(name, cache_folder() / "leaves" / manifest.id)


def require_leaf_of(space: Space, leaf: Path, *, owner: str) -> None:
    """Refuse a leaf of another space than `owner` has.

    Raises:
        SpaceMismatch: it is of another space, or no leaf.
    """
    require_same_space(leaf_space(leaf), space, our_name=f"the leaf {leaf}", their_name=owner)
