"""The smoke run as a user runs it: real models, the `leaf` command, killed twice on its way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.config import RunConfig, load_config
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.resolve import resolve_model
from leaf_ray.runs import PARTS, Run
from leaf_ray.runs.parts import read_json, texts_dataset, vectors_dataset
from leaf_ray.stages import verbs

pytestmark = [pytest.mark.ray, pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(900)]

SMOKE = Path(__file__).parents[2] / "jobs/smoke.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """The run after a SIGKILL in embed, another in distill, and a third start to its end."""
    root = tmp_path_factory.mktemp("smoke") / "run"
    kill_when(root, lambda: (root / "vectors/space.json").is_file())
    assert (root / "texts/manifest.json").is_file()
    assert not (root / "vectors/manifest.json").exists()
    texts = (root / "texts/manifest.json").read_text()
    # Ray Train resumes what its snapshot names; a checkpoint alone is not enough.
    kill_when(root, lambda: any(root.glob("training/*/checkpoint_manager_snapshot.json")))
    assert (root / "vectors/manifest.json").is_file()
    assert not (root / "leaf/manifest.json").exists()
    state = next(root.glob("training/*/checkpoint*/state.pt"))
    begun = torch.load(state, weights_only=True)["curve"]
    subprocess.run(command(root), check=True, timeout=600)
    training = json.loads((root / "leaf/model/training.json").read_text())
    assert training["curve"][: len(begun)] == begun, "the killed training is gone on with"
    assert (root / "texts/manifest.json").read_text() == texts, "finished stages are skipped"
    return load_config(SMOKE, [f"root={root}"])


def command(root: Path) -> list[str]:
    return [sys.executable, "-m", "leaf_ray", "run", str(SMOKE), f"root={root}"]


def kill_when(root: Path, happened: Callable[[], bool]) -> None:
    """Start the run, and kill its driver the moment something has happened."""
    driver = subprocess.Popen(command(root))
    deadline = time.monotonic() + 400
    while not happened():
        assert driver.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    family = psutil.Process(driver.pid).children(recursive=True)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    # Ray's processes see that their driver is gone and end by themselves.
    psutil.wait_procs(family, timeout=60)


def test_a_run_that_was_killed_twice_is_whole(finished: RunConfig) -> None:
    run = Run.open(finished.root)
    for name, stage in PARTS.items():
        if stage in verbs.STAGES:
            assert run.part(name).require(command=stage).stage == stage
    texts = texts_dataset(run.texts).to_table(columns=["id", "kind"]).to_pylist()
    vectors = vectors_dataset(run.vectors).to_table(columns=["id", "kind"]).to_pylist()
    assert sorted(map(str, vectors)) == sorted(map(str, texts))
    assert not (Path(finished.root) / "training").exists() or not any(
        (Path(finished.root) / "training").iterdir()
    )


def test_the_vectors_are_those_of_the_real_teacher(finished: RunConfig) -> None:
    table = vectors_dataset(Run.open(finished.root).vectors).to_table().slice(0, 24)
    teacher = SentenceTransformer(str(resolve_model(finished.space.teacher)), device="cpu")
    teacher.max_seq_length = finished.space.max_length
    expected_ND = teacher.encode(table["text"].to_pylist(), show_progress_bar=False)
    assert np.einsum("nd,nd->n", vectors_of(table), expected_ND).min() >= 0.9999


def test_the_real_leaf_gives_the_same_vectors_in_sentence_transformers(
    finished: RunConfig,
) -> None:
    folder = Path(finished.root) / "leaf/model"
    rows = texts_dataset(Run.open(finished.root).texts).to_table()["text"].to_pylist()
    texts = [*rows[:40], *rows[-40:], "", "naïve 漢字 \U0001f600"]
    ours_ND = (
        EncoderSpec(folder=str(folder), backend="openvino-f32").load().encode(texts, kind="query")
    )
    theirs_ND = SentenceTransformer(str(folder), device="cpu").encode_query(texts)
    assert theirs_ND.shape == (len(texts), 768)
    assert np.einsum("nd,nd->n", ours_ND, theirs_ND).min() >= 0.99999


def test_the_leaf_finds_what_its_teacher_finds_more_often_than_chance(
    finished: RunConfig,
) -> None:
    (report,) = read_json(Run.open(finished.root).evaluation, "evaluation.json")["reports"]
    rows = report["rows"]
    leaf = next(row for row in rows if row["role"] == "asymmetric")
    # Ten of a hundred documents at random would overlap in one of ten.
    assert leaf["overlap"]["low"] > 0.3
