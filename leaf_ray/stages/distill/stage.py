"""distill: from cached vectors to a leaf, by Ray Train."""

from collections.abc import Mapping
from typing import Any

from leaf_ray.config import RunConfig
from leaf_ray.core.space.space import Space
from leaf_ray.core.uri import redacted
from leaf_ray.runs import Run
from leaf_ray.stages.distill.counts import Counts
from leaf_ray.stages.distill.inputs import resolve_inputs
from leaf_ray.stages.distill.mix import plan_mix
from leaf_ray.stages.distill.publish import publish_leaf
from leaf_ray.stages.distill.sources import version_of
from leaf_ray.stages.distill.training import place_workers, train_leaf
from leaf_ray.stages.distill.worker_errors import reraise_worker_error
from leaf_ray.stages.stage import Job, Made, Stage, parts_of


def _make(job: Job) -> Made:
    inputs = resolve_inputs(job.config, job.run)
    placement = place_workers(job)
    mix = plan_mix(job, inputs)
    training = train_leaf(job, inputs, mix, placement)
    with reraise_worker_error(training):
        course = publish_leaf(job.part, training)
    return _made(course, mix.taken(job.config.distill), inputs.space)


def _made(course: Mapping[str, Any], counts: Counts, space: Space) -> Made:
    """course: of the training, as training.json tells it."""
    curve, skipped = course["curve"], course["skipped_steps"]
    best = next(point for point in curve if point["step"] == course["best_step"])
    before = curve[0]
    made = {
        "texts": counts.trained,
        "validation_texts": counts.validation_texts,
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
        summary=f"{made['steps']:,} steps on {made['texts']:,} texts, validation cosine "
        f"{before['cosine']:.3f} to {best['cosine']:.3f}, overlap@10 with the teacher "
        f"{before['overlap']:.3f} to {best['overlap']:.3f}{notes}",
        space=space.fingerprint,
    )


def _versions(config: RunConfig, run: Run) -> Mapping[str, str]:
    """Versions of the vectors that are trained on, which may be outside of this run."""
    if not config.distill.vectors:
        return parts_of(config, run, "vectors")
    finished = run.leaf.manifest()
    before = {} if finished is None else finished.inputs
    return {
        redacted(place): version_of(place, before=before.get(redacted(place)))
        for place in config.distill.vectors
    }


DISTILL = Stage(
    name="distill",
    part="leaf",
    about="trains the leaf",
    sections=("distill",),
    work="training",
    make=_make,
    inputs=_versions,
)
