"""`cost` times real models once, and counts prices and sizes anew as often as one likes."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.evaluation.evaluation import Evaluation, evaluation_to_json
from leaf_ray.core.space.probe import Probe
from leaf_ray.core.space.space import Space
from leaf_ray.errors import ConfigError, InputError, MissingStage
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import EVALUATION_JSON, MODEL_FOLDER
from leaf_ray.runs.parts import read_json, read_space, write_space
from leaf_ray.stages import verbs
from leaf_ray.stages.teacher import describe_teacher
from tests.examples.costs import judged
from tests.examples.faulty_endpoint import FaultyEndpoint
from tests.exports.exports import write_leaf

pytestmark = pytest.mark.ray

QUICK = {"MOST_TIMED": 200, "LEAST_SECONDS": 0.2, "MOST_SECONDS": 1.0}


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Any:
    """Fewer timings than a figure for people wants."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in QUICK.items():
            patched.setattr(f"leaf_ray.stages.cost.clock.{name}", value)
        yield


@pytest.fixture(scope="module")
def costed(
    small_run: RunConfig, tmp_path_factory: pytest.TempPathFactory, _quick: None
) -> RunConfig:
    """A copy of the finished run with its cost report; tests must leave it as it is."""
    config = copied(small_run, tmp_path_factory.mktemp("costed"))
    verbs.cost(config)
    return config


def copied(config: RunConfig, into: Path) -> RunConfig:
    shutil.copytree(config.root, into / "run")
    return config.model_copy(update={"root": str(into / "run")})


def priced(config: RunConfig, **prices: Any) -> RunConfig:
    return config.model_copy(update={"cost": config.cost.model_copy(update=prices)})


def cost_of(config: RunConfig) -> dict[str, Any]:
    return read_json(Run.open(config.root).cost, "cost.json")


def row_of(config: RunConfig, role: str) -> dict[str, Any]:
    (found,) = [row for row in cost_of(config)["rows"] if row["role"] == role]
    return dict(found)


def test_quality_time_and_price_stand_side_by_side(costed: RunConfig) -> None:
    fields, run = cost_of(costed), Run.open(costed.root)
    (report,) = read_json(run.evaluation, "evaluation.json")["reports"]
    assert [row["role"] for row in fields["rows"]] == ["teacher", "asymmetric", "symmetric"]
    for row, evaluated in zip(fields["rows"], report["rows"], strict=False):
        assert row["score"]["mean"] == evaluated["ndcg"]["mean"]
        assert row["bytes"] == 4 * 32
    timings = fields["timings"]
    for model in ("teacher", "leaf"):
        timed = timings[model]
        assert timed["query"]["num_timed"] >= 200
        assert 0 < timed["query"]["p50_ms"] <= timed["query"]["p99_ms"]
        assert timed["search"]["p50_ms"] > timed["query"]["p50_ms"], "a search takes time too"
        assert timed["documents"]["per_second"] > 0
    assert timings["num_indexed"] == run.index.require(command="").counts["rows"]
    per_hour = 0.05 * timings["machine"]["cores"]
    hours = timings["leaf"]["query"]["mean_ms"] * 1000 / 3600
    assert row_of(costed, "asymmetric")["queries"] == pytest.approx(hours * per_hour)


def test_the_page_lies_beside_its_figures(costed: RunConfig) -> None:
    part = Run.open(costed.root).cost
    page, markdown = ((part.read(name) or b"").decode() for name in ("cost.html", "cost.md"))
    HTMLParser().feed(page)
    assert page.startswith("<!DOCTYPE html>") and page.count("<svg ") == 6
    assert cost_of(costed)["verdict"] in markdown


def test_the_sizes_that_no_other_beats_are_shown(costed: RunConfig) -> None:
    shown = [size for size in cost_of(costed)["sizes"] if size["role"] == "asymmetric"]
    means = [size["kept"]["mean"] for size in shown]
    assert means == sorted(means)
    assert [size["bytes"] for size in shown] == sorted({size["bytes"] for size in shown})


def test_other_prices_and_sizes_are_counted_anew_without_timing(
    costed: RunConfig, tmp_path: Path
) -> None:
    config = copied(costed, tmp_path)
    before = row_of(config, "teacher")
    timed = Run.open(config.root).timings.require(command="")
    dearer = priced(
        config, machine_per_hour=7.0, storage_gb_month=1.0, currency="EUR", sizes=("32 int8",)
    )
    verbs.cost(dearer)
    after = row_of(dearer, "teacher")
    assert Run.open(config.root).timings.require(command="") == timed
    assumed = cost_of(costed)["prices"]["machine_per_hour"]
    assert after["queries"] == pytest.approx(before["queries"] * 7.0 / assumed)
    assert after["stored"] == pytest.approx(128e-3)
    assert {size["dimensions"] for size in cost_of(dearer)["sizes"]} == {32}
    assert "EUR" in (Run.open(config.root).cost.read("cost.html") or b"").decode()


def test_again_times_anew(costed: RunConfig, tmp_path: Path) -> None:
    config = copied(costed, tmp_path)
    before = Run.open(config.root).timings.require(command="").id
    verbs.cost(config, again=True)
    assert Run.open(config.root).timings.require(command="").id != before


