"""embed: the teacher over all texts, by Ray Data, into Parquet."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from leaf_ray.config import RunConfig
from leaf_ray.core.space.space import Space
from leaf_ray.encoders.prepare import Tokenise
from leaf_ray.errors import ConfigError, EncodingError
from leaf_ray.runs import Part
from leaf_ray.runs.folder import SPACE_FILE
from leaf_ray.runs.parts import read_space, write_rotation, write_space
from leaf_ray.runs.shards import ShardStats, finished_shards, has_shard
from leaf_ray.stages.cluster.failures import own_errors
from leaf_ray.stages.cluster.ticker import watched
from leaf_ray.stages.embed.pack import pack
from leaf_ray.stages.embed.pipeline import encode_shards, plan_actors, planned_shards
from leaf_ray.stages.embed.rotation import RotateShard, fitted_rotation
from leaf_ray.stages.embed.shard import EncodeShard, LookUpShard, ReadShard
from leaf_ray.stages.stage import Job, Made, Stage
from leaf_ray.stages.teacher import (
    describe_known,
    describe_teacher,
    portable_name,
    remarks_on_teacher,
    teacher_spec,
)

WORK_FOLDER = "embedding"


def _notes(counts: Mapping[str, float]) -> str:
    said = f"{counts['rows_rate']:,.0f} texts/s"
    if counts.get("padded"):
        padding = 1 - counts["tokens"] / counts["padded"]
        said += f", {counts['tokens_rate']:,.0f} tokens/s, {padding:.1%} padding"
    return said


def _make(job: Job) -> Made:
    work = working_folder(job)
    job.begin(forget=job.run.work(WORK_FOLDER))
    shards = planned_shards(job.run.texts)
    space = space_of_work(job, work, shards)
    done = {stats.shard: stats for stats in finished_shards(work)}
    waiting = [shard for shard in shards if shard["shard"] not in done]
    _check_rejected(job, work, sum(stats.rejected for stats in done.values()))
    job.cluster.connect()
    with own_errors():
        if waiting:
            _encode(job, work, space, shards, waiting, done)
        stats = [done[shard["shard"]] for shard in shards]
        space = _finish(job, work, space, stats)
    return _made(job, space, shards, stats)


def _finish(job: Job, work: Part, space: Space, stats: Sequence[ShardStats]) -> Space:
    """Pack the vectors into the part, rotated where that is wanted; the space that they are in."""
    dtype, turn, rotation = job.config.embed.dtype, None, None
    if job.config.space.rotation is not None:
        documents = job.run.texts.require(command="leaf texts FILE").counts["documents"]
        rotation = fitted_rotation(work, stats, space, num_documents=documents)
        space = rotation.rotated(space)
        turn = RotateShard(work, space, dtype)
    job.part.clear()
    write_space(job.part, space)
    if rotation is not None:
        write_rotation(job.part, rotation)
    row_bytes = space.dimension * np.dtype(dtype).itemsize
    pack(work, job.part, stats, row_bytes=row_bytes, turn=turn)
    return space


def _encode(
    job: Job,
    work: Part,
    space: Space,
    shards: Sequence[dict[str, Any]],
    waiting: Sequence[dict[str, Any]],
    done: dict[int, ShardStats],
) -> None:
    """Encode what is waiting, and add it to what is done."""
    pool = plan_actors(job.config, cores=job.cluster.cores)
    total = sum(shard["rows"] for shard in shards)
    with watched(job.progress, done="rows", total=total, notes=_notes) as ticker:
        ticker.add.remote({"rows": total - sum(shard["rows"] for shard in waiting)})
        finished = encode_shards(
            waiting,
            texts=job.run.texts,
            work=work,
            prepare=prepare(job.config, space),
            encoder=encoder_class(job.config, space, threads=pool.threads, ticker=ticker),
            pool=pool,
        )
        # Closed at an error too: on a cluster that stays, encoders would work on for nobody.
        rejected = sum(stats.rejected for stats in done.values())
        notes = {"", *(stats.encoder_note for stats in done.values())}
        with closing(finished):
            for stats in finished:
                done[stats.shard] = stats
                rejected += stats.rejected
                if stats.encoder_note not in notes:
                    # What a worker says itself stays in Ray's log files.
                    notes.add(stats.encoder_note)
                    job.progress.tell(_computed_by(stats.encoder, stats.encoder_note))
                _check_shared(work, stats)
                _check_rejected(job, work, rejected)


def _check_shared(work: Part, stats: ShardStats) -> None:
    if not has_shard(work, stats.shard):
        raise ConfigError(
            f"another node wrote a shard to {work.uri}, and it is not there on this one: put "
            "`root` where all nodes see it, on object storage or a shared folder"
        )


def _check_rejected(job: Job, work: Part, rejected: int) -> None:
    most = job.config.embed.max_rejected
    if rejected > most:
        raise EncodingError(
            f"{rejected} texts have no usable vector, more than embed.max_rejected={most}; they "
            f"and the reasons lie in {work.uri}/rejected. Mend the cause and run again with "
            "--retry-rejected, or raise the limit: what is embedded stays"
        )


def encoder_class(
    config: RunConfig, space: Space, *, threads: int, ticker: Any = None
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """What encodes shards, as a class and what to make it with."""
    settings = config.embed
    if settings.vectors is not None:
        vectors = settings.vectors
        # Workers have working directories of their own.
        path = vectors if "://" in vectors else str(Path(vectors).expanduser().absolute())
        return LookUpShard, (path, space, settings.dtype, ticker)
    spec = teacher_spec(config, space, threads=threads, streams=0)
    return EncodeShard, (spec.load, space, settings.dtype, ticker)


def space_of_work(job: Job, work: Part, shards: Sequence[dict[str, Any]]) -> Space:
    """The teacher's own space: as this work began with, or described now, with what is to know."""
    if work.exists(SPACE_FILE):
        return read_space(work)
    job.progress.update(0, 0, note="the teacher's probe in float32")
    if job.config.embed.vectors is None:
        space = describe_teacher(job.config)
        for remark in remarks_on_teacher(job.config, space):
            job.progress.tell(remark)
    else:
        first = ReadShard(job.run.texts.filesystem, None)(pa.Table.from_pylist([shards[0]]))
        space = describe_known(job.config, job.config.embed.vectors, sample=first)
    write_space(work, space)
    return space


