"""What a stage says of a teacher whose folder leaves people in doubt."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.runs import Run
from leaf_ray.runs.progress import Silent
from leaf_ray.stages.cluster.cluster import Cluster
from leaf_ray.stages.embed.stage import space_of_work
from leaf_ray.stages.stage import Job
from tests.examples.tiny_models import edit, unscaled


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    def tell(self, remark: str) -> None:
        self.remarks.append(remark)


@pytest.fixture
def plain(tiny_teacher: Path, tmp_path: Path) -> Path:
    return unscaled(tiny_teacher, tmp_path / "plain")


def told_of(teacher: Path, root: Path, *, times: int = 1, **space: Any) -> list[str]:
    config = RunConfig.model_validate(
        {
            "root": str(root),
            "texts": {"path": "texts.jsonl"},
            "space": {"teacher": str(teacher), **space},
        }
    )
    run, heard = Run.open(config.root), Heard()
    for _ in range(times):
        job = Job(config, run, run.vectors, heard, Cluster())
        space_of_work(job, run.work("embedding/x"), pa.table({}).to_pylist())
    return heard.remarks


def test_a_cosine_model_that_does_not_scale_is_told_of_once(plain: Path, tmp_path: Path) -> None:
    (remark,) = told_of(plain, tmp_path / "run", times=2)
    assert remark.startswith("plain is compared by cosine")
    assert "Set space.normalize: true" in remark


def test_a_folder_that_does_not_say_means_cosine(plain: Path, tmp_path: Path) -> None:
    edit(plain / "config_sentence_transformers.json", similarity_fn_name=None)
    assert len(told_of(plain, tmp_path / "run")) == 1


@pytest.mark.parametrize("similarity", ["euclidean", "manhattan"])
def test_a_distance_is_told_of_too(plain: Path, tmp_path: Path, similarity: str) -> None:
    edit(plain / "config_sentence_transformers.json", similarity_fn_name=similarity)
    (remark,) = told_of(plain, tmp_path / "run")
    assert f"is compared by {similarity}" in remark


def test_a_dot_model_and_scaled_vectors_need_no_word(
    plain: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    assert told_of(plain, tmp_path / "scaled", normalize=True) == []
    assert told_of(tiny_teacher, tmp_path / "unit") == []
    edit(plain / "config_sentence_transformers.json", similarity_fn_name="dot")
    assert told_of(plain, tmp_path / "dot") == []
