"""Texts of a run that only embeds, and the scratch space that reading them takes."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.schema import with_vectors
from leaf_ray.errors import InputError
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import VECTORS_FILE
from leaf_ray.runs.parts import write_space, write_table
from leaf_ray.stages import texts as texts_module
from leaf_ray.stages import verbs
from leaf_ray.store.table import DocumentTable
from tests.spaces import a_space, unit_vectors


@pytest.fixture
def config(tmp_path: Path, tiny_teacher: Path) -> RunConfig:
    """Twenty documents of one sentence each, of which none is held out."""
    source = tmp_path / "documents.txt"
    source.write_text("".join(f"Document number {i} says nothing more.\n" for i in range(20)))
    return RunConfig.model_validate(
        {
            "root": str(tmp_path / "run"),
            "space": {"teacher": str(tiny_teacher), "max_length": 32},
            "texts": {"path": str(source), "num_held_out": 0},
        }
    )


def test_a_run_that_holds_nothing_out_is_refused_unless_it_says_so(config: RunConfig) -> None:
    texts = config.texts.model_copy(update={"num_held_out": 5})
    with pytest.raises(InputError, match=r"set texts\.num_held_out to 0 for a run"):
        verbs.texts(config.model_copy(update={"texts": texts}))
    counts = verbs.texts(config).counts
    assert (counts["documents"], counts["query_form"]) == (20, "none")
    assert counts["train_queries"] == counts["held_out_queries"] == 0


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
    ray_local: None, config: RunConfig
) -> None:
    verbs.texts(config)
    verbs.embed(config)
    verbs.index(config)
    run = Run.open(config.root)
    assert len(DocumentTable(run.index.uri, config.index.table)) == 20
    run.leaf.finish(Manifest(stage="distill", made_with={}, inputs={}, counts={}, seconds=0))
    with pytest.raises(InputError, match=r"no queries are held out: texts\.num_held_out is 0"):
        verbs.evaluate(config)
