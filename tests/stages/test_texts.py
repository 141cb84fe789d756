"""Texts of a run that only embeds, and the scratch space that reading them takes."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from leaf_ray.cli.show import print_run
from leaf_ray.config import RunConfig
from leaf_ray.config.sections import TextsConfig
from leaf_ray.core.space.vectors import with_vectors
from leaf_ray.errors import InputError, StaleStage
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import VECTORS_FILE
from leaf_ray.runs.parts import read_table, texts_dataset, write_space, write_table
from leaf_ray.runs.progress import Silent
from leaf_ray.stages import texts as texts_module
from leaf_ray.stages import verbs
from leaf_ray.table.reader import DocumentTable
from tests.examples.metadata_columns import COLUMNS
from tests.examples.spaces import a_space, unit_vectors


@pytest.fixture
def config(tmp_path: Path, tiny_teacher: Path) -> RunConfig:
    """Twenty documents of one sentence each, of which none is a test query."""
    source = tmp_path / "documents.txt"
    source.write_text("".join(f"Document number {i} says nothing more.\n" for i in range(20)))
    return RunConfig.model_validate(
        {
            "root": str(tmp_path / "run"),
            "space": {"teacher": str(tiny_teacher), "max_length": 32},
            "texts": {"path": str(source), "num_test_queries": 0},
        }
    )


class Told(Silent):
    """Keeps how stages say that they ended."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def end(self, summary: str) -> None:
        self.told.append(summary)


def with_texts(config: RunConfig, **settings: Any) -> RunConfig:
    """The same run with other texts."""
    texts = config.texts.model_copy(update=settings)
    return config.model_copy(update={"texts": texts})


def test_a_run_that_holds_nothing_out_is_refused_unless_it_says_so(config: RunConfig) -> None:
    texts = config.texts.model_copy(update={"num_test_queries": 5})
    with pytest.raises(InputError, match=r"set texts\.num_test_queries to 0 for a run"):
        verbs.texts(config.model_copy(update={"texts": texts}))
    counts = verbs.texts(config).counts
    assert (counts["documents"], counts["query_form"]) == (20, "none")
    assert counts["train_queries"] == counts["test_queries"] == 0


def test_what_a_killed_run_left_on_scratch_goes_and_nothing_stays(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path / "cache"))
    found: list[tuple[Path, list[Path]]] = []
    honest = texts_module.divide

    def watched(source: Any, folder: Path, *arguments: Any, **options: Any) -> Any:
        found.append((folder, list(folder.iterdir())))
        return honest(source, folder, *arguments, **options)

    monkeypatch.setattr(texts_module, "divide", watched)
    verbs.texts(config)
    ((scratch, _),) = found
    assert scratch.is_relative_to(tmp_path / "cache") and not scratch.exists()
    scratch.mkdir()
    (scratch / "left behind").write_text("gigabytes")
    verbs.texts(config, again=True)
    assert found == [(scratch, [])] * 2
    assert list((tmp_path / "cache").iterdir()) == []
    verbs.texts(config.model_copy(update={"root": str(tmp_path / "other")}))
    assert found[-1][0] != scratch


def test_quotes_hold_values_together_where_the_run_file_says_so(
    config: RunConfig, tmp_path: Path
) -> None:
    source = tmp_path / "rows.tsv"
    source.write_text('text\n"one\n""two"""\nthree"\n')
    config = with_texts(config, path=str(source))
    assert verbs.texts(config).counts["documents"] == 3
    with pytest.raises(StaleStage, match=r"texts\.quotes: None there, False wanted"):
        verbs.texts(with_texts(config, quotes=False))
    assert verbs.texts(with_texts(config, quotes=True), again=True).counts["documents"] == 2


def test_rejected_rows_lie_in_the_part_and_the_summary_says_where(
    config: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"text": "one"}\nbroken\n{"text": 2}\n')
    config = with_texts(config, path=str(source))
    told: list[str] = []
    manifest = verbs.texts(config, progress=Told(told))
    part = Run.open(config.root).texts
    assert manifest.counts["rejected"] == manifest.counts["dropped"]["rejected"] == 2
    assert f"2 rows rejected, see {part.uri}/rejected" in told[-1]
    rejected = read_table(part, "rejected/rejected-000.parquet").to_pylist()
    assert [row["place"] for row in rejected] == [f"{source}:2", f"{source}:3"]
    assert texts_dataset(part).count_rows() == 1
    print_run(Console(width=500), config)
    assert "2 rows rejected, see" in capsys.readouterr().out


def test_the_summary_tells_how_many_rows_are_empty_or_come_again(
    config: RunConfig, tmp_path: Path
) -> None:
    source = tmp_path / "rows.txt"
    source.write_text("one\n\none\n  \ntwo\none\n\n")
    told: list[str] = []
    verbs.texts(with_texts(config, path=str(source)), progress=Told(told))
    assert "3 rows without text left out, 2 repeated rows left out" in told[-1]