def prepare(config: RunConfig, space: Space) -> Tokenise | None:
    """Tokenising is a task of its own beside the model; what an endpoint does is its own."""
    settings = config.embed
    if config.space.endpoint is not None or settings.vectors is not None:
        return None
    return Tokenise(
        portable_name(config),
        max_length=space.max_length,
        prompts=(space.query_prompt, space.document_prompt),
        overlap=settings.window_overlap if settings.long_texts == "window" else None,
        trust_remote_code=config.space.trust_remote_code,
    )


def _made(
    job: Job, space: Space, shards: Sequence[dict[str, Any]], stats: Sequence[ShardStats]
) -> Made:
    rows = sum(shard["rows"] for shard in shards)
    total = {
        name: sum(getattr(shard, name) for shard in stats)
        for name in ("rows", "vectors", "rejected", "encoded", "tokens", "truncated")
    }
    counts = {
        "texts": rows,
        **{name: total[name] for name in ("vectors", "rejected")},
        "windows": total["rows"] - rows,
        "copies": total["rows"] - total["encoded"],
        "dimension": space.dimension,
        "dtype": job.config.embed.dtype,
        "encoder": " and ".join(sorted({shard.encoder for shard in stats})),
    }
    notes = " and ".join(sorted({shard.encoder_note for shard in stats} - {""}))
    if notes:
        counts["encoder_note"] = notes
    if prepare(job.config, space) is not None:
        # How many tokens an endpoint reads and cuts is unknown, so only other teachers have counts.
        counts |= {name: total[name] for name in ("tokens", "truncated")}
    said = [f"{total['vectors']:,} vectors of {space.dimension} dimensions"]
    said += ["rotated onto their principal axes"] if space.rotation else []
    said += [f"{total[name]:,} {name}" for name in ("truncated", "rejected") if total[name]]
    if counts["copies"]:
        said.append(f"{counts['copies']:,} copies embedded once")
    if notes:
        said.append(_computed_by(counts["encoder"], notes))
    return Made(counts=counts, summary=", ".join(said), space=space.fingerprint)


def _computed_by(encoder: str, note: str) -> str:
    return f"computed by {encoder}, since {note}"


def working_folder(job: Job) -> Part:
    """Where shards are until all are done; other texts or settings have another folder."""
    inputs = job.run.texts.require(command="leaf texts FILE").id
    made_with = json.dumps([inputs, EMBED.wanted(job.config)], sort_keys=True)
    return job.run.work(f"{WORK_FOLDER}/{hashlib.sha256(made_with.encode()).hexdigest()[:16]}")


EMBED = Stage(
    name="embed",
    part="vectors",
    about="computes the teacher's vectors of all texts",
    sections=("space", "embed"),
    work=WORK_FOLDER,
    make=_make,
)
