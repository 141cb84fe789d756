"""Run files: one YAML file describes one run."""

from leaf_ray.config.load import load_config
from leaf_ray.config.sections import RunConfig

__all__ = ["RunConfig", "load_config"]