def test_a_table_is_searched_as_soon_as_there_is_one(small_run: RunConfig, tmp_path: Path) -> None:
    config = copied(small_run, tmp_path)
    run = Run.open(config.root)
    run.index.unfinish()
    verbs.cost(config)
    assert cost_of(config)["timings"]["leaf"]["search"] is None
    assert cost_of(config)["timings"]["num_indexed"] is None
    verbs.index(config)
    verbs.cost(config)
    assert cost_of(config)["timings"]["leaf"]["search"]["p50_ms"] > 0


def test_an_unknown_size_is_refused_before_the_clocks_run(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = priced(copied(small_run, tmp_path), sizes=("7 int8",))
    with pytest.raises(ConfigError, match=r"cost\.sizes: '7 int8'.*32 float32"):
        verbs.cost(config)
    assert Run.open(config.root).timings.manifest() is None


def test_a_run_that_was_not_evaluated_says_how_before_the_clocks_run(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = copied(small_run, tmp_path)
    run = Run.open(config.root)
    run.evaluation.unfinish()
    with pytest.raises(MissingStage, match=r"evaluation is not finished: run `leaf evaluate FILE`"):
        verbs.cost(config)
    assert run.timings.manifest() is None


def test_a_run_without_queries_says_what_to_set(small_config: RunConfig, tmp_path: Path) -> None:
    texts = small_config.texts.model_copy(update={"num_test_queries": 0})
    config = small_config.model_copy(update={"root": str(tmp_path / "run"), "texts": texts})
    verbs.texts(config)
    with pytest.raises(
        InputError, match=r"no test queries.*texts\.num_test_queries.*evaluate\.collections"
    ):
        verbs.cost(config)


def test_a_teacher_known_by_its_vectors_alone_has_no_time(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = copied(small_run, tmp_path)
    part = Run.open(config.root).vectors
    write_space(part, without_probe(read_space(part)))
    verbs.cost(config)
    assert cost_of(config)["timings"]["teacher"] is None
    teacher, leaf = row_of(config, "teacher"), row_of(config, "symmetric")
    assert teacher["queries"] is teacher["documents"] is None
    assert leaf["queries"] > 0 and leaf["documents"] > 0
    assert cost_of(config)["verdict"].startswith("The teacher cannot be asked")


def without_probe(space: Space) -> Space:
    probe = Probe(np.empty((0, space.dimension), dtype=np.float32))
    fields = {**space.to_json(), "probe": probe.to_json()}
    return Space.from_json(json.loads(json.dumps(fields)))


def evaluated(config: RunConfig, init: Path, into: Path) -> RunConfig:
    """A run with real texts and a real leaf of its teacher's space, but no training.

    Its report is another run's, since what is timed has nothing to do with it.
    """
    verbs.texts(config)
    run, space = Run.open(config.root), describe_teacher(config)
    write_space(run.vectors, space)
    run.leaf.publish(write_leaf(init, space, into / "leaf"), into=MODEL_FOLDER)
    report = evaluation_to_json(Evaluation((judged(),)))
    run.evaluation.write(EVALUATION_JSON, json.dumps(report).encode())
    for part in (run.vectors, run.leaf, run.evaluation):
        part.finish(Manifest(stage="x", made_with={}, inputs={}, counts={}, seconds=1.0))
    return config


def test_without_test_queries_those_of_the_first_collection_are_timed(
    small_config: RunConfig, ray_local: None, tiny_init: Path, shared_data: Path, tmp_path: Path
) -> None:
    fields = small_config.model_dump() | {"root": str(tmp_path / "run")}
    fields["texts"]["num_test_queries"] = 0
    fields["evaluate"]["collections"] = [str(shared_data / "beir/adi"), "another"]
    config = evaluated(RunConfig.model_validate(fields), tiny_init, tmp_path)
    verbs.cost(config)
    assert cost_of(config)["timings"]["texts_of"] == "adi"
    assert cost_of(config)["timings"]["teacher"]["query"]["num_timed"] == 200


def test_an_endpoint_is_asked_little_and_priced_by_its_tokens(
    small_config: RunConfig, tiny_init: Path, tmp_path: Path
) -> None:
    with FaultyEndpoint() as endpoint:
        fields = small_config.model_dump() | {"root": str(tmp_path / "run")}
        fields["space"] = {"teacher": "faulty", "endpoint": endpoint.url, "max_length": 32}
        config = evaluated(RunConfig.model_validate(fields), tiny_init, tmp_path)
        asked = endpoint.texts.total()
        verbs.cost(config)
        # A round of queries, the documents once, the probe, and some to warm up.
        assert endpoint.texts.total() - asked < 210 + 82 + 100
        timings = cost_of(config)["timings"]
        assert (timings["teacher"]["place"], timings["leaf"]["place"]) == ("endpoint", "machine")
        assert row_of(config, "teacher")["queries"] is None
        asked = endpoint.texts.total()
        verbs.cost(priced(config, tokens_per_million=0.5))
        assert endpoint.texts.total() == asked
    tokens = timings["teacher"]["tokens_per_query"]
    assert 1 < tokens <= 32
    assert row_of(config, "teacher")["queries"] == pytest.approx(0.5 * tokens)
