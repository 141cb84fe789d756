"""distill: from cached vectors to a leaf, by Ray Train."""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import NodeDiedError, TaskUnschedulableError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from leaf_ray.config import RunConfig as Config
from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.core.space.space import Space
from leaf_ray.core.uri import shown
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.json_file import read_json_file
from leaf_ray.models.leaf_folder import TRAINING_FILE, leaf_probe
from leaf_ray.models.resolve import resolve_model
from leaf_ray.pages.training_plot import training_plot
from leaf_ray.runs import Part, Run
from leaf_ray.runs.folder import MODEL_FOLDER, TRAINING_PLOT, UNTRAINED_FOLDER
from leaf_ray.stages.cluster.cluster import working_nodes
from leaf_ray.stages.cluster.ticker import watched
from leaf_ray.stages.distill.checkpoints import STATE_VERSION, has_checkpoint
from leaf_ray.stages.distill.checks import (
    check_head,
    check_init,
    check_layers,
    check_names,
    check_prefixes,
    check_room,
    check_shared,
    check_space,
    check_texts,
    weights_of_kinds,
)
from leaf_ray.stages.distill.counts import Counts
from leaf_ray.stages.distill.disk import reserved
from leaf_ray.stages.distill.fit import fit
from leaf_ray.stages.distill.job import WorkerJob
from leaf_ray.stages.distill.sources import (
    Source,
    other_source,
    own_source,
    require_one_space,
    version_of,
)
from leaf_ray.stages.distill.texts import COUNTS_FILE, Tokenise, make_training_texts
from leaf_ray.stages.distill.worker_errors import ERRORS_FOLDER, told
from leaf_ray.stages.stage import Job, Made, Stage

# Texts that are held out, at least, as long as they are no more than this share.
FEWEST_HELD_OUT, LARGEST_SHARE = 12, 0.2


def _sources(config: Config, run: Run) -> list[Source]:
    settings = config.distill
    if not settings.vectors:
        return [own_source(run.vectors, source_column=settings.source_column)]
    return [other_source(place, source_column=settings.source_column) for place in settings.vectors]


@dataclass(frozen=True, slots=True)
class _Given:
    """What a leaf is made from: vectors of one space, and the encoder that it begins as."""

    sources: Sequence[Source]
    space: Space
    init: ModelFolder


def _given(config: Config, run: Run) -> _Given:
    """Find what a leaf is made from, and refuse what does not go together."""
    settings = config.distill
    sources = _sources(config, run)
    space = require_one_space(sources, run.vectors)
    if settings.vectors:
        check_space(config.space, space)
    # A leaf pools its prompt, whatever the model does that it begins as.
    init = replace(ModelFolder.read(resolve_model(settings.init)), pools_prompt=True)
    check_init(init, space)
    check_layers(settings, init)
    check_head(settings, init.path, space)
    check_prefixes(settings, space)
    check_names(settings, [source.name for source in sources])
    return _Given(sources, space, init)


def _make(job: Job) -> Made:
    settings = job.config.distill
    given = _given(job.config, job.run)
    num_rows = sum(source.rows for source in given.sources)
    share = max(settings.held_out_share, min(LARGEST_SHARE, FEWEST_HELD_OUT / max(1, num_rows)))
    tokenise = Tokenise(given.init, given.space, held_out_share=share)
    key = _key([source.version for source in given.sources], tokenise.made_with())
    texts = job.run.work(f"training/texts-{key}")
    job.cluster.connect()
    use_gpu = ray.cluster_resources().get("GPU", 0) > 0
    unit = "GPU" if use_gpu else "CPU"
    waiting = check_room(
        settings,
        room=int(ray.cluster_resources().get(unit, 0)),
        unit=unit,
        may_grow=not job.cluster.is_ours,
    )
    training = job.run.work(f"training/{_key(STATE_VERSION, key, use_gpu, _decisive(settings))}")
    job.progress.update(0, 0, note="laying texts out")
    with told(training):
        counts = make_training_texts(given.sources, texts, tokenise)
    if texts.is_local:
        check_shared(texts.uri, seen_by=_seen_by_nodes(texts.file(COUNTS_FILE)))
    of_kind = weights_of_kinds(settings, counts)
    check_texts(settings, counts, of_kind)
    taken = counts.taken(of_kind, settings.weights)
    if job.again:
        training.clear()
    with told(training):
        goes_on = has_checkpoint(training)
    job.begin()
    notes = (
        "loss {loss:.3f}, held-out cosine {cosine:.3f}, overlap@10 {overlap:.3f}, "
        "{texts_rate:.0f} texts/s"
    ).format_map
    with watched(job.progress, done="step", total="steps", notes=notes) as ticker:
        worker_job = WorkerJob(
            settings=settings,
            space=given.space,
            init=given.init.path,
            pad_id=given.init.pad_id,
            of_kind=of_kind,
            counts=counts,
            cores=job.cluster.cores,
            texts=texts,
            training=training,
            ticker=ticker,
        )
        # Until the first step there is no count: a head of 32,768 texts takes a minute.
        first = ", which fit the head" if settings.head == "ridge" else ""
        if goes_on:
            first = " to go on from the last checkpoint"
        job.progress.update(0, 0, note=waiting or f"starting workers on {unit}s{first}")
        with told(training), reserved(training, ERRORS_FOLDER):
            fit(worker_job, use_gpu=use_gpu)
    with told(training):
        course = _taken_over(job.part, training)
    return _made(course, taken, given.space)


