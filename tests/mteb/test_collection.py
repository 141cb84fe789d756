"""A BEIR folder through mteb, and the figures that it gives."""

import json
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest

from leaf_ray.core.evaluation.bootstrap import USUAL
from leaf_ray.core.evaluation.comparison import Collection, System, compare
from leaf_ray.core.evaluation.metrics import mrr, ndcg, recall
from leaf_ray.core.evaluation.own_documents import own_documents
from leaf_ray.core.search.ranking import top_k
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import InputError
from leaf_ray.mteb.collection import read_collection
from leaf_ray.mteb.models import asymmetric_model, leaf_model
from leaf_ray.mteb.tasks import beir_task
from tests.examples.own_documents import write_own_documents

HEADER = "query-id\tcorpus-id\tscore\n"


def a_folder(folder: Path, *, documents: dict[str, str], qrels: str) -> str:
    """A collection with queries q1 and q2."""
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": key, "text": text}) for key, text in documents.items()]
    (folder / "corpus.jsonl").write_text("\n".join(lines), "utf-8")
    queries = [json.dumps({"_id": f"q{i}", "text": f"question {i}"}) for i in (1, 2)]
    (folder / "queries.jsonl").write_text("\n".join(queries), "utf-8")
    (folder / "qrels" / "test.tsv").write_text(HEADER + qrels, "utf-8")
    return str(folder)


def scores(result: Any) -> dict[str, float]:
    found: dict[str, float] = result.task_results[0].scores["test"][0]
    return found


@pytest.fixture(scope="module")
def adi(shared_data: Path) -> str:
    return str(shared_data / "beir" / "adi")


def test_a_collection_is_read_whole_with_its_titles(adi: str) -> None:
    collection = read_collection(adi)
    assert collection.name == "adi"
    assert (len(collection.documents), len(collection.queries)) == (82, 35)
    assert sum(len(grades) for grades in collection.judgments.values()) == 170
    assert collection.documents["1"].startswith("the ibm dsd technical information center -")


@pytest.mark.parametrize("who", ["leaf", "pair"])
def test_mteb_finds_what_our_own_ranking_and_metrics_find(
    adi: str, tiny_leaf: Path, tiny_teacher: Path, who: str
) -> None:
    model = (
        leaf_model(tiny_leaf, backend="torch-f32")
        if who == "leaf"
        else asymmetric_model(tiny_leaf, tiny_teacher, backend="torch-f32")
    )
    theirs = scores(mteb.evaluate(model, beir_task(adi), cache=None, show_progress_bar=False))

    collection = read_collection(adi)
    ids = sorted(collection.documents)
    document_ND = model.encode(
        [{"text": [collection.documents[i] for i in ids]}], prompt_type=DOCUMENT
    )
    leaf = EncoderSpec(folder=str(tiny_leaf), backend="torch-f32").load()
    query_QD = leaf.encode(list(collection.queries.values()), kind=QUERY)
    ranking = top_k(query_QD, document_ND, k=100)
    ranked_ids = np.array(ids)[ranking.index_QK].tolist()
    judgments = [collection.judgments[query] for query in collection.queries]
    for name, ours_Q in {
        "ndcg_at_10": ndcg(ranked_ids, judgments, k=10),
        "recall_at_100": recall(ranked_ids, judgments, k=100),
        "mrr_at_10": mrr(ranked_ids, judgments, k=10),
    }.items():
        assert theirs[name] == pytest.approx(ours_Q.mean(), abs=1e-4), name
    assert theirs["main_score"] == theirs["ndcg_at_10"] > 0


def test_where_queries_are_documents_mteb_too_leaves_a_querys_own_out(
    tmp_path: Path, adi: str, tiny_leaf: Path
) -> None:
    folder = write_own_documents(tmp_path / "arguments")
    collection, task = read_collection(folder), beir_task(folder)
    assert task.ignore_identical_ids and not beir_task(adi).ignore_identical_ids
    model = leaf_model(tiny_leaf, backend="torch-f32")
    theirs = scores(mteb.evaluate(model, task, cache=None, show_progress_bar=False))

    ids, queries = sorted(collection.documents), list(collection.queries)
    texts = [collection.documents[key] for key in ids]
    judgments = [collection.judgments[query] for query in queries]
    own_Q = own_documents(queries, list(collection.queries.values()), ids, texts, judgments)
    document_ND = model.encode([{"text": texts}], prompt_type=DOCUMENT)
    query_QD = model.encode([{"text": list(collection.queries.values())}], prompt_type=QUERY)
    system = System("teacher", "leaf", "leaf", query_QD, document_ND, None)
    row = compare(Collection(ids, judgments, own_Q=own_Q), [system], USUAL).rows[0]
    for name, ours in {
        "ndcg_at_10": row.ndcg,
        "recall_at_100": row.recall,
        "mrr_at_10": row.mrr,
        "map_at_100": row.map,
    }.items():
        assert ours is not None and theirs[name] == pytest.approx(ours.mean, abs=1e-4), name


