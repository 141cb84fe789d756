"""distill: from cached vectors to a leaf, by Ray Train."""

import errno
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from leaf_ray.config import RunConfig as Config
from leaf_ray.core.space import Space
from leaf_ray.core.texts import DOCUMENT, QUERY
from leaf_ray.encoders.folder import ModelFolder
from leaf_ray.encoders.leaf_folder import TRAINING_FILE, leaf_probe, leaf_space
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.resolve import resolve_model
from leaf_ray.errors import ConfigError, InputError, LeafRayError, StorageError
from leaf_ray.run import Part, Run
from leaf_ray.run.folder import MODEL_FOLDER, TRAINING_PLOT, UNTRAINED_FOLDER
from leaf_ray.stages.distill_job import WorkerJob
from leaf_ray.stages.distill_sources import Source, other_source, own_source, require_one_space
from leaf_ray.stages.distill_state import CHECKPOINTS_KEPT
from leaf_ray.stages.distill_texts import Counts, Tokenise, make_training_texts, texts_key
from leaf_ray.stages.failures import caused_by, error_from_json, error_to_json, own_errors
from leaf_ray.stages.stage import Job, Made, Stage
from leaf_ray.stages.ticker import watched
from leaf_ray.store.training_plot import training_plot

# The fewest that a head can be fitted on.
FEWEST_TEXTS = 10
# Texts that a training is watched by, at least, as long as they are no more than this share.
FEWEST_WATCHED, LARGEST_SHARE = 12, 0.2
# Lost workers are replaced this often before the run gives up; run again, it goes on.
MAX_FAILURES = 10
# An error of ours in a worker, which no other worker could do better.
ERROR_FILE = "error.json"


def _sources(config: Config, run: Run) -> list[Source]:
    settings = config.distill
    if not settings.vectors:
        return [own_source(run.vectors, source_column=settings.source_column)]
    return [other_source(place, source_column=settings.source_column) for place in settings.vectors]


def _check_init(folder: ModelFolder, space: Space) -> None:
    if folder.positions < space.max_length:
        raise ConfigError(
            f"distill.init {folder.path.name} reads at most {folder.positions} tokens, but the "
            f"space {space} has texts of {space.max_length}: start from another encoder, or make "
            f"the vectors again with space.max_length={folder.positions}"
        )
    if not folder.pads:
        raise ConfigError(
            f"the tokenizer of distill.init {folder.path.name} has no padding token, so that texts "
            "of several lengths cannot be one batch: set pad_token in its tokenizer_config.json, "
            "or start from another encoder"
        )


def _check_prefixes(config: Config, space: Space) -> None:
    too_long = [length for length in config.distill.prefix_weights if length > space.dimension]
    if too_long:
        raise ConfigError(
            f"distill.prefix_weights: {too_long[0]} is more than the {space.dimension} dimensions "
            f"of the space {space}"
        )


def _check_sources(weights: Mapping[str, float], counts: Counts) -> None:
    unknown = [name for name in weights if name not in counts.sources]
    if unknown:
        known = ", ".join(sorted(counts.sources))
        raise ConfigError(
            f"distill.weights: no text is from {unknown[0]!r}; there are texts from {known}"
        )


def _of_kind(config: Config, counts: Counts) -> dict[str, float]:
    """How often an epoch takes a text, by its kind; its source's weight comes on top."""
    weights = config.distill.weights
    queries, documents = (counts.expected(kind, weights) for kind in (QUERY, DOCUMENT))
    # With no queries there is nothing to balance: train on all documents.
    wanted = config.distill.documents_per_query * queries if queries else documents
    return {QUERY: 1.0, DOCUMENT: min(1.0, wanted / max(1.0, documents))}


def _check_enough(config: Config, counts: Counts, of_kind: Mapping[str, float]) -> None:
    settings = config.distill
    taken = sum(of_kind[kind] * counts.expected(kind, settings.weights) for kind in of_kind)
    needed = max(settings.batch_size * settings.micro_batches, FEWEST_TEXTS)
    if taken < needed:
        raise InputError(
            f"{taken:.0f} training texts are too few: {settings.micro_batches} batches of "
            f"{settings.batch_size} make a step of {needed}, and none can do with under "
            f"{FEWEST_TEXTS}. Bring more texts, or lower distill.batch_size, distill.workers or "
            "distill.accumulate, or raise distill.weights"
        )
    if not counts.watched:
        raise InputError(
            f"none of {counts.trained} texts is held out to watch the training by: raise "
            "distill.held_out_share"
        )


