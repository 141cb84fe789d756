"""leaf_ray: distill a strong embedding model into a small leaf for queries, on Ray.

import leaf_ray

config = leaf_ray.load_config("jobs/smoke.yaml")
leaf_ray.run(config)
hits = leaf_ray.Searcher(config).search("how do I parse a date")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leaf_ray.config import RunConfig as RunConfig
    from leaf_ray.config import load_config as load_config
    from leaf_ray.core.evaluation.sts import sts_spearman as sts_spearman
    from leaf_ray.core.space.space import Space as Space
    from leaf_ray.exports.router import load_router as load_router
    from leaf_ray.mteb.tasks import beir_task as beir_task
    from leaf_ray.sources.sts import read_sts as read_sts
    from leaf_ray.stages.serve.search import Searcher as Searcher
    from leaf_ray.stages.verbs import cost as cost
    from leaf_ray.stages.verbs import distill as distill
    from leaf_ray.stages.verbs import embed as embed
    from leaf_ray.stages.verbs import evaluate as evaluate
    from leaf_ray.stages.verbs import index as index
    from leaf_ray.stages.verbs import run as run
    from leaf_ray.stages.verbs import serving as serving
    from leaf_ray.stages.verbs import texts as texts

# Imported on first use, so that `import leaf_ray` costs nothing.
_HOMES = {
    "RunConfig": "leaf_ray.config",
    "load_config": "leaf_ray.config",
    "Space": "leaf_ray.core.space.space",
    "load_router": "leaf_ray.exports.router",
    "beir_task": "leaf_ray.mteb.tasks",
    "read_sts": "leaf_ray.sources.sts",
    "sts_spearman": "leaf_ray.core.evaluation.sts",
    "Searcher": "leaf_ray.stages.serve.search",
    "texts": "leaf_ray.stages.verbs",
    "embed": "leaf_ray.stages.verbs",
    "distill": "leaf_ray.stages.verbs",
    "index": "leaf_ray.stages.verbs",
    "evaluate": "leaf_ray.stages.verbs",
    "cost": "leaf_ray.stages.verbs",
    "run": "leaf_ray.stages.verbs",
    "serving": "leaf_ray.stages.verbs",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
