"""A step on a GPU as CUDA graphs: two launches instead of five hundred.

A small leaf's step on 32 texts keeps a card busy for a tenth of the time that it takes a CPU to
launch its kernels one by one. Graphs capture them once and replay them together
(pytorch.org/docs, "CUDA Graphs").

Shapes: B = texts of a micro-batch, L = tokens, D = dimensions, N = weights that are trained.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, distributed, nn

from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.optimizer import LeafOptimizer
from leaf_ray.core.training.stepper import Recipe

log = logging.getLogger(__name__)

# Lengths that graphs are captured for: so many between a power of two and the next, and multiples
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

    The passes are those of a copy of the model in `dtype`, which follows the model's master
    weights: under autocast two kernels of five would only convert them, again in each pass.
    Workers add their gradients up between passes and update, so that DDP is not wanted: the model
    is the leaf's own, on a CUDA device. Batches may lie in pinned memory, from which they are
    copied while the card is at work on the one before.

    model: with the weights that the training begins with; set later, they would not be copied.
    dtype: of the passes, float32 or bfloat16; gradients and master weights are float32.
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
        # In eval, since a graph would capture dropout for good.
        self._copy = deepcopy(model).eval()
        for copied in self._copy.parameters():
            # Buffers stay float32: bfloat16 would blur the angles of rotary embeddings.
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
        self._found_inf = torch.zeros((), device=self._device)
        self._read_found_inf = torch.zeros(()).pin_memory()
        self._updated = torch.cuda.Event()
        # On the default stream nothing can be captured.
        self._stream = torch.cuda.Stream(self._device)
        self._pool = torch.cuda.graph_pool_handle()
        self._can_capture = True
        self._passes: dict[tuple[int, ...], _CapturedPass] = {}
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
        inputs = batch.copied_to(self._device)
        self._warm_up(inputs)
        distance = self._run(inputs, adds=adds)
        if captured := self._captured(lambda: self._run(inputs, adds=adds)):
            self._passes[shape] = _CapturedPass(inputs, *captured)
        return distance

    def _warm_up(self, batch: Batch) -> None:
        """Have libraries choose their kernels for a shape, which they cannot while captured."""
        mask_BL = batch.attention_mask_BL.clone()
        # Transformers leaves out the mask of a batch without padding, but not while captured.
        mask_BL[0, -1] = 0
        self._gradients_of(replace(batch, attention_mask_BL=mask_BL))

    def _run(self, batch: Batch, *, adds: bool) -> Tensor:
        """A micro-batch's distance; its gradient is added to the step's, or begins it."""
        distance, found = self._gradients_of(batch)
        if adds:
            torch._foreach_add_(self._gradients, [gradient.float() for gradient in found])
        else:
            torch._foreach_copy_(self._gradients, found)
        return distance

    def _gradients_of(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        with torch.autocast("cuda", enabled=False):
            leaf_BD = self._copy(batch.input_ids_BL, batch.attention_mask_BL).float()
            distance = self.recipe.loss(leaf_BD, batch.teacher_BD)
            # backward() would add to the gradient of each weight by a kernel of its own.
            found = torch.autograd.grad(distance * self.recipe.weight, self._copied)
        return distance.detach(), found

    def _captured(self, run: Callable[[], Tensor]) -> tuple[torch.cuda.CUDAGraph, Tensor] | None:
        """What `run` launches, and where it writes; None where it does what no graph can."""
        if not self._can_capture:
            return None
        graph = torch.cuda.CUDAGraph()
        try:
            # Only this thread is captured, since others pin memory meanwhile.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                output = run()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # Torch's allocator stays with the pool of a capture that failed, and begins no other.
            self._can_capture = False
            log.warning("this leaf cannot be captured, so that its steps take longer: %s", error)
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
                # Adam makes its moments in its first step, which must not be replayed.
                self._apply()
                self._update, _ = self._captured(self._apply) or (None, None)
            self._read_found_inf.copy_(self._found_inf, non_blocking=True)
            self._updated.record()
        return self._was_applied

    def _apply(self) -> Tensor:
        norm = self._optimizer.clip(self.recipe.max_norm)
        self._found_inf.copy_(~torch.isfinite(norm))
        self._optimizer.apply(found_inf=self._found_inf)
        with torch.no_grad():
            torch._foreach_copy_(self._copied, self._weights)
        return norm

    def _was_applied(self) -> bool:
        self._updated.synchronize()
        return not bool(self._read_found_inf)


def _trained(model: nn.Module) -> list[Tensor]:
    """The weights of a model that are not frozen."""
    return [weight for weight in model.parameters() if weight.requires_grad]


@dataclass(frozen=True, slots=True)
class _CapturedPass:
    """The passes of one shape.

    inputs: where the graph reads a batch. distance: where it writes what it found.
    """

    inputs: Batch
    graph: torch.cuda.CUDAGraph
    distance: Tensor

    def __call__(self, batch: Batch) -> Tensor:
        self.inputs.copy_(batch)
        self.graph.replay()
        # The next replay writes over it.
        return self.distance.clone()
