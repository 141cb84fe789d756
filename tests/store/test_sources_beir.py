from pathlib import Path

import pytest

from leaf_ray.core.texts import DOCUMENT, QRELS_SCHEMA, QUERY
from leaf_ray.errors import InputError
from leaf_ray.store.sources import open_source
from tests.store.corpora import Corpus, read_corpus, split_of

CORPUS = '{"_id": "1", "title": "A", "text": "one", "metadata": {"url": "u"}}\n'
QUERIES = '{"_id": "1", "text": "what?", "metadata": {}}\n{"_id": "2", "text": "why?"}\n'
HEADER = "query-id\tcorpus-id\tscore\n"


def beir(folder: Path, qrels: str | None = HEADER + "1\t1\t2\n", name: str = "test.tsv") -> str:
    (folder / "qrels").mkdir(exist_ok=True)
    (folder / "corpus.jsonl").write_text(CORPUS)
    (folder / "queries.jsonl").write_text(QUERIES)
    if qrels is not None:
        (folder / "qrels" / name).write_text(qrels)
    return str(folder)


def judgments(corpus: Corpus) -> list[tuple[str, str, int]]:
    assert corpus.qrels is not None
    return [tuple(row.values()) for row in corpus.qrels.to_pylist()]


def test_a_real_collection_is_read_whole(shared_data: Path) -> None:
    corpus = read_corpus(str(shared_data / "beir" / "adi"))
    assert corpus.texts["kind"].to_pylist() == [DOCUMENT] * 82 + [QUERY] * 35
    assert corpus.texts["text"][0].as_py().startswith("the ibm dsd technical information center -")
    assert corpus.qrels is not None
    assert corpus.qrels.schema == QRELS_SCHEMA
    assert corpus.qrels.num_rows == 170
    assert corpus.num_empty == 0


def test_documents_and_queries_may_share_ids_and_documents_keep_metadata(tmp_path: Path) -> None:
    texts = read_corpus(beir(tmp_path)).texts
    assert texts.to_pylist() == [
        {"id": "1", "text": "A one", "kind": DOCUMENT, "metadata": {"url": "u"}},
        {"id": "1", "text": "what?", "kind": QUERY, "metadata": None},
        {"id": "2", "text": "why?", "kind": QUERY, "metadata": None},
    ]


def test_test_judgments_are_preferred_to_those_for_training(tmp_path: Path) -> None:
    beir(tmp_path, HEADER + "2\t1\t1\n", name="train.tsv")
    assert judgments(read_corpus(str(tmp_path))) == [("2", "1", 1)]
    assert judgments(read_corpus(beir(tmp_path))) == [("1", "1", 2)]


def test_a_single_file_of_judgments_may_have_any_name_but_two_may_not(tmp_path: Path) -> None:
    assert judgments(read_corpus(beir(tmp_path, name="mine.tsv"))) == [("1", "1", 2)]
    with pytest.raises(InputError, match=r"\['mine\.tsv', 'yours\.tsv'\]; name the one to use"):
        read_corpus(beir(tmp_path, name="yours.tsv"))


def test_a_collection_without_judgments_has_no_qrels(tmp_path: Path) -> None:
    assert read_corpus(beir(tmp_path, None)).qrels is None


def test_judgments_of_unknown_queries_are_left_out_and_those_of_unknown_documents_stay(
    tmp_path: Path,
) -> None:
    qrels = HEADER + "1\t1\t1\n9\t1\t1\n8\t8\t1\n1\t9\t2\n"
    split = split_of(open_source(beir(tmp_path, qrels)))
    assert split.query_form == "judged"
    assert [tuple(row.values()) for row in split.qrels.to_pylist()] == [
        ("1", "1", 1),
        ("1", "9", 2),
    ]
    assert split.counts["judgments_of_unknown_queries"] == 2
    assert split.counts["judgments_of_unknown_documents"] == 1


def test_equal_texts_under_several_ids_all_stay_with_their_judgments(tmp_path: Path) -> None:
    folder = Path(beir(tmp_path, HEADER + "q1\tb\t1\nq2\ta\t2\nq2\tc\t-1\n"))
    (folder / "corpus.jsonl").write_text(
        "".join(f'{{"_id": "{key}", "text": "same"}}\n' for key in ("a", "b", "c", "c", "q1"))
    )
    (folder / "queries.jsonl").write_text(
        "".join(f'{{"_id": "{key}", "text": "same"}}\n' for key in ("q1", "q2"))
    )
    split = split_of(open_source(str(folder)), num_documents=1)
    ids: dict[str, set[str]] = {DOCUMENT: set(), QUERY: set()}
    for row in split.texts.to_pylist():
        ids[row["kind"]].add(row["id"])
    # The judged ones, whatever their number, and both queries.
    assert ids == {DOCUMENT: {"a", "b", "c"}, QUERY: {"q1", "q2"}}
    assert split.qrels.num_rows == 3
    assert split.counts["judgments_of_unknown_documents"] == 0


@pytest.mark.parametrize(
    ("qrels", "message"),
    [
        (HEADER + "1 1 1\n", r"test\.tsv:2: found '1 1 1'; three columns with tabs"),
        (HEADER + "1\t1\tyes\n", r"test\.tsv:2: score is 'yes'; a whole number"),
        (HEADER + "1\t1\t1\n1\t1\t2\n", r"test\.tsv:3: .*have the scores 1 and 2"),
        (HEADER, r"test\.tsv holds 0 judgments"),
        (HEADER + "8\t9\t1\n", r"test\.tsv holds 1 judgments and none is of a query"),
    ],
)
def test_broken_judgments_are_refused(tmp_path: Path, qrels: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_of(open_source(beir(tmp_path, qrels)))


@pytest.mark.parametrize(("name", "kind"), [("corpus", DOCUMENT), ("queries", QUERY)])
def test_a_collection_without_texts_of_a_kind_is_refused(
    tmp_path: Path, name: str, kind: str
) -> None:
    beir(tmp_path)
    (tmp_path / f"{name}.jsonl").write_text('{"_id": "1", "text": ""}\n')
    with pytest.raises(InputError, match=rf"{name}\.jsonl holds no {kind} with text"):
        read_corpus(str(tmp_path))


def test_a_collection_with_a_file_of_no_bytes_is_refused(tmp_path: Path) -> None:
    beir(tmp_path)
    (tmp_path / "corpus.jsonl").write_text("")
    with pytest.raises(InputError, match=r"corpus\.jsonl"):
        read_corpus(str(tmp_path))
