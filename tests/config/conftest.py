"""A run file to be changed by overrides."""

from pathlib import Path

import pytest

RUN_FILE = """
root: runs/test
space:
  teacher: big-model
  max_length: 64
texts:
  path: texts.parquet
distill:
  learning_rate: 3e-4
"""


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    file = tmp_path / "run.yaml"
    file.write_text(RUN_FILE, "utf-8")
    return file
