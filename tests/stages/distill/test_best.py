"""The best leaf of a training is there for whichever checkpoint it goes on from."""

from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.errors import MissingStage
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.stages.distill.best import BESTS_KEPT, BestWeights
from leaf_ray.stages.distill.checkpoints import CHECKPOINTS_KEPT, State
from leaf_ray.stages.distill.job import WorkerJob
from tests.examples.spaces import a_space
from tests.stages.distill.worker_jobs import a_worker_job


@pytest.fixture
def leaf(tiny_init: Path) -> SentenceTransformer:
    return SentenceTransformer(str(tiny_init), device="cpu")


@pytest.fixture
def job(tiny_init: Path, tmp_path: Path) -> WorkerJob:
    return a_worker_job(tmp_path, init=tiny_init, settings=DistillConfig())


def mark(leaf: SentenceTransformer, value: float) -> None:
    """Write a number into the leaf, to tell how it was at one time from how it was at another."""
    with torch.no_grad():
        next(leaf.parameters()).fill_(value)


def mark_of(best_weights: BestWeights) -> float:
    return float(next(iter(best_weights.best().values())).flatten()[0])


def best_files(job: WorkerJob) -> list[str]:
    files = Path(job.training.path).glob("best-*")
    return [file.name for file in sorted(files, key=lambda f: int(f.stem.removeprefix("best-")))]


def keep(best_weights: BestWeights, state: State, leaf: SentenceTransformer, *, step: int) -> None:
    """Let the leaf be the best after a step."""
    state.best = step
    mark(leaf, step)
    best_weights.keep_best(leaf)


def test_the_best_leaf_is_given_back_as_it_was(job: WorkerJob, leaf: SentenceTransformer) -> None:
    state = State()
    best_weights = BestWeights(job, state)
    keep(best_weights, state, leaf, step=300)
    kept = {name: weight.clone() for name, weight in leaf.state_dict().items()}
    mark(leaf, -1.0)
    best = best_weights.best()
    assert best.keys() == kept.keys()
    assert all(torch.equal(best[name], weight) for name, weight in kept.items())


def test_bests_that_no_checkpoint_knows_are_forgotten(
    job: WorkerJob, leaf: SentenceTransformer
) -> None:
    state = State()
    best_weights = BestWeights(job, state)
    for step in (0, 100, 200, 300):
        keep(best_weights, state, leaf, step=step)
    assert best_files(job) == ["best-0.pt", "best-300.pt"]


def after_ten_checkpoints(job: WorkerJob, leaf: SentenceTransformer) -> tuple[BestWeights, State]:
    """A training whose leaf was the best yet at each of its checkpoints, the last at 900."""
    state = State()
    best_weights = BestWeights(job, state)
    for step in range(0, 1000, 100):
        keep(best_weights, state, leaf, step=step)
        best_weights.checkpointed()
    return best_weights, state


def test_bests_of_the_last_checkpoints_are_kept_and_those_before_are_forgotten(
    job: WorkerJob, leaf: SentenceTransformer
) -> None:
    best_weights, state = after_ten_checkpoints(job, leaf)
    keep(best_weights, state, leaf, step=1000)
    last = range(1000 - 100 * BESTS_KEPT, 1100, 100)
    assert best_files(job) == [f"best-{step}.pt" for step in last]


def test_one_best_for_many_checkpoints_stays(job: WorkerJob, leaf: SentenceTransformer) -> None:
    state = State()
    best_weights = BestWeights(job, state)
    keep(best_weights, state, leaf, step=100)
    for _ in range(3 * BESTS_KEPT):
        best_weights.checkpointed()
    assert mark_of(best_weights) == 100.0
    keep(best_weights, state, leaf, step=5000)
    assert best_files(job) == ["best-100.pt", "best-5000.pt"]


@pytest.mark.parametrize("back", range(1, CHECKPOINTS_KEPT + 1))
def test_a_training_that_goes_on_from_an_earlier_checkpoint_finds_the_best_of_that(
    job: WorkerJob, leaf: SentenceTransformer, back: int
) -> None:
    best_weights, state = after_ten_checkpoints(job, leaf)
    # It was validated again after its last checkpoint, and was killed.
    for step in (1010, 1020, 1030):
        keep(best_weights, state, leaf, step=step)
    resumed = State(best=1000 - 100 * back)
    again = BestWeights(job, resumed)
    assert mark_of(again) == 1000.0 - 100 * back
    keep(again, resumed, leaf, step=2000)
    # And those before it, which a checkpoint before its own may name.
    first = 1000 - 100 * BESTS_KEPT
    known = range(first, 1000 - 100 * back + 1, 100)
    assert best_files(job) == [f"best-{step}.pt" for step in (*known, 2000)]


def test_other_files_of_the_training_are_left_alone(
    job: WorkerJob, leaf: SentenceTransformer
) -> None:
    job.training.write("checkpoint_manager_snapshot.json", b"{}")
    job.training.write("checkpoint_1/state.pt", b"state")
    state = State()
    keep(BestWeights(job, state), state, leaf, step=100)
    assert job.training.read("checkpoint_manager_snapshot.json") == b"{}"
    assert job.training.read("checkpoint_1/state.pt") == b"state"


def test_a_best_that_was_taken_away_is_missed_with_the_fix(
    job: WorkerJob, leaf: SentenceTransformer
) -> None:
    state = State()
    best_weights = BestWeights(job, state)
    keep(best_weights, state, leaf, step=300)
    Path(job.training.file("best-300.pt")).unlink()
    with pytest.raises(
        MissingStage, match=r"best-300\.pt .* is gone: .*`leaf distill FILE --again`"
    ):
        best_weights.best()


def test_a_saved_leaf_can_be_taken_over_with_its_course(
    job: WorkerJob, leaf: SentenceTransformer
) -> None:
    curve = [{"step": 0, "cosine": 0.5, "overlap": 0.5}]
    notes = ["a checkpoint could not be read"]
    BestWeights(job, State(curve=curve, notes=notes)).save(leaf, "model")
    folder = Path(job.training.file("model"))
    again = SentenceTransformer(str(folder), device="cpu")
    assert again.encode(["a leaf"]) == pytest.approx(leaf.encode(["a leaf"]), abs=1e-6)
    assert leaf_space(folder).fingerprint == a_space().fingerprint
    assert notes[0] in (folder / "training.json").read_text("utf-8")
