"""Files of sentence pairs: what is read, and what is said of what cannot be."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from leaf_ray.core.evaluation.sts import sts_spearman
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import InputError
from leaf_ray.models.resolve import resolve_model
from leaf_ray.sources.sts import read_sts

HEADER = "score\tsentence1\tsentence2\n"


def a_file(folder: Path, content: str) -> str:
    file = folder / "pairs.tsv"
    file.write_text(content, "utf-8")
    return str(file)


def test_pairs_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    pairs = read_sts(a_file(tmp_path, HEADER + '5.0\ta "b\tc\n\n0.25\t d\te\u0301\n'))
    assert pairs.score_N.dtype == np.float64
    assert pairs.score_N.tolist() == [5.0, 0.25]
    assert (pairs.first, pairs.second) == (('a "b', "d"), ("c", "\u00e9"))


def test_columns_may_come_in_any_order_beside_others_and_compressed(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv.gz"
    rows = "genre\tsentence2\tsentence1\tscore\nnews\tb\ta\t1\nnews\td\tc\t2\n"
    file.write_bytes(gzip.compress(rows.encode()))
    pairs = read_sts(str(file))
    assert (pairs.first, pairs.second) == (("a", "c"), ("b", "d"))


def test_all_files_for_development_are_read_whole(shared_data: Path) -> None:
    files = sorted((shared_data / "sts").glob("*.tsv"))
    assert files
    for file in files:
        pairs = read_sts(str(file))
        assert len(pairs.score_N) == file.read_text("utf-8").count("\n") - 1
        assert pairs.score_N.min() >= 0 and pairs.score_N.max() <= 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\ta\tb\n2\tc\td\n", r"tsv:1: the columns are '1', 'a', 'b', but 'score', 'sentence1'"),
        ("score,sentence1,sentence2\n", r"tsv:1: .*with tabs between them"),
        ("score\tscore\tsentence1\tsentence2\n", r"tsv:1: .*'score' should be there once"),
        ("", r"tsv:1: the columns are ''"),
        (HEADER + "1\ta\tb\n2\tc\n", r"tsv:3: found 2 columns \('2 c'\); 3 with tabs"),
        (HEADER + "1\ta\tb\tc\n", r"tsv:2: found 4 columns"),
        (HEADER + "1\ta\tb\n\nhigh\tc\td\n", r"tsv:4: score is 'high'; a finite number"),
        (HEADER + "1_0\ta\tb\n", r"tsv:2: score is '1_0'"),
        (HEADER + "nan\ta\tb\n", r"tsv:2: score is 'nan'"),
        (HEADER + "1\ta\t \n", r"tsv:2: a sentence is empty"),
        (HEADER + "1\ta\tb\n", r"tsv holds 1 pairs of sentences; .*at least 2"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_sts(a_file(tmp_path, content))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.tsv"):
        with pytest.raises(InputError, match="is no file"):
            read_sts(str(path))


@pytest.mark.models
@pytest.mark.slow
def test_minilm_has_its_published_figure_on_sts_benchmark(shared_data: Path) -> None:
    model = resolve_model("sentence-transformers/all-MiniLM-L6-v2")
    spec = EncoderSpec(folder=str(model), backend="openvino-f32")
    found = sts_spearman(spec.load(), read_sts(str(shared_data / "sts" / "stsb-en-test.tsv")))
    assert 100 * found.mean == pytest.approx(82.03, abs=0.05)
    assert found.low < found.mean < found.high
