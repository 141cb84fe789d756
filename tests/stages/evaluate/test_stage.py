"""evaluate: figures that others compute alike, in any space, with nothing left out unsaid."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import pytrec_eval

from leaf_ray.config import RunConfig
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.text.texts import DOCUMENT, QUERY, TEST
from leaf_ray.runs import Run
from leaf_ray.runs.folder import JUDGMENTS_FILE
from leaf_ray.runs.parts import read_json, read_rotation, read_space, read_table, vectors_dataset
from leaf_ray.stages import verbs
from tests.examples.own_documents import write_own_documents
from tests.stages.conftest import with_collections

pytestmark = pytest.mark.ray


def reports(config: RunConfig) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_json(Run.open(config.root).evaluation, "evaluation.json")[
        "reports"
    ]
    return found


def pytrec_ndcg(run: Run, *, leaves_out_own: bool = False) -> float:
    """The teacher's mean nDCG@10 from the stored vectors, by pytrec_eval."""
    table = vectors_dataset(run.vectors).to_table()
    documents = table.filter(pc.field("kind") == DOCUMENT)
    queries = table.filter((pc.field("kind") == QUERY) & (pc.field("split") == TEST))
    judged: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in read_table(run.texts, JUDGMENTS_FILE).to_pylist():
        judged[row["query_id"]][row["document_id"]] = row["relevance"]
    score_QN = vectors_of(queries) @ vectors_of(documents).T
    ids = documents["id"].to_pylist()
    ranked = {
        query: dict(zip(ids, map(float, score_N), strict=True))
        for query, score_N in zip(queries["id"].to_pylist(), score_QN, strict=True)
    }
    if leaves_out_own:
        # As BEIR's `ignore_identical_ids` does.
        for query, found in ranked.items():
            found.pop(query, None)
    measured = pytrec_eval.RelevanceEvaluator(dict(judged), {"ndcg_cut.10"}).evaluate(ranked)
    return float(np.mean([query["ndcg_cut_10"] for query in measured.values()]))


def test_the_teachers_figures_are_those_of_pytrec_eval_over_the_stored_vectors(
    small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    config = with_collections(small_run, tmp_path / "run", adi)
    verbs.evaluate(config, again=True)
    own, collection = reports(config)
    assert own["rows"][0]["ndcg"]["mean"] == pytest.approx(pytrec_ndcg(Run.open(config.root)))
    (folder,) = (tmp_path / "run/collections").iterdir()
    assert collection["rows"][0]["ndcg"]["mean"] == pytest.approx(
        pytrec_ndcg(Run.open(str(folder)))
    )


def test_where_queries_are_documents_none_finds_itself_and_the_report_says_so(
    small_run: RunConfig, tmp_path: Path
) -> None:
    folder = write_own_documents(tmp_path / "arguments")
    config = with_collections(small_run, tmp_path / "run", folder)
    verbs.evaluate(config, again=True)
    own, arguments = reports(config)
    # One of the 21 queries has an id that is no document's.
    assert (own["num_own_documents"], arguments["num_own_documents"]) == (0, 20)
    (made,) = (tmp_path / "run/collections").iterdir()
    collection = Run.open(str(made))
    wanted = pytrec_ndcg(collection, leaves_out_own=True)
    assert wanted > pytrec_ndcg(collection) + 0.03
    rows = {row["role"]: row for row in arguments["rows"]}
    assert rows["teacher"]["ndcg"]["mean"] == pytest.approx(wanted)
    for cell in arguments["grid"]:
        if (cell["dimensions"], cell["stored"]) == (32, "float32"):
            assert cell["ndcg"] == rows[cell["role"]]["ndcg"]
    page = Run.open(config.root).evaluation.read("evaluation.md")
    assert page is not None
    assert page.count(b"20 of the queries are documents of the collection themselves") == 1


def test_a_rotated_run_is_measured_in_its_own_space_and_so_are_its_collections(
    rotated_run: RunConfig, small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    config = with_collections(rotated_run, tmp_path / "run", adi)
    verbs.evaluate(config)
    run = Run.open(config.root)
    space = read_space(run.vectors)
    (folder,) = (tmp_path / "run/collections").iterdir()
    collection = Run.open(str(folder))
    assert read_space(collection.vectors).fingerprint == space.fingerprint
    rotations = [read_rotation(part, space) for part in (run.vectors, collection.vectors)]
    assert rotations[0] is not None and rotations[1] is not None
    np.testing.assert_array_equal(rotations[0].matrix_DD, rotations[1].matrix_DD)
    # At full dimension a rotation changes nothing.
    plain = with_collections(small_run, tmp_path / "plain", adi)
    verbs.evaluate(plain, again=True)
    rotated_teachers, plain_teachers = (
        [report["rows"][0]["ndcg"]["mean"] for report in reports(each)] for each in (config, plain)
    )
    # The plain run keeps its vectors in float16.
    assert rotated_teachers == pytest.approx(plain_teachers, abs=0.01)


def test_what_the_teacher_has_no_vector_of_is_left_out_and_told(
    small_run: RunConfig, tmp_path: Path
) -> None:
    table = vectors_dataset(Run.open(small_run.root).vectors).to_table()
    is_test = (pc.field("kind") == QUERY) & (pc.field("split") == TEST)
    lost = table.filter(is_test)["id"][0].as_py()
    kept = table.filter(
        pc.invert(pc.and_(pc.equal(table["kind"], QUERY), pc.equal(table["id"], lost)))
    )
    columns = ["id", "kind", "vector"]
    pq.write_table(pa.table({name: kept[name] for name in columns}), tmp_path / "given.parquet")
    embed = small_run.embed.model_copy(update={"vectors": str(tmp_path / "given.parquet")})
    config = small_run.model_copy(update={"root": str(tmp_path / "run"), "embed": embed})
    for verb in (verbs.texts, verbs.embed, verbs.distill, verbs.evaluate):
        verb(config)
    (own,) = reports(config)
    assert own["num_queries"] == 11
    assert (own["num_queries_left_out"], own["num_documents_left_out"]) == (1, 0)
    page = Run.open(config.root).evaluation.read("evaluation.md")
    assert page is not None and b"1 queries and 0 documents were rejected" in page
