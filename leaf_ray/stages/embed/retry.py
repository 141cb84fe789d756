"""Once more over the texts that have no vector, without touching those that have one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from leaf_ray.config import RunConfig
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.decide import decide, inputs_of
from leaf_ray.runs.folder import REJECTED_FILE, RETRIED_FILE
from leaf_ray.runs.lock import part_lock
from leaf_ray.runs.parts import read_rotation, read_space, read_table
from leaf_ray.runs.progress import Progress
from leaf_ray.runs.shards import forget_rejected, write_whole
from leaf_ray.stages.cluster.cluster import Cluster
from leaf_ray.stages.cluster.failures import own_errors
from leaf_ray.stages.embed.rotation import RotateShard
from leaf_ray.stages.embed.shard import REASON, divided
from leaf_ray.stages.embed.stage import EMBED, encoder_class, prepare, working_folder
from leaf_ray.stages.stage import Job


def retry(config: RunConfig, *, progress: Progress, cluster: Cluster) -> None:
    """Encode the rejected texts of the vectors part again.

    Those of a part that is not finished are forgotten, so that the next run encodes them.

    Raises:
        MissingStage: the texts are not finished.
        StaleStage, SpaceMismatch: the part was made with other settings.
        PartBusy: another command is making it.
    """
    run = Run.open(config.root)
    inputs = inputs_of(run, *EMBED.reads)
    with part_lock(run.vectors, by="leaf embed --retry-rejected"):
        _retry(Job(config, run, run.vectors, progress, cluster), inputs)


def _retry(job: Job, inputs: Mapping[str, str]) -> None:
    manifest = job.part.manifest()
    if manifest is None:
        forget_rejected(working_folder(job))
        return
    decide(manifest, wanted=EMBED.wanted(job.config), inputs=inputs, part=job.part.uri)
    if manifest.counts["rejected"]:
        job.progress.stage("retry", about="embeds the rejected texts once more")
        counts = _retried(job, manifest)
        job.progress.end(f"{counts['vectors']:,} vectors, {counts['rejected']:,} still rejected")


def _retried(job: Job, manifest: Manifest) -> dict[str, Any]:
    retries = manifest.counts.get("retries", 0) + 1
    before = REJECTED_FILE.format(retries - 1)
    with own_errors():
        vectors, rejected = _encode(job, read_table(job.part, before).drop_columns([REASON]))
    # A retry that is cut short before its manifest is written is made again under these names.
    for name, rows in ((RETRIED_FILE, vectors), (REJECTED_FILE, rejected)):
        if len(rows):
            write_whole(job.part, name.format(retries), rows)
        elif job.part.exists(name.format(retries)):
            job.part.filesystem.delete_file(job.part.file(name.format(retries)))
    counts = {
        **manifest.counts,
        "vectors": manifest.counts["vectors"] + len(vectors),
        "rejected": len(rejected),
        "retries": retries,
    }
    job.part.finish(replace(manifest, counts=counts))
    job.part.filesystem.delete_file(job.part.file(before))
    return counts


def _encode(job: Job, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Rows with vectors, and rows that have none with REASON; in this process: they are few."""
    space = read_space(job.part)
    rotation = read_rotation(job.part, space)
    teacher = space if rotation is None else rotation.unrotated(space)
    made_ready = prepare(job.config, teacher)
    if made_ready is not None:
        # Windows of long documents were cut before; what is left of each fits.
        rows = replace(made_ready, overlap=None)(rows)
    kind, arguments = encoder_class(job.config, teacher, threads=0)
    encode = kind(*arguments)
    # All of them failed before, and may all do so again.
    encode.patience = len(rows) + 1
    vectors, rejected = divided(encode(rows))
    if rotation is not None:
        vectors = RotateShard(job.part, space, job.config.embed.dtype)(vectors)
    return vectors, rejected
