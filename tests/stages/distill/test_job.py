"""What the driver of a distillation hands to its workers."""

from pathlib import Path

import pytest

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.errors import ModelNotFound
from leaf_ray.stages.distill.job import WorkerJob
from tests.stages.distill.worker_jobs import a_worker_job


def job(tmp_path: Path, *, found_at: Path, name: str) -> WorkerJob:
    return a_worker_job(tmp_path, init=found_at, settings=DistillConfig(init=name))


def test_an_encoder_is_where_the_driver_has_it(tmp_path: Path, tiny_init: Path) -> None:
    assert job(tmp_path, found_at=tiny_init, name="some/model").local_init() == tiny_init


def test_on_another_machine_it_is_found_by_its_name(tmp_path: Path, tiny_init: Path) -> None:
    elsewhere = tmp_path / "the driver's cache"
    assert job(tmp_path, found_at=elsewhere, name=str(tiny_init)).local_init() == tiny_init


def test_an_encoder_that_is_nowhere_is_named(tmp_path: Path) -> None:
    missing = job(tmp_path, found_at=tmp_path / "gone", name=str(tmp_path / "nowhere"))
    with pytest.raises(ModelNotFound, match="nowhere"):
        missing.local_init()