def _make(job: Job) -> Made:
    settings = job.config.distill
    sources = _sources(job.config, job.run)
    space = require_one_space(sources)
    init = resolve_model(settings.init)
    folder = ModelFolder.read(init)
    _check_init(folder, space)
    _check_prefixes(job.config, space)
    versions = [source.version for source in sources]
    num_rows = sum(source.rows for source in sources)
    share = max(settings.held_out_share, min(LARGEST_SHARE, FEWEST_WATCHED / max(1, num_rows)))
    texts = job.run.work(f"training/texts-{texts_key(space, folder, versions, share)}")
    training = job.run.work(f"training/{_training_key(job, versions)}")
    job.cluster.connect()
    with own_errors():
        pieces = [piece for source in sources for piece in source.pieces]
        tokenise = Tokenise(folder, space, texts, held_out_share=share)
        counts = make_training_texts(pieces, texts, tokenise)
    _check_sources(settings.weights, counts)
    of_kind = _of_kind(job.config, counts)
    _check_enough(job.config, counts, of_kind)
    notes = (
        "loss {loss:.3f}, held-out cosine {cosine:.3f}, overlap@10 {overlap:.3f}, "
        "{texts_rate:.0f} texts/s"
    ).format_map
    with watched(job.progress, done="step", total="steps", notes=notes) as ticker:
        worker_job = WorkerJob(
            settings=settings,
            space=space,
            init=init,
            pad_id=folder.pad_id,
            of_kind=of_kind,
            texts=texts,
            training=training,
            ticker=ticker,
        )
        with _told_errors(training):
            _fit(worker_job)
    # Only now: until here a leaf that is being served stays, and so does what a rerun goes on from.
    job.part.clear()
    for name in (UNTRAINED_FOLDER, MODEL_FOLDER):
        job.part.take(training, name)
    with tempfile.TemporaryDirectory() as copies:
        return _check(job.part, job.part.fetch(MODEL_FOLDER, Path(copies)), counts)


def _train(config: dict[str, WorkerJob]) -> None:
    # Imported in the workers only: sentence-transformers costs ten seconds of a core in every
    # process that loads it, and Ray Data's processes load this module.
    from leaf_ray.stages.distill_worker import train_worker

    job = config["job"]
    if job.training.exists(ERROR_FILE):
        # Told by the workers that these replace: another try would end like theirs.
        return
    try:
        train_worker(job)
    except LeafRayError as error:
        # Every worker meets it. Not raised, since Ray would then try again.
        job.training.write(ERROR_FILE, error_to_json(error).encode())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            job.training.write(ERROR_FILE, error_to_json(_disk_full(job.training, error)).encode())
        raise


def _disk_full(training: Part, error: OSError) -> StorageError:
    return StorageError(
        f"a checkpoint could not be written, the disk is full ({error}): free some space under "
        f"{training.uri} or in the temporary folder ({tempfile.gettempdir()}), and run the command "
        "again; it goes on from the last checkpoint"
    )


@contextmanager
def _told_errors(training: Part) -> Iterator[None]:
    """Raise what failed in a worker as if it had failed here."""
    _forget_error(training)
    try:
        with own_errors():
            yield
    except Exception as error:
        # A checkpoint is uploaded by a thread of its own, whose errors pass by the worker.
        full = caused_by(error, OSError)
        if full is None or full.errno != errno.ENOSPC:
            raise
        raise _disk_full(training, full) from error
    failed = training.read(ERROR_FILE)
    if failed is not None:
        _forget_error(training)
        raise error_from_json(failed.decode())


def _forget_error(training: Part) -> None:
    if training.exists(ERROR_FILE):
        training.filesystem.delete_file(training.file(ERROR_FILE))


def _fit(worker_job: WorkerJob) -> None:
    training = worker_job.training
    storage, _, name = training.path.rpartition("/")
    TorchTrainer(
        _train,
        train_loop_config={"job": worker_job},
        scaling_config=ScalingConfig(
            num_workers=worker_job.settings.workers,
            use_gpu=ray.cluster_resources().get("GPU", 0) > 0,
        ),
        run_config=RunConfig(
            name=name,
            storage_path=storage,
            storage_filesystem=training.filesystem,
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
            checkpoint_config=CheckpointConfig(num_to_keep=CHECKPOINTS_KEPT),
        ),
    ).fit()


def _check(part: Part, leaf: Path, counts: Counts) -> Made:
    """Load the leaf as the service will, and see that it encodes as it did in training."""
    leaf_probe(leaf).check(EncoderSpec(folder=str(leaf)).load(), name=f"the leaf in {leaf}")
    course = json.loads((leaf / TRAINING_FILE).read_text("utf-8"))
    curve = course["curve"]
    part.write(TRAINING_PLOT, training_plot(curve))
    best = next(look for look in curve if look["step"] == course["best_step"])
    before = curve[0]
    made = {
        "texts": counts.trained,
        "held_out": counts.watched,
        "steps": curve[-1]["step"],
        "texts_seen": curve[-1]["texts"],
        "cosine_before": before["cosine"],
        "cosine_after": best["cosine"],
        "overlap_before": before["overlap"],
        "overlap_after": best["overlap"],
    }
    notes = "".join(f"; {note}" for note in course["notes"])
    return Made(
        counts=made,
        summary=f"{made['steps']:,} steps on {made['texts']:,} texts, held-out cosine "
        f"{before['cosine']:.3f} to {best['cosine']:.3f}, overlap@10 with the teacher "
        f"{before['overlap']:.3f} to {best['overlap']:.3f}{notes}",
        space=leaf_space(leaf).fingerprint,
    )


def _training_key(job: Job, versions: list[str]) -> str:
    """Names the checkpoints: a killed training is resumed only by the very same training."""
    made_with = json.dumps([versions, DISTILL.wanted(job.config)], sort_keys=True)
    return hashlib.sha256(made_with.encode()).hexdigest()[:16]


def _outside(config: Config) -> dict[str, str] | None:
    """Versions of what is trained on instead of this run's vectors; None where it is those."""
    if not config.distill.vectors:
        return None
    sources = _sources(config, Run.open(config.root))
    return {
        place: source.version for place, source in zip(config.distill.vectors, sources, strict=True)
    }


DISTILL = Stage(
    name="distill",
    part="leaf",
    about="a leaf trained into the teacher's space",
    sections=("distill",),
    work="training",
    make=_make,
    outside=_outside,
)
