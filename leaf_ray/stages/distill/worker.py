"""What each Ray Train worker does: build the leaf, fit its head, train, save, report."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import ray.train
import ray.train.collective
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.core.training.autocast import autocast
from leaf_ray.core.training.leaf import NUM_FEATURE_MODULES, set_head, take_head
from leaf_ray.core.training.loader import BatchLoader
from leaf_ray.core.training.loss import objective, score_root
from leaf_ray.core.training.optimizer import LeafOptimizer, linear_cycles
from leaf_ray.core.training.ridge import fit_head
from leaf_ray.core.training.sampler import Sampler
from leaf_ray.core.training.stepper import Recipe
from leaf_ray.core.training.train import Step, train
from leaf_ray.core.training.training_texts import RowNumbers, TrainingTexts
from leaf_ray.runs.folder import MODEL_FOLDER, UNTRAINED_FOLDER
from leaf_ray.stages.cluster.cluster import cores_per_node
from leaf_ray.stages.distill.best import BestWeights
from leaf_ray.stages.distill.checkpoints import (
    State,
    forget_unsent,
    is_unsent,
    load_state,
    save_state,
)
from leaf_ray.stages.distill.counts import check_seen
from leaf_ray.stages.distill.device import built, shared_model, stepper_of
from leaf_ray.stages.distill.disk import check_disk
from leaf_ray.stages.distill.job import WorkerJob, local_texts
from leaf_ray.stages.distill.texts import TRAIN_FILES, VALIDATION_FILES
from leaf_ray.stages.distill.validation import Validation, forward, is_better, is_stale

# Each costs a forward pass, a quarter of what a training step takes for it. A head of 4,096 finds
# 0.04 less of the teacher's first ten, and 0.01 less after 32,000 texts (make bench NAME=ablation).
HEAD_TEXTS = 32_768
# Fewer texts if they are long, so that other workers do not wait for minutes; at least 4,096.
HEAD_TOKENS, FEWEST_HEAD_TEXTS = 1_000_000, 4096
# The covariance of the teacher's vectors is known from fewer.
SPREAD_TEXTS = 8192
# Losses at the beginning that are kept, for comparison with another version's.
FIRST_LOSSES = 50
# Ray takes note of one checkpoint a second or so: with more the training would run ahead of them.
CHECKPOINT_SECONDS = 5.0
# Seconds between two words on progress.
TICK_SECONDS = 0.5


def train_worker(job: WorkerJob) -> None:
    """Train one leaf together with the other workers; rank 0 saves it."""
    context = ray.train.get_context()
    # Logical CPUs of a cluster may be more than the cores that there are.
    cores = min(job.cores, cores_per_node())
    torch.set_num_threads(max(1, cores // context.get_local_world_size()))
    with local_texts(job, clean=context.get_local_rank() == 0) as folder:
        texts, validation_texts = (
            TrainingTexts(sorted(folder.glob(files)), pad_id=job.pad_id)
            for files in (TRAIN_FILES, VALIDATION_FILES)
        )
        check_seen(
            job.counts,
            trained=len(texts),
            validation_texts=len(validation_texts),
            place=job.texts.uri,
        )
        leaf = built(job)
        if context.get_world_rank() == 0 and job.settings.epochs:
            forget_unsent(job.training)
            weights = sum(w.numel() * w.element_size() for w in leaf.state_dict().values())
            check_disk(job.training, weights=weights)
        state = load_state(job.training) or State()
        worker = _Worker(job, leaf, texts, state, BestWeights(job, state))
        if state.leaf:
            leaf.load_state_dict(state.leaf)
        elif worker.is_first:
            worker.begin()
        validation = worker.validation(validation_texts) if worker.is_first else None
        with autocast(leaf.device, job.settings.precision):
            worker.run(validation)
        if worker.is_first:
            worker.finish()
    ray.train.report({"finished": True})


@dataclass(slots=True)
class _Worker:
    """One worker's side of a training.

    state: what a checkpoint holds; its validations and what follows from them are the first
        worker's alone.
    """

    job: WorkerJob
    leaf: SentenceTransformer
    texts: TrainingTexts
    state: State
    best_weights: BestWeights
    saves_from: float = 0.0
    tells_from: float = 0.0
    unsent: Path | None = None

    @property
    def texts_per_step(self) -> int:
        """The number of texts in one step of all workers together."""
        return self.job.settings.batch_size * self.job.settings.micro_batches

    @property
    def is_first(self) -> bool:
        """Whether this one reports and saves."""
        return ray.train.get_context().get_world_rank() == 0

    def expected_N(self, texts: TrainingTexts, *, by_kind: bool) -> npt.NDArray[np.float64]:
        """How often each of some texts would come in an epoch."""
        of_kind = self.job.of_kind if by_kind else {}
        return texts.expected_N(of_kind=of_kind, of_source=self.job.settings.weights)

    def begin(self) -> None:
        """Fit the head, and keep the leaf as it is before its first step."""
        if self.job.settings.head == "ridge":
            rows = self._sample(HEAD_TEXTS)
            tokens_N = np.cumsum(self.texts.lengths_N[rows])
            number = int(np.searchsorted(tokens_N, HEAD_TOKENS, side="right"))
            rows = rows[: max(FEWEST_HEAD_TEXTS, number)]
            feature_NF = forward(self.leaf, self.texts, rows, modules=NUM_FEATURE_MODULES)
            set_head(self.leaf, fit_head(feature_NF, self.texts.vectors(rows)))
        elif self.job.settings.head == "init":
            take_head(self.leaf, self.job.local_init())
        self.best_weights.save(self.leaf, UNTRAINED_FOLDER)

    def validation(self, validation_texts: TrainingTexts) -> Validation:
        """Held-out texts, of which those count that are like what is trained on."""
        is_measured = self.expected_N(validation_texts, by_kind=True) > 0
        # Documents are searched whether they are trained on or not.
        is_found = self.expected_N(self.texts, by_kind=False) > 0
        return Validation(validation_texts, is_measured, self.texts, is_found)

    def run(self, validation: Validation | None) -> None:
        """Take the steps that are left; stops early where the validations say so."""
        settings, state = self.job.settings, self.state
        state.workers = workers = ray.train.get_context().get_world_size()
        if validation is not None and not state.curve:
            self._keep_validation(validation, {})
        if not settings.epochs:
            return
        sampler = self._sampler()
        num_steps = max(1, int(settings.epochs * sampler.steps_per_epoch))
        model = shared_model(self.leaf)
        optimizer = LeafOptimizer(model, weight_decay=settings.weight_decay)
        if state.optimizer:
            optimizer.load_state_dict(state.optimizer)
        if state.rng is not None:
            torch.set_rng_state(state.rng)
        stepper = stepper_of(
            model, optimizer, self._recipe(num_steps), precision=settings.precision
        )
        loader = BatchLoader(
            self.texts,
            sampler,
            rank=ray.train.get_context().get_world_rank(),
            workers=workers,
            for_graphs=stepper.is_queued,
        )
        steps = train(
            stepper,
            loader.steps(state.step, num_steps - state.step),
            first_step=state.step,
            name_of=self.texts.name,
        )
        self._follow(steps, validation, optimizer, num_steps)

    def _follow(
        self,
        steps: Iterator[Step],
        validation: Validation | None,
        optimizer: LeafOptimizer,
        num_steps: int,
    ) -> None:
        settings, state = self.job.settings, self.state
        began = time.monotonic() - state.seconds
        losses: list[torch.Tensor] = []
        for step in steps:
            losses.append(step.loss)
            state.step = step.index + 1
            state.skipped += step.skipped
            if validation is not None:
                self._tell(step, num_steps)
            is_last = state.step == num_steps
            if not is_last and state.step % settings.checkpoint_steps:
                continue
            state.seconds = time.monotonic() - began
            loss = self._over_workers(torch.stack(losses).nanmean())
            if validation is not None:
                self._keep_validation(
                    validation, {"loss": loss, "learning_rate": step.learning_rate}
                )
            losses.clear()
            if is_last or self._stops_or_saves(optimizer):
                return
            # Neither validations nor checkpoints count as training.
            began = time.monotonic() - state.seconds

    def _over_workers(self, loss: torch.Tensor) -> float:
        """The mean over all micro-batches, of each worker's over its own."""
        context = ray.train.get_context()
        number = self.job.settings.micro_batches
        mine = len(range(context.get_world_rank(), number, context.get_world_size()))
        total = loss * mine / number
        torch.distributed.all_reduce(total)
        return float(total)

    def _recipe(self, num_steps: int) -> Recipe:
        settings = self.job.settings
        return Recipe(
            loss=objective(
                settings.loss,
                prefix_weights=settings.prefix_weights,
                covariance_weight=settings.covariance_weight,
                score_root_DD=self._score_root() if settings.covariance_weight else None,
                similarity_weight=settings.similarity_weight,
            ),
            learning_rate=lambda step: linear_cycles(
                step,
                num_steps=num_steps,
                cycles=settings.cycles,
                peak=settings.learning_rate,
                floor=settings.final_learning_rate,
                warmup_steps=min(settings.warmup_steps, num_steps // 10),
            ),
            weight=1 / settings.micro_batches,
        )

    def _score_root(self) -> torch.Tensor:
        # The sample has queries too: the documents that are trained on are not those that will be
        # searched, and queries are of more subjects (make bench NAME=ablation, "scores by
        # documents").
        vector_ND = self.texts.vectors(self._sample(SPREAD_TEXTS))
        return torch.from_numpy(score_root(vector_ND)).to(self.leaf.device)

    def _sample(self, number: int) -> RowNumbers:
        """Rows of texts that are trained on."""
        is_taken = self.expected_N(self.texts, by_kind=True) > 0
        return self.texts.sample(number, among=is_taken)

    def _sampler(self) -> Sampler:
        settings = self.job.settings
        return Sampler(
            self.texts.lengths_N,
            self.expected_N(self.texts, by_kind=True),
            batch_size=settings.batch_size,
            micro_batches=settings.micro_batches,
            seed=settings.seed,
        )

    def _keep_validation(self, validation: Validation, averages: dict[str, float]) -> None:
        state = self.state
        place = {
            "step": state.step,
            "texts": state.step * self.texts_per_step,
            "seconds": round(state.seconds, 2),
        }
        state.curve.append({**place, **averages, **validation.measure(self.leaf)})
        if is_better(state.curve, state.best):
            state.best = state.step
            self.best_weights.keep_best(self.leaf)

    def _stops_or_saves(self, optimizer: LeafOptimizer) -> bool:
        """Make a checkpoint if it is time; whether to stop. The first worker decides for all."""
        patience = self.job.settings.patience
        stops = is_stale(self.state.curve, patience=patience)
        # Slow storage would be left behind by more and more checkpoints that wait.
        saves = time.monotonic() >= self.saves_from and not is_unsent(self.unsent)
        stops, saves = ray.train.collective.broadcast_from_rank_zero((stops, saves))
        if saves and not stops:
            self.saves_from = time.monotonic() + CHECKPOINT_SECONDS
            if self.is_first:
                self.state.leaf = self.leaf.state_dict()
                self.state.optimizer = optimizer.state_dict()
                self.state.rng = torch.get_rng_state()
                self.best_weights.checkpointed()
            self.unsent = save_state(
                self.state if self.is_first else None, training=self.job.training
            )
        return stops

    def _tell(self, step: Step, num_steps: int) -> None:
        state = self.state
        if len(state.losses) < FIRST_LOSSES:
            state.losses.append(float(step.loss))
        if time.monotonic() < self.tells_from:
            return
        self.tells_from = time.monotonic() + TICK_SECONDS
        counts = {"step": state.step, "steps": num_steps}
        last = {name: state.curve[-1][name] for name in ("cosine", "overlap")}
        texts = state.step * self.texts_per_step
        self.job.ticker.put.remote({**counts, **last, "texts": texts, "loss": float(step.loss)})

    def finish(self) -> None:
        """Save the leaf of the best validation."""
        if self.state.best != self.state.step:
            self.leaf.load_state_dict(self.best_weights.best())
        self.best_weights.save(self.leaf, MODEL_FOLDER)
