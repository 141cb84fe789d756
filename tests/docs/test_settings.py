"""Run files and settings that README and docs show are valid."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from leaf_ray.config import RunConfig
from leaf_ray.config.parse import parse_yaml
from tests.docs.pages import PAGES, Block, blocks, name_of, spans

SECTIONS: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in RunConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
SMALLEST: dict[str, Any] = {
    "root": "runs/a",
    "space": {"teacher": "a"},
    "texts": {"path": "a.jsonl"},
}
_SETTING = re.compile(r"^([a-z]+)\.([a-z_.]+)(?:[=:].*)?$")
# Files such as cost.html look like settings.
_SUFFIXES = {"html", "md", "json", "png", "yaml", "parquet", "jsonl", "lance"}


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_a_block_of_settings_is_accepted_and_says_no_key_twice(block: Block) -> None:
    fields = parse_yaml(block.text)
    RunConfig.model_validate(SMALLEST | fields)
    assert yaml.safe_load(block.text).keys() == fields.keys()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_setting_within_a_line_exists(page: Path) -> None:
    for span in spans(page):
        found = _SETTING.match(span)
        if found is None or found[1] not in SECTIONS or found[2] in _SUFFIXES:
            continue
        section: Any = SECTIONS[found[1]]
        for key in found[2].split("."):
            assert key in section.model_fields, f"{name_of(page)}: {span}"
            section = section.model_fields[key].annotation