def test_columns_that_are_passed_over_or_have_gaps_are_told_and_block_nothing(
    config: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jsonl").write_text('{"text": "one", "n": 1, "split": "dev", "x": [1]}\n')
    (tmp_path / "a" / "2.jsonl").write_text('{"text": "two", "n": "many", "m": 1}\n')
    config = with_texts(config, path=str(tmp_path / "a"), leave_out=("x",))
    told: list[str] = []
    counts = verbs.texts(config, progress=Told(told)).counts
    assert counts["passed_over"].keys() == {"split", "n"}
    assert counts["missing_columns"].keys() == {"m"}
    assert "columns passed over: split (" in told[-1] and "; n (its values have no" in told[-1]
    assert "columns with gaps: m (null for 1 of 2 files" in told[-1]
    columns = texts_dataset(Run.open(config.root).texts).schema.names
    assert columns == ["id", "text", "kind", "split", "m"]
    with pytest.raises(StaleStage, match="leave_out"):
        verbs.texts(with_texts(config, leave_out=("x", "m")))


@pytest.mark.parametrize(
    ("columns", "leave_out", "role"),
    [
        ({}, "text", "text"),
        ({"text": "body"}, "body", "text"),
        ({"title": "head"}, "head", "title"),
    ],
)
def test_a_column_that_is_read_cannot_be_left_out(
    columns: dict[str, str], leave_out: str, role: str
) -> None:
    with pytest.raises(ValueError, match=f"leave_out names '{leave_out}', .* as the {role}"):
        TextsConfig.model_validate({"path": "a", "columns": columns, "leave_out": [leave_out]})


def test_too_many_rejected_rows_stop_and_a_rerun_goes_on_after_either_cure(
    config: RunConfig, tmp_path: Path
) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"text": "one"}\nbroken\n{"text": 2}\n')
    strict = with_texts(config, path=str(source), max_rejected=1)
    with pytest.raises(InputError, match=r"rows\.jsonl:2: not JSON.*rows\.jsonl:3: `text` is '2'"):
        verbs.texts(strict)
    assert verbs.texts(with_texts(strict, max_rejected=2)).counts["rejected"] == 2
    # The limit is none of the settings that decide what is made.
    assert verbs.texts(strict).counts["rejected"] == 2
    with pytest.raises(InputError):
        verbs.texts(strict, again=True)
    source.write_text('{"text": "one"}\n{"text": "two"}\n{"text": 2}\n')
    assert verbs.texts(strict).counts["documents"] == 2
    source.write_text('{"text": "one"}\n')
    assert verbs.texts(strict, again=True).counts["rejected"] == 0
    assert not Run.open(config.root).texts.exists("rejected/rejected-000.parquet")


def test_queries_alone_are_no_index(config: RunConfig) -> None:
    vectors = Run.open(config.root).vectors
    texts = pa.table({"id": ["a", "b"], "text": ["x", "y"], "kind": ["query"] * 2})
    table = with_vectors(texts, unit_vectors(2, 32, seed=1), a_space())
    write_table(vectors, VECTORS_FILE.format(0), table)
    write_space(vectors, a_space())
    vectors.finish(Manifest(stage="embed", made_with={}, inputs={}, counts={}, seconds=0))
    with pytest.raises(InputError, match="holds no documents, only queries"):
        verbs.index(config)


@pytest.mark.ray
def test_a_run_that_holds_nothing_out_is_embedded_and_indexed_but_not_evaluated(
    ray_local: None, config: RunConfig, tmp_path: Path
) -> None:
    # With metadata of every type, which come through all of it unchanged.
    columns = {name: pa.concat_arrays([column] * 10) for name, column in COLUMNS.items()}
    texts = [f"Document number {i} says nothing more." for i in range(20)]
    table = pa.table({"text": texts, "id": [f"{i}" for i in range(20)], **columns})
    pq.write_table(table, tmp_path / "documents.parquet")
    config = with_texts(config, path=str(tmp_path / "documents.parquet"))
    assert verbs.texts(config).counts["passed_over"] == {}
    verbs.embed(config)
    verbs.index(config)
    run = Run.open(config.root)
    index = DocumentTable(run.index.uri, config.index.table)
    assert len(index) == 20
    for i in (0, 1):
        found = index.get(f"{i}") or {}
        assert {name: repr(found[name]) for name in COLUMNS} == {
            name: repr(column[i].as_py()) for name, column in COLUMNS.items()
        }
    run.leaf.finish(Manifest(stage="distill", made_with={}, inputs={}, counts={}, seconds=0))
    with pytest.raises(
        InputError, match=r"there are no test queries: texts\.num_test_queries is 0"
    ):
        verbs.evaluate(config)
