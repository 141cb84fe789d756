"""Collections to evaluate on, each a run of its own below the run's root.

Its texts and the teacher's vectors of them are made by the stages that make a run's own, so that
they are resumed, checked and reused in the same way: another leaf costs no teacher.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from leaf_ray.config.sections import TextsConfig
from leaf_ray.core.space import Space
from leaf_ray.errors import InputError
from leaf_ray.mteb.tasks import task_folder
from leaf_ray.run import Run
from leaf_ray.run.parts import read_rotation, read_space, write_rotation, write_space
from leaf_ray.stages.embed import EMBED, working_folder
from leaf_ray.stages.stage import Job, perform
from leaf_ray.stages.texts import TEXTS

FOLDER = "collections"
# Queries of a collection are all there to test with.
ALL = 1_000_000_000
# Judgments of queries or documents that are not there: with more of them it is another collection.
UNKNOWN_SHARE = 0.1
_TASK_NAME = re.compile(r"[\w.-]+")


def embedded_collection(job: Job, name: str, space: Space) -> Job:
    """The collection's own job, its texts and vectors finished.

    name: a BEIR folder, any other source of texts with queries, or the name of an mteb task.
    space: of the run; the collection's vectors are in it too.

    Raises:
        ConfigError: there is no such folder and no such task, or no hub to get it from.
        InputError: the collection cannot be used.
    """
    own = _own_job(job, name)
    texts = perform(TEXTS, own.config, progress=job.progress, cluster=job.cluster, again=False)
    _refuse_unknown(name, texts.counts)
    vectors = own.run.vectors
    # After `leaf embed --again` the run's own rotation may be another one.
    again = vectors.manifest() is not None and read_space(vectors).fingerprint != space.fingerprint
    if again:
        vectors.unfinish()
    if vectors.manifest() is None:
        _seed(job, own, space)
    perform(EMBED, own.config, progress=job.progress, cluster=job.cluster, again=False)
    return own


def _own_job(job: Job, name: str) -> Job:
    is_task = _TASK_NAME.fullmatch(name) and not Path(name).expanduser().exists()
    path = str(task_folder(name)) if is_task else name
    key = hashlib.sha256(path.encode()).hexdigest()[:8]
    root = f"{job.config.root.rstrip('/')}/{FOLDER}/{label(name)}-{key}"
    config = job.config.model_copy(
        update={
            "root": root,
            "texts": TextsConfig(path=path, num_held_out=ALL, num_train_queries=1),
            "embed": job.config.embed.model_copy(update={"vectors": None}),
        }
    )
    run = Run.open(root)
    return replace(job, config=config, run=run, part=run.vectors)


def label(name: str) -> str:
    """The name of a collection, for people and files."""
    return re.sub(r"[^\w.-]", "_", name.rstrip("/").rpartition("/")[2]) or "collection"


def _refuse_unknown(name: str, counts: Mapping[str, Any]) -> None:
    if not counts["held_out_queries"]:
        raise InputError(f"{name} has no queries, so there is nothing to evaluate with")
    queries, documents = (
        counts[f"judgments_of_unknown_{kind}"] for kind in ("queries", "documents")
    )
    judged = counts["judgments"] + queries
    if queries + documents > UNKNOWN_SHARE * judged:
        raise InputError(
            f"{queries + documents:,} of {judged:,} judgments of {name} are of queries or "
            "documents that it does not hold: are its files of one collection?"
        )


def _seed(job: Job, own: Job, space: Space) -> None:
    """Let the collection begin with the run's rotation, and with its probe where that is told."""
    work = working_folder(own)
    rotation = read_rotation(job.run.vectors, space)
    if rotation is None:
        write_space(work, space)
    else:
        write_rotation(work, rotation)
