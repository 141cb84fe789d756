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
from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.mteb.tasks import task_folder
from leaf_ray.runs import Run
from leaf_ray.runs.decide import unfinish_from
from leaf_ray.runs.folder import SPACE_FILE
from leaf_ray.runs.parts import read_rotation, read_space, write_rotation, write_space
from leaf_ray.stages.embed.stage import EMBED, working_folder
from leaf_ray.stages.stage import Job, Stage, perform
from leaf_ray.stages.texts import TEXTS

FOLDER = "collections"
# Judgments of queries or documents that are not there: with more of them it is another collection.
UNKNOWN_SHARE = 0.1
# An mteb task, and a subset of it after a colon.
_TASK_NAME = re.compile(r"(?!docstrings:)[\w.-]+(:[\w.+-]+)?")


def collection_job(job: Job, name: str) -> Job:
    """The collection's own job, its texts finished.

    name: a BEIR folder, any other source of texts with queries, or the name of an mteb task.

    Raises:
        ConfigError: there is no such folder and no such task, or no hub to get it from.
        InputError: the collection cannot be used.
    """
    own = _own_job(job, name)
    _unfinish_other(TEXTS, own)
    texts = perform(TEXTS, own.config, progress=job.progress, cluster=job.cluster, again=False)
    _refuse_unknown(name, texts.counts)
    return own


def embed_collection(job: Job, own: Job, space: Space) -> None:
    """Embed a collection's texts by the run's teacher, unless they are embedded.

    space: of the run; the collection's vectors are in it too.

    Raises:
        ConfigError: of the teacher only vectors are known.
        SpaceMismatch: the teacher gives other vectors than those of the run.
    """
    if not space.probe.is_known:
        raise ConfigError(
            f"evaluate.collections needs vectors by {space.teacher}, but this run knows only its "
            "stored vectors: set space.teacher to a model that can be loaded, or leave the "
            "collections out"
        )
    vectors = own.run.vectors
    # The run's vectors may have been made anew, with other settings or another rotation.
    _unfinish_other(EMBED, own)
    if vectors.manifest() is not None and read_space(vectors).fingerprint != space.fingerprint:
        unfinish_from(own.run, vectors)
    if vectors.manifest() is None:
        _begin(job, own, space)
    perform(EMBED, own.config, progress=job.progress, cluster=job.cluster, again=False)
    require_same_space(
        space, read_space(vectors), our_name="the run", their_name=f"its collection {vectors.uri}"
    )


def label(name: str) -> str:
    """The name of a collection, for people and files."""
    return re.sub(r"[^\w.-]", "_", name.rstrip("/").rpartition("/")[2]) or "collection"


def _own_job(job: Job, name: str) -> Job:
    is_task = _TASK_NAME.fullmatch(name) and not Path(name).expanduser().exists()
    path = str(task_folder(name)) if is_task else name
    key = hashlib.sha256(path.encode()).hexdigest()[:8]
    root = f"{job.config.root.rstrip('/')}/{FOLDER}/{label(name)}-{key}"
    config = job.config.model_copy(
        update={
            "root": root,
            # A collection's queries to train on are embedded for nothing, and a collection that
            # lacks a row is another one, with other figures.
            "texts": TextsConfig(
                path=path, num_test_queries=None, num_train_queries=1, max_rejected=0
            ),
            "embed": job.config.embed.model_copy(update={"vectors": None}),
        }
    )
    run = Run.open(root)
    return replace(job, config=config, run=run, part=run.vectors)


def _unfinish_other(stage: Stage, own: Job) -> None:
    """Let a part that was made with other settings be made again: nobody names them but we."""
    part = own.run.part(stage.part)
    manifest = part.manifest()
    if manifest is not None and dict(manifest.made_with) != stage.wanted(own.config):
        unfinish_from(own.run, part)


def _refuse_unknown(name: str, counts: Mapping[str, Any]) -> None:
    if counts["query_form"] == "derived":
        raise InputError(
            f"{name} has no queries to evaluate with: give it judgments, a column `query`, or rows "
            "of kind 'query'"
        )
    queries, documents = (
        counts[f"judgments_of_unknown_{kind}"] for kind in ("queries", "documents")
    )
    judged = counts["judgments"] + queries
    if queries + documents > UNKNOWN_SHARE * judged:
        raise InputError(
            f"{queries + documents:,} of {judged:,} judgments of {name} are of queries or "
            "documents that it does not hold: are its files of one collection?"
        )


def _begin(job: Job, own: Job, space: Space) -> None:
    """Let the embedding begin in the run's space, so that no teacher is described again."""
    work = working_folder(own)
    rotation = read_rotation(job.run.vectors, space)
    teachers = space if rotation is None else rotation.unrotated(space)
    if work.exists(SPACE_FILE) and read_space(work).fingerprint != teachers.fingerprint:
        # These vectors are of a teacher with the same name and other weights.
        work.clear()
    write_space(work, teachers)
    if rotation is not None:
        write_rotation(work, rotation)
