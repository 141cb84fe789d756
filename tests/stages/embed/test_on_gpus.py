"""Where a cluster has GPUs, encoders ask for one each, and work as they do without."""

import subprocess
import sys
from pathlib import Path

import pytest

from leaf_ray.config import RunConfig
from leaf_ray.runs import Run
from tests.stages.embedding import a_config, assert_same, by_key, direct, embedded

pytestmark = [pytest.mark.ray, pytest.mark.slow]

# Ray believes what it is told of GPUs; where torch finds none, it computes on the CPU.
EMBED = """
import sys
import ray
from leaf_ray import RunConfig, embed
from leaf_ray.stages.embed.pipeline import plan_actors

ray.init(
    address="local", num_cpus=4, num_gpus=1, include_dashboard=False, log_to_driver=False,
    object_store_memory=1 << 28,
)
config = RunConfig.model_validate_json(sys.argv[1])
assert plan_actors(config, cores=4).gpus == 1
embed(config)
"""


@pytest.fixture
def local(root: Path, source: Path, tiny_teacher: Path) -> RunConfig:
    space = {"teacher": str(tiny_teacher), "max_length": 32}
    return a_config(root, source, space=space, embed={"backend": "torch-f32"})


def test_encoders_on_gpus_embed_every_text(local: RunConfig, tiny_teacher: Path) -> None:
    subprocess.run([sys.executable, "-c", EMBED, local.model_dump_json()], check=True, timeout=300)
    assert Run.open(local.root).vectors.manifest() is not None
    assert_same(by_key(embedded(local)), direct(local, tiny_teacher))
