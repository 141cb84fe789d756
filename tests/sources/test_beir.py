import gzip
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.core.text.texts import DOCUMENT, QRELS_SCHEMA, QUERY
from leaf_ray.errors import InputError
from leaf_ray.sources.read import open_source
from tests.sources.corpora import Corpus, read_corpus, split_of

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


def test_the_id_of_the_format_goes_before_another(tmp_path: Path) -> None:
    beir(tmp_path)
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": 1, "id": "x", "text": "one"}\n{"id": "2", "text": "two"}\n'
    )
    assert read_corpus(str(tmp_path)).texts["id"].to_pylist() == ["1", "2", "1", "2"]


def test_files_and_folders_beside_a_collection_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "more.jsonl").touch()
    (tmp_path / "more").mkdir()
    read_corpus(beir(tmp_path))
    files, folders = caplog.messages
    assert files.endswith("the files more.jsonl in it are not read")
    assert "the folders more in it are not read" in folders


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
        (HEADER + "1\t1\t1\n" + HEADER, r"test\.tsv:3: score is 'score'; .* only in the first"),
        ("corpus-id\tquery-id\tscore\n1\t1\t1\n", r"test\.tsv:1: .*in this order; three col"),
        (HEADER[:-1] + "\tsplit\n1\t1\t1\t0\n", r"test\.tsv:1: the columns are 'query-id', "),
        ("1\t1\t1\n1\t0\t1\t1\n", r"test\.tsv:2: .* in every line as in the first, which has 3"),
        ("1 0 1 1\n1 1 1\n", r"test\.tsv:2: .* in every line as in the first, which has 4"),
        ("1\t1\t1\n1\t1\n", r"test\.tsv:2: found '1.*t1'; three columns"),
        ("1\t1\t1\n\t1\t1\n", r"test\.tsv:2: .* an id is empty"),
        ("1\t1\t1\n1\t2\t\n", r"test\.tsv:2: found "),
        ("1\t1\t0.5\n", r"test\.tsv:1: score is '0\.5'"),
        ("1\t1\tnan\n", r"test\.tsv:1: score is 'nan'"),
        ("1\t1\t1\n1\t2\t1_0\n", r"test\.tsv:2: score is '1_0'"),
        ("1\t1\t2147483648\n", r"test\.tsv:1: score is '2147483648'"),
        (HEADER + "1\t1\tyes\n", r"test\.tsv:2: score is 'yes'; a whole number"),
        (HEADER + "1\t1\t1\n1\t1\t2\n", r"test\.tsv:3: .*have the scores 1 and 2"),
        (HEADER, r"test\.tsv holds 0 judgments"),
        (HEADER + "8\t9\t1\n", r"test\.tsv holds 1 judgments, and none names both a query"),
    ],
)
def test_broken_judgments_are_refused(tmp_path: Path, qrels: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_of(open_source(beir(tmp_path, qrels)))


def test_the_first_judgment_of_a_file_without_a_header_is_one(tmp_path: Path) -> None:
    assert judgments(read_corpus(beir(tmp_path, "1\t1\t1\n2\t1\t0\n"))) == [
        ("1", "1", 1),
        ("2", "1", 0),
    ]


@pytest.mark.parametrize(
    "qrels",
    [
        "1 0 1 2\n2 Q0 1 0\n",
        "1\t0\t1\t2\n2\t0\t1\t0\n",
        "  1   0 1\t2 \n2 0 1 0",
        "qid iteration docid relevance\n1 0 1 2\n2 0 1 0\n",
        "qid Q0 docno rel\n1 0 1 2\n2 0 1 0\n",
        "1\t1\t2.0\t\n\n \t\n2\t1\t0.\n",
        HEADER + "1\t1\t2\r\n2\t1\t0\r\n",
        "\ufeff1\t1\t2\n2\t1\t+0\n",
        "\ufeff\n" + HEADER + "1\t1\t2\n2\t1\t-0",
        "1\t1\t2\r2\t1\t0\r1\t1\t2\r",
    ],
)
def test_judgments_are_read_in_all_their_forms(tmp_path: Path, qrels: str) -> None:
    beir(tmp_path, None)
    (tmp_path / "qrels" / "test.tsv").write_bytes(qrels.encode())
    assert judgments(read_corpus(str(tmp_path))) == [("1", "1", 2), ("2", "1", 0)]


def test_ids_may_have_blanks_where_tabs_are_between_columns(tmp_path: Path) -> None:
    path = beir(tmp_path, "1 a\t 0 one\t1\n1 a\tq0 1 1\t-2\n")
    assert judgments(read_corpus(path)) == [("1 a", " 0 one", 1), ("1 a", "q0 1 1", -2)]


@pytest.mark.parametrize("name", ["test.tsv.gz", "test.qrels", "test.txt.gz", "qrels.trec"])
def test_judgments_may_be_compressed_and_called_otherwise(tmp_path: Path, name: str) -> None:
    beir(tmp_path, None)
    content = b"1 0 1 2\n"
    (tmp_path / "qrels" / name).write_bytes(gzip.compress(content) if name[-1] == "z" else content)
    assert judgments(read_corpus(str(tmp_path))) == [("1", "1", 2)]


def test_files_of_judgments_that_are_not_read_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    beir(tmp_path, name="train.tsv")
    beir(tmp_path, name="mine.txt")
    read_corpus(beir(tmp_path))
    (said,) = caplog.messages
    assert re.search(
        r"of .*test\.tsv are used; mine\.txt, train\.tsv of .*qrels are not read", said
    )


def test_judgments_that_would_be_left_out_are_refused(tmp_path: Path) -> None:
    beir(tmp_path)
    (tmp_path / "qrels" / "test.tsv.gz").write_bytes(gzip.compress(HEADER.encode()))
    with pytest.raises(InputError, match=r"\['test\.tsv', 'test\.tsv\.gz'\]; leave one"):
        read_corpus(str(tmp_path))
    (tmp_path / "qrels" / "test.tsv.gz").unlink()
    (tmp_path / "qrels" / "test.tsv").rename(tmp_path / "qrels" / "test.json")
    with pytest.raises(InputError, match=r"holds \['test\.json'\] and no judgments that can"):
        read_corpus(str(tmp_path))
    (tmp_path / "qrels" / "test.json").rename(tmp_path / "qrels.tsv")
    (tmp_path / "qrels").rmdir()
    with pytest.raises(InputError, match=r"holds \['qrels\.tsv'\] beside its texts.*qrels/test"):
        read_corpus(str(tmp_path))


def test_a_file_of_texts_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    beir(tmp_path)
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress(CORPUS.encode()))
    with pytest.raises(InputError, match=r"\['corpus\.jsonl', 'corpus\.jsonl\.gz'\]; leave one"):
        read_corpus(str(tmp_path))


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


_IDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\t\r\n\ufeff"), min_size=1, max_size=5
).filter(str.strip)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    scores=st.dictionaries(st.tuples(_IDS, _IDS), st.integers(-3, 3), min_size=1, max_size=6),
    columns=st.sampled_from([3, 4]),
    has_header=st.booleans(),
)
def test_every_judgment_that_is_written_is_read_again(
    tmp_path: Path, scores: dict[tuple[str, str], int], columns: int, *, has_header: bool
) -> None:
    beir(tmp_path, None)
    between = "\t" if columns == 3 else "\t0\t"
    lines = [f"{query}{between}{document}\t{score}" for (query, document), score in scores.items()]
    header = [f"query-id{between}corpus-id\tscore"] if has_header else []
    (tmp_path / "qrels" / "test.tsv").write_bytes("\n".join([*header, *lines]).encode())
    expected = [(query, document, score) for (query, document), score in scores.items()]
    assert judgments(read_corpus(str(tmp_path))) == expected
