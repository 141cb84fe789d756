"""A run is a folder: one part per stage, each with a manifest that is written last."""

from leaf_ray.runs.folder import PARTS, Part, Run
from leaf_ray.runs.manifest import Manifest

__all__ = ["PARTS", "Manifest", "Part", "Run"]