def _seen_by_nodes(file: str) -> list[bool]:
    sees = ray.remote(num_cpus=0)(Path.is_file)
    places = [NodeAffinitySchedulingStrategy(n["NodeID"], soft=False) for n in working_nodes()]
    asked = [sees.options(scheduling_strategy=place).remote(Path(file)) for place in places]
    seen: list[bool] = []
    for answer in asked:
        # A node that was lost is listed for some seconds more, and says nothing of the storage.
        with suppress(NodeDiedError, TaskUnschedulableError, WorkerCrashedError):
            seen.append(ray.get(answer))
    return seen


def _taken_over(part: Part, training: Part) -> dict[str, Any]:
    """Put the trained leaf in the place of the one before; what training.json says of its course.

    It is loaded before as the service will load it, and has to encode as it did in training.
    """
    with tempfile.TemporaryDirectory() as copies:
        leaf = training.fetch(MODEL_FOLDER, Path(copies))
        leaf_probe(leaf).check(EncoderSpec(folder=str(leaf)).load(), name=f"the leaf in {leaf}")
        course: dict[str, Any] = read_json_file(leaf / TRAINING_FILE)
    # Only now: until here the files of the leaf before stay, and so does what a rerun goes on from.
    part.clear()
    for name in (UNTRAINED_FOLDER, MODEL_FOLDER):
        part.take(training, name)
    plot = training_plot(course["curve"], best_step=course["best_step"])
    part.write(TRAINING_PLOT, plot)
    return course


def _made(course: Mapping[str, Any], counts: Counts, space: Space) -> Made:
    """course: of the training, as training.json tells it."""
    curve, skipped = course["curve"], course["skipped_steps"]
    best = next(point for point in curve if point["step"] == course["best_step"])
    before = curve[0]
    made = {
        "texts": counts.trained,
        "held_out": counts.held_out,
        "steps": curve[-1]["step"],
        "texts_seen": curve[-1]["texts"],
        "cosine_before": before["cosine"],
        "cosine_after": best["cosine"],
        "overlap_before": before["overlap"],
        "overlap_after": best["overlap"],
        "steps_skipped": skipped,
    }
    told_of = [*course["notes"]]
    if resumed := course["resumed_steps"]:
        told_of.append(f"resumed from step {', '.join(f'{step:,}' for step in resumed)}")
    if skipped:
        told_of.append(f"{skipped:,} steps were skipped, as their gradient was not finite")
    notes = "".join(f"; {note}" for note in told_of)
    return Made(
        counts=made,
        summary=f"{made['steps']:,} steps on {made['texts']:,} texts, held-out cosine "
        f"{before['cosine']:.3f} to {best['cosine']:.3f}, overlap@10 with the teacher "
        f"{before['overlap']:.3f} to {best['overlap']:.3f}{notes}",
        space=space.fingerprint,
    )


def _decisive(settings: DistillConfig) -> dict[str, Any]:
    """The settings that decide what a checkpoint holds; how often, and when to stop, do not."""
    passing = {"checkpoint_steps", "patience"}
    return {name: value for name, value in settings.made_with().items() if name not in passing}


def _key(*made_with: Any) -> str:
    """Names unfinished work: only the very same is gone on with."""
    return hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()[:16]


def _outside(config: Config) -> dict[str, str] | None:
    """Versions of what is trained on instead of this run's vectors; None where it is those."""
    if not config.distill.vectors:
        return None
    finished = Run.open(config.root).leaf.manifest()
    before = {} if finished is None else finished.inputs
    return {
        shown(place): version_of(place, before=before.get(shown(place)))
        for place in config.distill.vectors
    }


DISTILL = Stage(
    name="distill",
    part="leaf",
    about="a leaf trained into the teacher's space",
    sections=("distill",),
    work="training",
    make=_make,
    check=_given,
    begins_itself=True,
    outside=_outside,
)
