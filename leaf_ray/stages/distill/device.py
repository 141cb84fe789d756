"""A worker's leaf on the device that Ray gave it, and how its steps are computed there."""

import ray.train.torch
import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from leaf_ray.core.encoding.sentence import SentenceVectors
from leaf_ray.core.training.autocast import matrix_dtype
from leaf_ray.core.training.cuda_graphs import GraphStepper
from leaf_ray.core.training.ddp import add_up_gradients, ddp_settings, share_weights
from leaf_ray.core.training.leaf import build_leaf, freeze_unused, word_embeddings
from leaf_ray.core.training.optimizer import LeafOptimizer, touch_rows_only
from leaf_ray.core.training.stepper import EagerStepper, Recipe, Stepper
from leaf_ray.stages.distill.job import WorkerJob


def built(job: WorkerJob) -> SentenceTransformer:
    """The leaf before its head is fitted, on this worker's device."""
    torch.manual_seed(job.settings.seed)
    leaf = build_leaf(job.local_init(), job.space, layers=job.settings.init_layers)
    device = ray.train.torch.get_device()
    if device.type == "cpu":
        touch_rows_only(word_embeddings(leaf))
    leaf.to(device)
    freeze_unused(leaf)
    return leaf


def shared_model(leaf: SentenceTransformer) -> nn.Module:
    """The leaf as workers train it together, all from the first one's weights."""
    model = SentenceVectors(leaf)
    if leaf.device.type == "cuda":
        share_weights(model)
        return model
    shared: nn.Module = ray.train.torch.prepare_model(
        model, parallel_strategy_kwargs=ddp_settings()
    )
    add_up_gradients(shared)
    return shared


def stepper_of(
    model: nn.Module, optimizer: LeafOptimizer, recipe: Recipe, *, precision: str
) -> Stepper:
    """How steps of a shared model are computed; see `core.autocast` for `precision`."""
    device = next(model.parameters()).device
    if device.type == "cuda":
        return GraphStepper(model, optimizer, recipe, dtype=matrix_dtype(device, precision))
    return EagerStepper(model, optimizer, recipe)
