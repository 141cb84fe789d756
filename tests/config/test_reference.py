"""The reference of settings is that of the code."""

from pathlib import Path

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.config.reference import settings_markdown

SETTINGS = Path(__file__).parents[2] / "docs" / "SETTINGS.md"


def test_the_reference_is_up_to_date() -> None:
    assert SETTINGS.read_text("utf-8") == settings_markdown(), (
        "write it anew: python -m leaf_ray.config.reference > docs/SETTINGS.md"
    )


def test_every_setting_is_there_with_its_meaning() -> None:
    parts = settings_markdown().split("\n## ")[1:]
    rows = [line for part in parts for line in part.splitlines() if line.startswith("| `")]
    assert all(row.split("|")[-2].strip() for row in rows)
    (distill,) = (part for part in parts if part.startswith("distill\n"))
    assert all(f"\n| `{name}`" in distill for name in DistillConfig.model_fields)
    assert "| `endpoint.key_variable`" in settings_markdown()


def test_settings_that_may_change_at_any_time_are_marked() -> None:
    said = settings_markdown()
    assert "| `workers` \\*" in said and "| `endpoint.concurrency` \\*" in said
    assert "| `epochs` |" in said
