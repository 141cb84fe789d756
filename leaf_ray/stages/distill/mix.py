"""The mix of texts that an epoch takes: laid out once, weighed by kind and source."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import NodeDiedError, TaskUnschedulableError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.runs import Part
from leaf_ray.stages.cluster.cluster import working_nodes
from leaf_ray.stages.distill.counts import Counts
from leaf_ray.stages.distill.inputs import Inputs
from leaf_ray.stages.distill.texts import COUNTS_FILE, TokeniseAndSplit, make_training_texts
from leaf_ray.stages.distill.worker_errors import reraise_worker_error
from leaf_ray.stages.stage import Job

# The fewest that a head can be fitted on.
FEWEST_TEXTS = 10
# Fewest validation texts, as long as they are no more than this share.
FEWEST_VALIDATION_TEXTS, LARGEST_SHARE = 12, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Training texts as they are laid out, and how often an epoch takes each kind.

    key: names texts and layout; equal keys are equal texts.
    of_kind: how often an epoch takes a text, by its kind; its source's weight comes on top.
    """

    key: str
    texts: Part
    counts: Counts
    of_kind: Mapping[str, float]

    def taken(self, settings: DistillConfig) -> Counts:
        """The texts that an epoch may take."""
        return self.counts.taken(self.of_kind, settings.weights)


def plan_mix(job: Job, inputs: Inputs) -> Mix:
    """Lay out the training texts unless they are laid out, and weigh them.

    Raises:
        ConfigError: a weight is of no source, or a node does not see what the others wrote.
        InputError: there are too few texts, or one cannot be used.
    """
    settings = job.config.distill
    share = max(
        settings.validation_share, min(LARGEST_SHARE, FEWEST_VALIDATION_TEXTS / max(1, inputs.rows))
    )
    tokenise = TokeniseAndSplit(inputs.init, inputs.space, validation_share=share)
    key = key_of([source.version for source in inputs.sources], tokenise.made_with())
    texts = job.run.work(f"training/texts-{key}")
    job.progress.update(0, 0, note="laying texts out")
    with reraise_worker_error(texts):
        counts = make_training_texts(inputs.sources, texts, tokenise)
    if texts.is_local:
        check_shared(texts.uri, seen_by=_seen_by_nodes(texts.file(COUNTS_FILE)))
    of_kind = weights_of_kinds(settings, counts)
    check_texts(settings, counts, of_kind)
    return Mix(key=key, texts=texts, counts=counts, of_kind=of_kind)


def key_of(*made_with: Any) -> str:
    """Names unfinished work: only the very same is gone on with."""
    return hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()[:16]


def weights_of_kinds(settings: DistillConfig, counts: Counts) -> dict[str, float]:
    """How often an epoch takes a text, by its kind; its source's weight comes on top."""
    queries, documents = (counts.expected(kind, settings.weights) for kind in (QUERY, DOCUMENT))
    # With no queries there is nothing to balance: train on all documents.
    wanted = settings.documents_per_query * queries if queries else documents
    return {QUERY: 1.0, DOCUMENT: min(1.0, wanted / max(1.0, documents))}


def check_texts(settings: DistillConfig, counts: Counts, of_kind: Mapping[str, float]) -> None:
    """Refuse weights of sources that are not there, and too few texts.

    Raises:
        ConfigError, InputError: as said.
    """
    unknown = [name for name in settings.weights if name not in counts.sources]
    if unknown:
        known = ", ".join(sorted(counts.sources))
        raise ConfigError(
            f"distill.weights: no text is from {unknown[0]!r}; there are texts from {known}"
        )
    left = counts.taken(of_kind, settings.weights)
    if settings.head == "ridge" and left.trained < FEWEST_TEXTS:
        raise InputError(
            f"{left.trained} training texts are too few to fit a head on, which needs "
            f"{FEWEST_TEXTS}: bring more texts"
        )
    if not left.trained:
        raise InputError(
            "distill.weights leave no text to train on or no document to search: raise one of them"
        )
    taken = sum(of_kind[kind] * counts.expected(kind, settings.weights) for kind in of_kind)
    needed = settings.batch_size * settings.micro_batches
    if settings.epochs and taken < needed:
        raise InputError(
            f"{taken:.0f} training texts are too few: a step of {settings.micro_batches} batches "
            f"of {settings.batch_size} takes {needed}. Bring more texts, or lower "
            "distill.batch_size, distill.workers or distill.accumulate, or raise distill.weights"
        )
    if not left.validation_texts:
        raise InputError(
            f"none of {left.trained} texts is a validation text: raise distill.validation_share"
        )


def check_shared(place: str, *, seen_by: Sequence[bool]) -> None:
    """Refuse texts that lie on the disks of some machines only.

    seen_by: whether each machine sees the file that is written last.

    Raises:
        ConfigError: as said.
    """
    if not all(seen_by):
        raise ConfigError(
            f"{place} is not there on {len(seen_by) - sum(seen_by)} of {len(seen_by)} nodes: put "
            "`root` where all nodes see it, on object storage or a shared folder"
        )


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
