"""A step on a GPU as recorded graphs: one launch instead of a thousand.

A small leaf's step on 32 texts keeps a card busy for a tenth of the time that it takes a CPU to
launch its operations one by one. CUDA graphs record them once and launch them together, with the
same arithmetic (pytorch.org/docs, "CUDA Graphs").

Shapes: B = texts of a micro-batch, L = tokens, D = dimensions, N = weights that are trained.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from leaf_ray.core.batch import Batch
from leaf_ray.core.optimizer import LeafOptimizer
from leaf_ray.core.stepper import Recipe

log = logging.getLogger(__name__)

# Lengths that graphs are recorded for: so many between a power of two and the next, and multiples
# of the smallest.
LENGTHS_PER_OCTAVE, SHORTEST = 4, 8


def graph_length(length: int, *, longest: int) -> int:
    """The length that a batch of `length` tokens is padded to, so that few graphs serve all.

    At most a quarter is padding beyond 32 tokens. longest: that there is; none becomes longer.
    """
    octave = 1 << max(0, length - 1).bit_length() >> 1
    step = max(SHORTEST, octave // LENGTHS_PER_OCTAVE)
    return min(-(-length // step) * step, longest)


class GraphStepper:
    """Forward and backward pass as one graph for each shape of batches, the update as another.

    The passes are those of a copy of the model in `dtype`, which follows the model's weights: under
    autocast two kernels of three would only convert them, again in each pass.
    Workers add their gradients up between passes and update, so that DDP is not wanted: the model
    is the leaf's own, on a CUDA device. Batches may lie in pinned memory, from which they are
    copied while the card is at work on the one before.
    """

    is_queued = True

    def __init__(
        self,
        model: nn.Module,
        optimizer: LeafOptimizer,
        recipe: Recipe,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self._optimizer = optimizer
        self._copy = deepcopy(model)
        for copied in self._copy.parameters():
            # Not the buffers, such as angles of rotary embeddings, which bfloat16 would blur.
            copied.data = copied.detach().to(dtype)
        self._copied = _trained(self._copy)
        self._weights = _trained(model)
        self._device = self._weights[0].device
        # In one piece, in which workers exchange them; where graphs write them they stay put.
        numbers = [weight.numel() for weight in self._weights]
        self._gradient_N = torch.zeros(sum(numbers), device=self._device)
        pieces = zip(self._gradient_N.split(numbers), self._weights, strict=True)
        self._gradients = [piece.view_as(weight) for piece, weight in pieces]
        for weight, gradient in zip(self._weights, self._gradients, strict=True):
            weight.grad = gradient
        self._is_broken = torch.zeros((), device=self._device)
        self._was_broken = torch.zeros(()).pin_memory()
        self._updated = torch.cuda.Event()
        # On the default stream nothing can be recorded.
        self._stream = torch.cuda.Stream(self._device)
        self._pool = torch.cuda.graph_pool_handle()
        self._can_record = True
        self._passes: dict[tuple[int, ...], _RecordedPass] = {}
        self._update: torch.cuda.CUDAGraph | None = None

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """On the stepper's own stream, after what was queued before and before what comes after."""
        outside = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(outside)
        with torch.cuda.stream(self._stream):
            yield
        outside.wait_stream(self._stream)

    def backward(self, batches: Sequence[Batch]) -> Tensor:
        """See `Stepper`."""
        with self._in_turn():
            distances = [self._pass(b, adds=number > 0) for number, b in enumerate(batches)]
            return torch.stack(distances).mean()

    def _pass(self, batch: Batch, *, adds: bool) -> Tensor:
        shape = (*batch.input_ids_BL.shape, adds)
        if shape in self._passes:
            return self._passes[shape](batch)
        # The first of a shape is computed as usual, by which libraries choose what to run.
        there = batch.to(self._device)
        distance = self._launched(there, adds=adds)
        if graph := self._recorded(lambda: self._launched(there, adds=adds)):
            self._passes[shape] = _RecordedPass(there, *graph)
        return distance

    def _launched(self, batch: Batch, *, adds: bool) -> Tensor:
        """A micro-batch's distance; its gradient is added to the step's, or begins it."""
        with torch.autocast("cuda", enabled=False):
            leaf_BD = self._copy(batch.input_ids_BL, batch.attention_mask_BL).float()
            distance = self.recipe.loss(leaf_BD, batch.teacher_BD)
        # Not by backward(), which would add to each weight's gradient by a kernel of its own.
        found = torch.autograd.grad(distance * self.recipe.weight, self._copied)
        if adds:
            torch._foreach_add_(self._gradients, [gradient.float() for gradient in found])
        else:
            torch._foreach_copy_(self._gradients, found)
        return distance.detach()

    def _recorded(self, run: Callable[[], Tensor]) -> tuple[torch.cuda.CUDAGraph, Tensor] | None:
        """What `run` launches, and where it writes; None where it does what no graph can."""
        if not self._can_record:
            return None
        graph = torch.cuda.CUDAGraph()
        try:
            # Of this thread alone: another pins memory meanwhile.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                output = run()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # Torch does not record again once it had to give up.
            self._can_record = False
            log.warning("this leaf cannot be recorded, so that its steps take longer: %s", error)
            return None
        return graph, output

    def update(self, learning_rate: float) -> Callable[[], bool]:
        """See `Stepper`."""
        with self._in_turn():
            if distributed.is_initialized() and distributed.get_world_size() > 1:
                distributed.all_reduce(self._gradient_N)
            self._optimizer.set_rate(learning_rate)
            if self._update is not None:
                self._update.replay()
            else:
                # Adam makes its moments in its first step, which must not be done over.
                self._apply()
                self._update, _ = self._recorded(self._apply) or (None, None)
            self._was_broken.copy_(self._is_broken, non_blocking=True)
            self._updated.record()
        return self._was_applied

    def _apply(self) -> Tensor:
        norm = self._optimizer.clip(self.recipe.max_norm)
        self._is_broken.copy_(~torch.isfinite(norm))
        self._optimizer.apply(unless=self._is_broken)
        with torch.no_grad():
            torch._foreach_copy_(self._copied, self._weights)
        return norm

    def _was_applied(self) -> bool:
        self._updated.synchronize()
        return not bool(self._was_broken)


def _trained(model: nn.Module) -> list[Tensor]:
    """The weights of a model that are not frozen."""
    return [weight for weight in model.parameters() if weight.requires_grad]


@dataclass(frozen=True, slots=True)
class _RecordedPass:
    """The passes of one shape.

    read: where the graph reads a batch. distance: where it writes what it found.
    """

    read: Batch
    graph: torch.cuda.CUDAGraph
    distance: Tensor

    def __call__(self, batch: Batch) -> Tensor:
        self.read.copy_(batch)
        self.graph.replay()
        # The next replay writes over it.
        return self.distance.clone()
