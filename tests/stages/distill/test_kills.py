"""A training whose command or worker is killed ends as one that was left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
import yaml

from leaf_ray.config import RunConfig
from tests.stages.distill.runs import distilling, training_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]

# Epochs of a training that is killed after its second checkpoint, 10 s after it began.
LONG = 50


def test_a_killed_training_goes_on_from_the_checkpoint_before_one_that_is_corrupt(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(
        small_run, tmp_path / "run", epochs=LONG, batch_size=4, checkpoint_steps=100
    )
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(json.loads(config.model_dump_json())), "utf-8")
    command = [sys.executable, "-m", "leaf_ray", "distill", str(file)]
    driver = subprocess.Popen(command)
    snapshot = _wait_for_checkpoints(Path(config.root), driver)
    family = psutil.Process(driver.pid).children(recursive=True)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    psutil.wait_procs(family, timeout=60)
    before, newest = _checkpoints(snapshot)[-2:]
    state = snapshot.parent / newest / "state.pt"
    state.write_bytes(state.read_bytes()[:-100])
    kept = torch.load(snapshot.parent / before / "state.pt", weights_only=True)
    # Ray's own record, cut off as it was being written.
    snapshot.write_bytes(snapshot.read_bytes()[:-20])
    resumed = subprocess.run(command, check=True, timeout=400, capture_output=True, text=True)
    assert f"resumed from step {kept['step']:,}" in " ".join(resumed.stdout.split())
    training = training_of(config)
    assert [note for note in training["notes"] if newest in note and "cannot be read" in note]
    assert training["resumed_steps"] == [kept["step"]]
    assert training["curve"][: len(kept["curve"])] == kept["curve"]
    steps = [point["step"] for point in training["curve"]]
    assert steps == sorted(set(steps)), "each validation once, whatever was done again"
    taught = training_of(small_run)["curve"][-1]
    per_epoch = taught["texts"] / small_run.distill.epochs
    assert training["curve"][-1]["texts"] == pytest.approx(LONG * per_epoch, rel=0.05)


def test_a_worker_that_is_killed_is_replaced_and_no_text_is_left_out(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(
        small_run, tmp_path / "run", epochs=LONG, batch_size=4, workers=2, checkpoint_steps=100
    )
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(json.loads(config.model_dump_json())), "utf-8")
    driver = subprocess.Popen([sys.executable, "-m", "leaf_ray", "distill", str(file)])
    snapshot = _wait_for_checkpoints(Path(config.root), driver, number=1)
    saved = json.loads(snapshot.read_text())["checkpoint_results"][-1]["metrics"]["step"]
    workers = [
        process
        for process in psutil.Process(driver.pid).children(recursive=True)
        if "RayTrainWorker" in " ".join(process.cmdline())
    ]
    assert len(workers) == 2
    workers[-1].send_signal(signal.SIGKILL)
    assert driver.wait(timeout=400) == 0
    training = training_of(config)
    (resumed,) = training["resumed_steps"]
    steps = [point["step"] for point in training["curve"]]
    assert saved <= resumed < steps[-1]
    assert steps == sorted(set(steps)), "each validation once, whatever was done again"
    # As often the same whole steps, of two batches of four.
    assert training["curve"][-1]["texts"] == steps[-1] * 8
    assert steps[-1] % LONG == 0


def _checkpoints(snapshot: Path) -> list[str]:
    fields = json.loads(snapshot.read_text())
    return [result["checkpoint_dir_name"] for result in fields["checkpoint_results"]]


def _wait_for_checkpoints(
    root: Path, driver: "subprocess.Popen[bytes]", *, number: int = 2
) -> Path:
    """The snapshot of a training that has so many checkpoints."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        assert driver.poll() is None, "it ended before it could be killed"
        for snapshot in root.glob("training/*/checkpoint_manager_snapshot.json"):
            if len(_checkpoints(snapshot)) >= number:
                return snapshot
        time.sleep(0.1)
    raise AssertionError("no such checkpoints in time")
