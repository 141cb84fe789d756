"""Copies of a tiny model with a few of its files changed."""

import json
import shutil
from pathlib import Path
from typing import Any

TEXTS = (
    "how do I read a parquet file",
    "",
    "naïve café, Wärmepumpe: 100 % déjà vu",
    "日本語 and emoji \N{GRINNING FACE}",
    "A",
    "word " * 200,
    "def merge(left, right):\n\treturn {**left, **right}",
)
"""What models read: plain, empty, accented, unknown letters, short, overlong, code."""


def a_copy(model: Path, folder: Path, **changes: dict[str, Any]) -> Path:
    """Copy a model into `folder`, setting keys of its JSON files: `config={"x": 1}`."""
    shutil.copytree(model, folder)
    for name, fields in changes.items():
        edit(folder / f"{name}.json", **fields)
    return folder


def unscaled(model: Path, folder: Path) -> Path:
    """Copy a model whose vectors are then not of unit length."""
    a_copy(model, folder)
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    kept = [module for module in modules if not module["type"].endswith("Normalize")]
    (folder / "modules.json").write_text(json.dumps(kept), "utf-8")
    return folder


def edit(file: Path, **fields: Any) -> None:
    """Set keys of a JSON file; None removes one."""
    old = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    new = {k: v for k, v in {**old, **fields}.items() if v is not None}
    file.write_text(json.dumps(new), "utf-8")
