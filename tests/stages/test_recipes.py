"""The paper's recipes from texts to a leaf, with small models of the same shapes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.config import RunConfig, load_config
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.training.optimizer import linear_cycles
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_space, vectors_dataset
from leaf_ray.stages import verbs
from leaf_ray.testing import write_tiny_model
from tests.examples.tiny_models import edit

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

JOBS = Path(__file__).parents[2] / "jobs"
PROMPT = "Represent this sentence for searching relevant passages: "
QUESTION = "how are titles used"
# A small model reads letters, and the prompt alone has fifty.
MAX_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Shape:
    """A recipe, and what its teacher is like.

    scales: whether its folder says so itself. own_prompt: that it names.
    """

    job: str
    dimension: int
    scales: bool
    own_prompt: str


SHAPES = (
    Shape("leaf_ir", dimension=768, scales=True, own_prompt=PROMPT),
    Shape("leaf_mt", dimension=1024, scales=False, own_prompt=""),
)


@dataclass(frozen=True, slots=True)
class Finished:
    shape: Shape
    config: RunConfig
    counts: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        return Path(self.config.root) / "leaf/model"

    def load(self) -> SentenceTransformer:
        return SentenceTransformer(str(self.folder), device="cpu")


@pytest.fixture(scope="module")
def adi_texts(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Parquet as the recipes have it, each file of another source."""
    folder = tmp_path_factory.mktemp("recipes") / "texts"
    folder.mkdir()
    corpus, asked = (
        [json.loads(line) for line in (shared_data / f"beir/adi/{name}.jsonl").open("rb")]
        for name in ("corpus", "queries")
    )
    sources = {
        "abstracts": ("document", [row["text"] for row in corpus]),
        "titles": ("query", [row["title"] for row in corpus]),
        "questions": ("query", [row["text"] for row in asked]),
    }
    for source, (kind, texts) in sources.items():
        columns = {"text": texts, "kind": [kind] * len(texts), "source": [source] * len(texts)}
        pq.write_table(pa.table(columns), folder / f"{source}.parquet")
    return folder


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: shape.job)
def finished(
    request: pytest.FixtureRequest,
    ray_local: None,
    adi_texts: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Finished:
    shape: Shape = request.param
    folder = tmp_path_factory.mktemp(shape.job)
    init = write_tiny_model(folder / "init", dimension=384, seed=2, max_length=MAX_LENGTH)
    # As transformers alone would write it.
    for name in ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"):
        (init / name).unlink()
    config = load_config(
        JOBS / f"{shape.job}.yaml",
        [
            f"root={folder / 'run'}",
            f"texts.path={adi_texts}/",
            f"space.teacher={a_teacher(folder / 'teacher', shape)}",
            f"distill.init={init}",
            "distill.epochs=6",
            "distill.checkpoint_steps=5",
        ],
    )
    verbs.texts(config)
    verbs.embed(config)
    return Finished(shape, config, verbs.distill(config).counts)


def a_teacher(folder: Path, shape: Shape) -> Path:
    write_tiny_model(folder, dimension=shape.dimension, seed=1, max_length=MAX_LENGTH)
    edit(folder / "config_sentence_transformers.json", prompts={"query": shape.own_prompt})
    if not shape.scales:
        modules = folder / "modules.json"
        kept = [m for m in json.loads(modules.read_text("utf-8")) if "Normalize" not in m["type"]]
        modules.write_text(json.dumps(kept), "utf-8")
    return folder


def test_the_leaf_loads_anywhere_with_its_teachers_dimension(finished: Finished) -> None:
    leaf = finished.load()
    head = leaf[2].linear
    assert (head.in_features, head.out_features) == (384, finished.shape.dimension)
    assert head.bias is not None
    vectors_ND = leaf.encode_document([QUESTION, "a title"])
    assert vectors_ND.shape == (2, finished.shape.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors_ND, axis=1), 1, atol=1e-5)
    assert leaf.similarity_fn_name == "cosine"


def test_the_teachers_vectors_are_unit_vectors_whatever_its_folder_says(
    finished: Finished,
) -> None:
    vectors = Run.open(finished.config.root).vectors
    assert read_space(vectors).normalized
    teacher_ND = vectors_of(vectors_dataset(vectors).to_table())
    # Stored in float16.
    np.testing.assert_allclose(np.linalg.norm(teacher_ND, axis=1), 1, atol=2e-3)


def test_the_leaf_carries_the_prompts(finished: Finished) -> None:
    leaf = finished.load()
    assert leaf.prompts == {"query": PROMPT, "document": ""}
    np.testing.assert_allclose(
        leaf.encode_query(QUESTION), leaf.encode(PROMPT + QUESTION), atol=1e-5
    )
    np.testing.assert_allclose(leaf.encode_document(QUESTION), leaf.encode(QUESTION), atol=1e-5)


def test_queries_and_documents_are_trained_on_alike(finished: Finished) -> None:
    counts = finished.counts
    texts = counts["texts"]
    assert counts["steps"] == 6 * (texts // 32)
    assert counts["texts_seen"] == counts["steps"] * 32


def test_the_rate_falls_three_times_from_1e_4_to_1e_5(finished: Finished) -> None:
    training = json.loads((finished.folder / "training.json").read_text("utf-8"))
    settings = training["settings"]
    assert settings["cycles"] == 3
    assert (settings["learning_rate"], settings["final_learning_rate"]) == (1e-4, 1e-5)
    points = [point for point in training["curve"] if point["step"]]
    num_steps = points[-1]["step"]
    for point in points:
        wanted = linear_cycles(
            point["step"] - 1, num_steps=num_steps, cycles=3, peak=1e-4, floor=1e-5, warmup_steps=0
        )
        assert point["learning_rate"] == pytest.approx(wanted)
    rates = [point["learning_rate"] for point in points]
    assert sum(later > before for before, later in pairwise(rates)) == 2
    assert training["skipped_steps"] == 0
