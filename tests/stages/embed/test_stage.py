"""embed on real Ray: exact whatever is killed, refused or missing, and every row accounted for."""

import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.space.space import Space
from leaf_ray.runs import Manifest
from leaf_ray.runs.parts import read_space
from leaf_ray.runs.shards import finished_shards
from leaf_ray.stages import verbs
from leaf_ray.stages.embed.stage import working_folder
from tests.examples.faulty_endpoint import FaultyEndpoint
from tests.stages.embedding import (
    a_config,
    a_job,
    asking,
    assert_reconciled,
    assert_same,
    by_key,
    direct,
    done_before,
    embedded,
    no_work_left,
    of_endpoint,
    texts_of,
)

pytestmark = pytest.mark.ray


@pytest.fixture
def local(root: Path, source: Path, tiny_teacher: Path) -> RunConfig:
    return a_config(root, source, space={"teacher": str(tiny_teacher), "max_length": 32})


def test_the_vectors_are_those_of_the_teacher_and_every_text_has_one(
    local: RunConfig, tiny_teacher: Path
) -> None:
    manifest = verbs.embed(local)
    assert_same(by_key(embedded(local)), direct(local, tiny_teacher))
    assert_reconciled(manifest, local)
    different = len({(kind, text) for (kind, _), text in texts_of(local).items()})
    assert manifest.counts["copies"] == manifest.counts["texts"] - different
    assert manifest.counts["encoder"] == "openvino-f32"
    assert no_work_left(local)
    space = Space.from_metadata(embedded(local).schema.metadata, owner="vectors")
    assert manifest.space == space.fingerprint == read_space(a_job(local).part).fingerprint
    assert b"leaf_ray.shard" not in embedded(local).schema.metadata


def test_a_killed_run_goes_on_with_the_shards_that_are_missing_and_no_others(
    local: RunConfig, tiny_teacher: Path
) -> None:
    before = done_before(local, every=3)
    manifest = verbs.embed(local)
    wanted = {k: -v if k in before else v for k, v in direct(local, tiny_teacher).items()}
    assert 0 < len(before) < len(wanted)
    assert_same(by_key(embedded(local)), wanted)
    assert_reconciled(manifest, local)
    assert manifest.counts["encoder"] == "before and openvino-f32"


def test_a_run_whose_shards_are_all_done_only_packs_them(local: RunConfig) -> None:
    before = done_before(local, every=1)
    manifest = verbs.embed(local)
    assert set(by_key(embedded(local))) == before
    assert_reconciled(manifest, local)
    assert manifest.counts["encoder"] == "before"


def test_shards_of_other_settings_are_not_gone_on_with(local: RunConfig) -> None:
    other = local.model_copy(update={"embed": local.embed.model_copy(update={"dtype": "float16"})})
    done_before(other, every=1)
    assert finished_shards(working_folder(a_job(local))) == []
    assert len(finished_shards(working_folder(a_job(other)))) > 1


def encoders() -> list[psutil.Process]:
    """The processes of our Ray that encode shards."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "EncodeShard" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(happened: Any, *, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def test_an_encoder_that_is_killed_is_replaced_and_nothing_is_lost_or_doubled(
    root: Path, source: Path
) -> None:
    with FaultyEndpoint(delay_seconds=0.1, poison="no such text") as endpoint:
        config = asking(endpoint, root, source, batch_texts=3)
        # Of the test before, which Ray may still be ending.
        others = encoders()
        made: list[Manifest] = []
        run = threading.Thread(target=lambda: made.append(verbs.embed(config)), daemon=True)
        run.start()
        shards = root / "embedding"
        until(lambda: len(list(shards.rglob("shards/*.parquet"))) >= 2)
        (victim,) = (process for process in encoders() if process not in others)
        victim.kill()
        until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)
        assert not (root / "vectors/manifest.json").exists(), "it was at work"
        endpoint.delay_seconds = 0
        run.join(120)
        (manifest,) = made
    assert_same(by_key(embedded(config)), of_endpoint(texts_of(config)))
    assert_reconciled(manifest, config)
    assert manifest.counts["rejected"] == 0
