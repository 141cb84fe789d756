"""The finished leaf of a run, as a folder on this machine."""

from pathlib import Path

from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.models.resolve import cache_folder
from leaf_ray.runs import Run


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
