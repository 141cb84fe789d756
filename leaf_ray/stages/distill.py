"""distill: from cached vectors to a leaf, by Ray Train."""

import hashlib
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import ray.data
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from leaf_ray.core.ids import hash_shares
from leaf_ray.core.space import Space
from leaf_ray.core.texts import DOCUMENT, QUERY, TRAIN
from leaf_ray.encoders.folder import ModelFolder
from leaf_ray.encoders.leaf_folder import TRAINING_FILE, leaf_probe, leaf_space
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.resolve import resolve_model
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.run import Part
from leaf_ray.run.folder import MODEL_FOLDER, UNTRAINED_FOLDER
from leaf_ray.run.parts import read_space, vectors_dataset
from leaf_ray.stages.cluster import cores_per_node
from leaf_ray.stages.distill_job import StudentTokens, WorkerJob
from leaf_ray.stages.failures import own_errors
from leaf_ray.stages.stage import Job, Made, Stage
from leaf_ray.stages.ticker import watched

# The fewest that a head can be fitted on.
FEWEST_TEXTS = 10
# Lost workers are replaced this often before the run gives up.
MAX_FAILURES = 3


def _training_rows(job: Job) -> tuple[pa.Table, pa.Table]:
    """Ids, texts and vectors to train on, and those held out to watch the training by."""
    settings = job.config.distill
    rows = vectors_dataset(job.run.vectors).to_table(
        columns=["id", "text", "kind", "vector"], filter=pc.field("split") == TRAIN
    )
    num_queries = pc.sum(pc.equal(rows["kind"], QUERY)).as_py() or 0
    num_documents = len(rows) - num_queries
    # With no queries there is nothing to balance: train on all documents.
    wanted = settings.documents_per_query * num_queries if num_queries else num_documents
    share = min(1.0, wanted / max(1, num_documents))
    ids = rows["id"].to_pylist()
    is_other = pc.not_equal(rows["kind"], DOCUMENT).to_numpy()
    kept = is_other | (hash_shares(ids, purpose="train on documents") < share)
    chances = hash_shares(ids, purpose="watch the training")
    # At least one, so that a small run is watched too.
    least = chances[kept].min(initial=1.0)
    watched_by = (chances < settings.held_out_share) | (chances == least)
    return rows.filter(pa.array(kept & ~watched_by)), rows.filter(pa.array(kept & watched_by))


def _check_length(folder: ModelFolder, space: Space) -> None:
    if folder.positions < space.max_length:
        raise ConfigError(
            f"distill.init {folder.path.name} reads at most {folder.positions} tokens, but the "
            f"space {space} has texts of {space.max_length}: start from another encoder, or make "
            f"the vectors again with space.max_length={folder.positions}"
        )


def _check_enough(job: Job, num_rows: int) -> None:
    settings = job.config.distill
    needed = max(settings.batch_size, FEWEST_TEXTS) * settings.workers
    if num_rows < needed:
        raise InputError(
            f"{num_rows} training texts are too few: {settings.workers} workers with batches of "
            f"{settings.batch_size} need {needed}, and none can do with under {FEWEST_TEXTS} "
            "each. Bring more texts, or lower distill.batch_size or distill.workers"
        )


def _make(job: Job) -> Made:
    settings = job.config.distill
    space = read_space(job.run.vectors)
    init = resolve_model(settings.init)
    folder = ModelFolder.read(init)
    _check_length(folder, space)
    train_rows, held_out_rows = _training_rows(job)
    _check_enough(job, len(train_rows))
    prompts = {QUERY: space.query_prompt, DOCUMENT: space.document_prompt}
    tokens = StudentTokens(folder, max_length=space.max_length, prompts=prompts)
    training = job.run.work(f"training/{_training_key(job)}")
    notes = "loss {loss:.3f}, held-out cosine {cosine:.3f}, {step_rate:.1f} steps/s".format_map
    job.cluster.connect()
    with own_errors(), watched(job.progress, done="step", total="steps", notes=notes) as ticker:
        worker_job = WorkerJob(
            settings=settings,
            space=space,
            init=init,
            pad_id=folder.pad_id,
            training=training,
            held_out=tokens.columns(held_out_rows),
            threads=max(1, cores_per_node() // settings.workers),
            ticker=ticker,
        )
        shards = ray.data.from_arrow(train_rows).map_batches(tokens, batch_format="pyarrow")
        _fit(worker_job, shards, training)
    # Only now: until here a leaf that is being served stays, and so does what a rerun goes on from.
    job.part.clear()
    for name in (UNTRAINED_FOLDER, MODEL_FOLDER):
        job.part.take(training, name)
    with tempfile.TemporaryDirectory() as copies:
        leaf = job.part.fetch(MODEL_FOLDER, Path(copies))
        return _check(leaf, num_texts=len(train_rows), num_held_out=len(held_out_rows))


def _train(config: dict[str, WorkerJob]) -> None:
    # Imported in the workers only: sentence-transformers costs ten seconds of a core in every
    # process that loads it, and Ray Data's processes load this module.
    from leaf_ray.stages.distill_worker import train_worker

    train_worker(config["job"])


def _fit(worker_job: WorkerJob, shards: ray.data.Dataset, training: Part) -> None:
    storage, _, name = training.path.rpartition("/")
    settings = worker_job.settings
    TorchTrainer(
        _train,
        train_loop_config={"job": worker_job},
        scaling_config=ScalingConfig(
            num_workers=settings.workers, use_gpu=ray.cluster_resources().get("GPU", 0) > 0
        ),
        run_config=RunConfig(
            name=name,
            storage_path=storage,
            storage_filesystem=training.filesystem,
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
        datasets={"train": shards},
    ).fit()


def _check(leaf: Path, *, num_texts: int, num_held_out: int) -> Made:
    """Load the leaf as the service will, and see that it encodes as it did in training."""
    leaf_probe(leaf).check(EncoderSpec(folder=str(leaf)).load(), name=f"the leaf in {leaf}")
    curve = json.loads((leaf / TRAINING_FILE).read_text("utf-8"))["curve"]
    before, after = curve[0]["cosine"], curve[-1]["cosine"]
    counts = {"texts": num_texts, "held_out": num_held_out, "steps": curve[-1]["step"]}
    return Made(
        counts={**counts, "cosine_before": before, "cosine_after": after},
        summary=f"{counts['steps']:,} steps on {num_texts:,} texts, held-out cosine "
        f"{before:.3f} to {after:.3f}",
        space=leaf_space(leaf).fingerprint,
    )


def _training_key(job: Job) -> str:
    """Names the checkpoints: a killed training is resumed only by the very same training."""
    inputs = job.run.vectors.require(command="leaf embed FILE").id
    made_with = json.dumps([inputs, DISTILL.wanted(job.config)], sort_keys=True)
    return hashlib.sha256(made_with.encode()).hexdigest()[:16]


DISTILL = Stage(
    name="distill",
    part="leaf",
    about="a leaf trained into the teacher's space",
    sections=("distill",),
    work="training",
    make=_make,
)
