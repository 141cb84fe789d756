"""The run file that is proposed: short, with comments, and always one that loads."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.config import RunConfig, load_config
from leaf_ray.core.survey.choice import Choice
from leaf_ray.core.survey.findings import Findings, Losses, Tokens
from leaf_ray.core.survey.query_plan import QueryPlan
from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.core.survey.run_file import MAX_LINES, folder_name, run_file
from leaf_ray.core.survey.words import Lengths
from tests.core.survey.findings import findings

LONG = Tokens(Lengths(9, 500, 900), window=384, share_longer=0.4)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


def written(found: Findings, *, root: str = "runs/news") -> str:
    return run_file(found, root=root, file="leaf.yaml", max_rejected=100)


def loaded(text: str) -> RunConfig:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "leaf.yaml"
        file.write_text(text, "utf-8")
        return load_config(file)


def test_a_source_with_our_names_needs_its_path_alone() -> None:
    text = written(findings())
    config = loaded(text)
    assert (config.root, config.texts.path) == ("runs/news", "news.jsonl")
    assert config.texts.num_test_queries == 160
    assert config.texts.columns.model_dump(exclude_none=True) == {}
    assert text.startswith("# A run over news.jsonl") and "leaf run leaf.yaml" in text


def test_columns_of_other_names_are_said_with_the_reason_and_what_is_as_plausible() -> None:
    choice = Choice(
        {"id": "uid", "text": "body", "title": "title"},
        {"text": "the name; 90 words", "id": "no value comes twice"},
        {"text": ["abstract"]},
        {"embedding": "vectors, which a run makes itself"},
    )
    text = written(findings(choice=choice))
    assert "    text: body                      # the name; 90 words" in text
    assert "  #   text: abstract                # as plausible" in text
    texts = loaded(text).texts
    assert texts.columns.model_dump(exclude_none=True) == {"id": "uid", "text": "body"}
    assert texts.leave_out == ("embedding",)
    other = loaded(
        text.replace("    text: body", "  # text: body").replace("  #   text", "      text"[2:])
    )
    assert other.texts.columns.text == "abstract"


def test_alternatives_alone_are_a_section_to_uncomment() -> None:
    text = written(findings(choice=Choice({"text": "text"}, others={"query": ["summary"]})))
    assert loaded(text).texts.columns.query is None
    uncommented = text.replace("  # columns:", "  columns:").replace("  #   query", "    query")
    assert loaded(uncommented).texts.columns.query == "summary"


def test_long_texts_are_told_with_the_setting_that_embeds_them_in_windows() -> None:
    text = written(findings(tokens=LONG))
    assert "40 % of the texts are longer than the teacher's 384 tokens" in text
    assert loaded(text).embed.long_texts == "truncate"
    uncommented = text.replace("# embed:", "embed:").replace("#   long_texts", "  long_texts")
    assert loaded(uncommented).embed.long_texts == "window"


def test_few_long_texts_are_not_told() -> None:
    assert "long_texts" not in written(findings(tokens=Tokens(LONG.lengths, 384, 0.04)))


def test_texts_in_another_script_bring_a_multilingual_teacher() -> None:
    chinese = findings(scripts={"Han": 0.9, "Latin": 0.1})
    text = written(chinese)
    assert "  # teacher: BAAI/bge-m3" in text and "  # init: " in text
    assert "bge-m3" not in written(findings(scripts={"Han": 1.0}, is_english=False))


def test_short_texts_of_a_file_of_queries_may_be_queries() -> None:
    text = written(findings(path="queries.jsonl", words=Lengths(9, 6, 9)))
    assert "  # kind: query" in text
    assert "  # kind: query" not in written(findings(path="queries.jsonl"))


def test_many_rows_bring_a_smaller_first_try() -> None:
    assert "# num_documents: 10000" in written(findings(rows=RowCount(1_000, 90_000)))
    assert "num_documents" not in written(findings())


def test_judged_queries_are_no_setting() -> None:
    text = written(findings(plan=QueryPlan("judged", 30, None), has_known_columns=True))
    assert "num_test_queries" not in text and "columns:" not in text


def test_rows_that_would_stop_the_run_raise_the_limit_with_the_reason() -> None:
    losses = Losses(num_rejected=60, reason="a.jsonl:3: not JSON")
    text = written(findings(losses=losses, rows=RowCount(1_000, 10_000)))
    assert loaded(text).texts.max_rejected == 1_200 and "a.jsonl:3: not JSON" in text
    assert "max_rejected" not in written(findings(losses=losses))


@pytest.mark.parametrize(("documents", "most"), [(12, 4), (45, 16), (60, 32)])
def test_few_texts_are_trained_on_in_small_batches(documents: int, most: int) -> None:
    few = findings(
        rows=RowCount(documents, documents),
        num_documents=documents,
        plan=QueryPlan("derived", documents, documents // 5),
    )
    assert loaded(written(few)).distill.batch_size <= most


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/My News.jsonl.gz", "my-news"),
        ("data/scifact/", "scifact"),
        ("s3://bucket/a/b.parquet?region=x", "b"),
        ("hf:org/name?split=train", "name"),
        ("saved?split=test", "saved"),
        ("shards/*.csv", "shards"),
        ("docstrings:json,asyncio", "json-asyncio"),
        ("docstrings:", "docstrings"),
        ("\u6587.csv", "texts"),
        ("/", "texts"),
    ],
)
def test_a_run_is_called_after_its_texts(path: str, name: str) -> None:
    assert folder_name(path) == name


@given(
    path=NAMES,
    names=st.lists(NAMES, min_size=10, max_size=30, unique=True),
    teacher=NAMES,
    number=st.integers(0, 10**7),
    share=st.floats(0, 1),
    num_test=st.sampled_from([None, 0, 1, 500]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_found_the_file_loads_and_fits_on_a_screen(
    path: str,
    names: list[str],
    teacher: str,
    number: int,
    share: float,
    num_test: int | None,
) -> None:
    ours = ("id", "text", "title", "query", "kind")
    columns = dict(zip(ours, names, strict=False))
    others = dict.fromkeys(ours, names[5:9])
    leave_out = dict.fromkeys(names[9:], "why\nit is left out")
    found = findings(
        path=path,
        teacher=teacher,
        form="JSONL,\n 3 files",
        choice=Choice(columns, dict.fromkeys(ours, "the\nreason"), others, leave_out),
        rows=RowCount(number, None, 1.0, 2.0),
        num_documents=number,
        plan=QueryPlan("derived", number, num_test),
        tokens=Tokens(Lengths(9, 9, 9), 384, share),
        scripts={"Han": share, "Latin": 1 - share},
        losses=Losses(num_rejected=number, reason="a\nreason: #"),
    )
    text = written(found, root=f"runs/{folder_name(path)}")
    assert len(text.splitlines()) <= MAX_LINES
    config = loaded(text)
    assert (config.texts.path, config.space.teacher) == (path, teacher)
    assert config.texts.leave_out == tuple(leave_out)
    known = {"id": ("id", "_id")}
    said = config.texts.columns.model_dump(exclude_none=True)
    assert said == {our: n for our, n in columns.items() if n not in known.get(our, (our,))}