def test_a_task_can_be_evaluated_again_after_mteb_has_unloaded_it(
    adi: str, tiny_leaf: Path
) -> None:
    model, task = leaf_model(tiny_leaf, backend="torch-f32"), beir_task(adi)
    first, second = (
        scores(mteb.evaluate(model, [task], cache=None, show_progress_bar=False)) for _ in range(2)
    )
    assert first == second
    assert task.metadata.name.startswith("adi-") and not task.data_loaded


def test_cached_results_are_of_the_same_contents_only(tmp_path: Path, tiny_leaf: Path) -> None:
    texts = {"a": "question 1", "b": "something else"}
    cache = mteb.ResultCache(tmp_path / "cache")
    model = leaf_model(tiny_leaf, backend="torch-f32")
    found = []
    for place, qrels in (("one", "q1\ta\t1\n"), ("two", "q1\tb\t1\n")):
        folder = a_folder(tmp_path / place / "mine", documents=texts, qrels=qrels)
        result = mteb.evaluate(model, beir_task(folder), cache=cache, show_progress_bar=False)
        found.append(scores(result)["recall_at_1"])
    assert found == [1.0, 0.0]


def test_a_relevant_document_that_is_not_there_counts_as_not_found(
    tmp_path: Path, tiny_leaf: Path
) -> None:
    folder = a_folder(
        tmp_path / "x", documents={"a": "question 1"}, qrels="q1\ta\t1\nq1\tgone\t1\nq7\ta\t1\n"
    )
    collection = read_collection(folder)
    assert collection.judgments == {"q1": {"a": 1, "gone": 1}}
    assert collection.queries == {"q1": "question 1"}
    model = leaf_model(tiny_leaf, backend="torch-f32")
    result = mteb.evaluate(model, beir_task(folder), cache=None, show_progress_bar=False)
    assert scores(result)["recall_at_100"] == pytest.approx(0.5)


def test_the_fingerprint_is_of_contents_and_not_of_place_or_order(tmp_path: Path) -> None:
    texts = {"a": "x", "b": "y"}
    turned = dict(reversed(texts.items()))
    one = a_folder(tmp_path / "one", documents=texts, qrels="q1\ta\t1\nq1\tb\t2\n")
    two = a_folder(tmp_path / "two", documents=turned, qrels="q1\tb\t2\nq1\ta\t1\n")
    three = a_folder(tmp_path / "three", documents=texts, qrels="q1\ta\t1\nq1\tb\t1\n")
    first, second, third = (read_collection(folder).fingerprint for folder in (one, two, three))
    assert first == second != third


def test_what_is_no_collection_is_refused(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "x", documents={"a": "x"}, qrels="q9\ta\t1\n")
    with pytest.raises(InputError, match=r"test\.tsv judges none of the queries"):
        beir_task(folder)
    (tmp_path / "x" / "qrels" / "test.tsv").unlink()
    with pytest.raises(InputError, match=r"is no collection with judgments: put corpus\.jsonl"):
        beir_task(folder)
    (tmp_path / "plain.txt").write_text("a text", "utf-8")
    with pytest.raises(InputError, match="is no collection with judgments"):
        beir_task(str(tmp_path / "plain.txt"))
    with pytest.raises(InputError, match="does not exist"):
        beir_task(str(tmp_path / "nowhere"))


def test_two_texts_of_one_id_are_refused_and_one_text_twice_is_one(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "x", documents={"a": "x"}, qrels="q1\ta\t1\n")
    corpus = tmp_path / "x" / "corpus.jsonl"
    corpus.write_text('{"_id": "a", "text": "x"}\n' * 2, "utf-8")
    assert read_collection(folder).documents == {"a": "x"}
    corpus.write_text('{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}\n', "utf-8")
    with pytest.raises(InputError, match="two texts of the document 'a'"):
        read_collection(folder)
