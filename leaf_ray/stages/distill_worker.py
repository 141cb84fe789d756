"""What each Ray Train worker does: build the leaf, fit its head, train, save, report.

Shapes: N = texts, F = pooled features, D = dimensions.
"""

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import ray.train
import ray.train.torch
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.core.leaf import NUM_FEATURE_MODULES, build_leaf, freeze_unused, set_head
from leaf_ray.core.loss import LOSSES
from leaf_ray.core.ridge import fit_head
from leaf_ray.core.schedule import linear_cycles
from leaf_ray.core.sentence import SentenceVectors
from leaf_ray.core.shard import Shard, read_shard
from leaf_ray.core.train import Step, adamw, train
from leaf_ray.encoders.leaf_folder import save_leaf
from leaf_ray.run.folder import MODEL_FOLDER, UNTRAINED_FOLDER
from leaf_ray.stages.distill_job import WorkerJob

# More texts make the closed-form head hardly better, and each costs a forward pass.
HEAD_TEXTS = 4096
# Texts of a forward pass without gradients.
FORWARD_TEXTS = 64
# Looks at the held-out texts over a run; between two, the loss is averaged.
LOOKS = 10
STATE_FILE = "state.pt"


def train_worker(job: WorkerJob) -> None:
    """Train one leaf together with the other workers; rank 0 saves it."""
    torch.set_num_threads(job.threads)
    shard = read_shard(ray.train.get_dataset_shard("train").iter_batches(), pad_id=job.pad_id)
    leaf = build_leaf(job.init, job.space).to(ray.train.torch.get_device())
    freeze_unused(leaf)
    state = _load_state()
    if state is None and _is_first():
        set_head(leaf, fit_head(*_features(leaf, shard)))
        _save(leaf, job, UNTRAINED_FOLDER, curve=[])
    if state is not None:
        leaf.load_state_dict(state["leaf"])
    curve = _train(job, leaf, shard, state)
    if _is_first():
        _save(leaf, job, MODEL_FOLDER, curve=curve)
    ray.train.report({"finished": True})


def _train(
    job: WorkerJob, leaf: SentenceTransformer, shard: Shard, state: dict[str, Any] | None
) -> list[dict[str, float]]:
    """Take the steps that are left; the learning curve of the whole run comes back."""
    settings = job.settings
    held_out = read_shard([job.held_out], pad_id=job.pad_id)
    num_steps = max(1, int(settings.epochs * (len(shard) // settings.batch_size)))
    model = ray.train.torch.prepare_model(SentenceVectors(leaf))
    optimizer = adamw(model, weight_decay=settings.weight_decay)
    first, curve = 0, []
    if state is not None:
        optimizer.load_state_dict(state["optimizer"])
        first, curve = state["step"], state["curve"]
    else:
        curve = [{"step": 0, "cosine": held_out_cosine(leaf, held_out)}] if _is_first() else []
    batches = shard.batches(batch_size=settings.batch_size, seed=settings.seed, first_step=first)
    steps = train(
        model,
        (batch.to(leaf.device) for batch in itertools.islice(batches, num_steps - first)),
        optimizer,
        loss=LOSSES[settings.loss],
        learning_rate=lambda step: linear_cycles(
            step,
            num_steps=num_steps,
            cycles=settings.cycles,
            peak=settings.learning_rate,
            floor=settings.final_learning_rate,
            warmup_steps=min(settings.warmup_steps, num_steps // 10),
        ),
        first_step=first,
    )
    losses: list[torch.Tensor] = []
    look_every = max(1, num_steps // LOOKS)
    with autocast(leaf.device, enabled=_multiplies_in_bf16(leaf.device)):
        for step in steps:
            if not step.skipped:
                losses.append(step.loss)
            done = step.index + 1
            if _is_first() and (done % look_every == 0 or done == num_steps):
                curve.append(_look(step, losses, leaf, held_out))
                losses.clear()
            if _is_first() and done % 5 == 0:
                last = curve[-1]
                job.ticker.put.remote({"step": done, "steps": num_steps, **_shown(step, last)})
            if done % settings.checkpoint_steps == 0 and done < num_steps:
                _checkpoint(leaf, optimizer, done, curve)
    return curve


def _look(
    step: Step, losses: list[torch.Tensor], leaf: SentenceTransformer, held_out: Shard
) -> dict[str, float]:
    return {
        "step": step.index + 1,
        "loss": float(torch.stack(losses).mean()) if losses else float("nan"),
        "learning_rate": step.learning_rate,
        "cosine": held_out_cosine(leaf, held_out),
    }


def _shown(step: Step, last: dict[str, float]) -> dict[str, float]:
    return {"loss": float(step.loss), "cosine": last["cosine"]}


def held_out_cosine(leaf: SentenceTransformer, held_out: Shard) -> float:
    """Mean cosine to the teacher on texts that are not trained on."""
    leaf_ND = _forward(leaf, held_out, modules=None)
    teacher_ND = held_out.teacher_ND
    norms_N = np.linalg.norm(leaf_ND, axis=1) * np.linalg.norm(teacher_ND, axis=1)
    return float((np.einsum("nd,nd->n", leaf_ND, teacher_ND) / norms_N).mean())


def _features(leaf: SentenceTransformer, shard: Shard) -> tuple[np.ndarray, np.ndarray]:
    """Pooled features and teacher's vectors of the first texts, to fit the head on."""
    first = shard.head(HEAD_TEXTS)
    return _forward(leaf, first, modules=NUM_FEATURE_MODULES), first.teacher_ND


def _forward(leaf: SentenceTransformer, shard: Shard, *, modules: int | None) -> np.ndarray:
    model = SentenceVectors(leaf, modules=modules)
    was_training = leaf.training
    model.eval()
    outputs: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    with torch.inference_mode():
        for rows_B, batch in shard.by_length(batch_size=FORWARD_TEXTS):
            moved = batch.to(leaf.device)
            output_BD = model(moved.input_ids_BL, moved.attention_mask_BL)
            outputs.append(output_BD.float().cpu().numpy())
            rows.append(rows_B)
    model.train(was_training)
    back = np.argsort(np.concatenate(rows))
    return np.concatenate(outputs)[back]


def _save(
    leaf: SentenceTransformer, job: WorkerJob, name: str, *, curve: list[dict[str, float]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_leaf(leaf, job.space, Path(folder), settings=job.settings.made_with(), curve=curve)
        job.training.publish(Path(folder), into=name)


def _checkpoint(
    leaf: SentenceTransformer,
    optimizer: torch.optim.Optimizer,
    step: int,
    curve: list[dict[str, float]],
) -> None:
    """Report a checkpoint; a barrier, so every worker comes here at the same step."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = None
        if _is_first():
            state = {
                "leaf": leaf.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
                "curve": curve,
            }
            torch.save(state, Path(folder) / STATE_FILE)
            checkpoint = ray.train.Checkpoint.from_directory(folder)
        ray.train.report({"step": step}, checkpoint=checkpoint)


def _load_state() -> dict[str, Any] | None:
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        state: dict[str, Any] = torch.load(Path(folder) / STATE_FILE, weights_only=True)
    return state


def _is_first() -> bool:
    return ray.train.get_context().get_world_rank() == 0


def autocast(device: torch.device, *, enabled: bool) -> torch.autocast:
    """bfloat16 matrix products over float32 weights."""
    # Without its cache: that keeps bfloat16 copies of the weights for as long as the context is
    # open, so that every step after the first would compute with the first one's weights.
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled, cache_enabled=False)


def _multiplies_in_bf16(device: torch.device) -> bool:
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
