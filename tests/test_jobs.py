"""The run files in jobs/ say what their recipes are."""

from pathlib import Path

import pytest

from leaf_ray.config import RunConfig, load_config
from leaf_ray.core.training.optimizer import linear_cycles

JOBS = Path(__file__).resolve().parents[1] / "jobs"
PROMPT = "Represent this sentence for searching relevant passages: "
PAPER = ("leaf_ir", "leaf_mt")


def job(name: str) -> RunConfig:
    return load_config(JOBS / f"{name}.yaml")


@pytest.mark.parametrize("file", sorted(JOBS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_job_has_a_run_of_its_own_and_says_what_it_is(file: Path) -> None:
    assert load_config(file).root == f"runs/{file.stem}"
    assert file.read_text("utf-8").startswith("# ")


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_recipe_is_three_cycles_of_ten_epochs_in_batches_of_32(name: str) -> None:
    distill = job(name).distill
    assert distill.cycles == 3
    assert distill.epochs / distill.cycles == 10
    assert (distill.batch_size, distill.micro_batches) == (32, 1)
    assert (distill.learning_rate, distill.final_learning_rate) == (1e-4, 1e-5)


@pytest.mark.parametrize("name", PAPER)
def test_each_cycle_falls_from_1e_4_to_1e_5_over_ten_epochs(name: str) -> None:
    distill, epoch_steps = job(name).distill, 1000
    num_steps = int(distill.epochs * epoch_steps)
    rates = [
        linear_cycles(
            step,
            num_steps=num_steps,
            cycles=distill.cycles,
            peak=distill.learning_rate,
            floor=distill.final_learning_rate,
            warmup_steps=distill.warmup_steps,
        )
        for step in range(num_steps)
    ]
    after_warmup = range(distill.warmup_steps, num_steps)
    restarts = [step for step in after_warmup if rates[step] > rates[step - 1]]
    assert [step / epoch_steps for step in restarts] == [10, 20]
    for start in restarts:
        assert rates[start] == 1e-4
        assert rates[start - 1] == pytest.approx(1e-5, rel=1e-2)
    assert rates[-1] == pytest.approx(1e-5, rel=1e-2)


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_mixture_is_taken_whole(name: str) -> None:
    # In thousands: MS MARCO, Amazon QA, PubMedQA + TriviaQA, LoTTE; FineWeb, CC-News, words.
    queries, documents = 502 + 979 + 273 + 27, 3000 + 900 + 479
    config = job(name)
    assert config.distill.documents_per_query * queries >= documents
    assert config.texts.num_test_queries == 0
    assert config.texts.num_documents is config.texts.num_train_queries is None


@pytest.mark.parametrize(
    ("name", "teacher", "stated"),
    [
        ("leaf_ir", "Snowflake/snowflake-arctic-embed-m-v1.5", None),
        ("leaf_mt", "mixedbread-ai/mxbai-embed-large-v1", PROMPT),
        ("leaf_mpnet", "sentence-transformers/all-mpnet-base-v2", None),
    ],
)
def test_teachers_bring_their_own_prompts_or_are_given_them(
    name: str, teacher: str, stated: str | None
) -> None:
    config = job(name)
    assert config.space.teacher == teacher
    assert config.space.query_prompt == stated
    assert config.space.document_prompt is None
    assert config.embed.dtype == "float16"


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_objective_and_start_are_kept(name: str) -> None:
    distill = job(name).distill
    assert distill.init == "nreimers/MiniLM-L6-H384-uncased"
    assert distill.loss == "l2"
    assert distill.covariance_weight == distill.similarity_weight == 0
    assert distill.prefix_weights == {}


def test_the_mpnet_leaf_anneals_once_and_over_no_more_documents_than_queries() -> None:
    distill = job("leaf_mpnet").distill
    assert distill.cycles == 1
    assert distill.final_learning_rate <= distill.learning_rate / 100
    assert 0 < distill.documents_per_query <= 1
