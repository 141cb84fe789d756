"""What earlier versions called settings and counts, so that their run files and folders are read.

A run file with a former name is refused with the present one. Manifests and training.json, which
nobody edits, are read as if they had been written with the present names.
"""

from collections.abc import Mapping
from typing import Any

SETTINGS: Mapping[str, str] = {
    "texts.num_held_out": "texts.num_test_queries",
    "embed.chunk_overlap": "embed.window_overlap",
    "distill.score_weight": "distill.covariance_weight",
    "distill.held_out_share": "distill.validation_share",
    "report": "cost",
}
VALUES: Mapping[tuple[str, str], str] = {("embed.long_texts", "chunk"): "window"}
_COUNTS: Mapping[str, str] = {"held_out_queries": "test_queries", "held_out": "validation_texts"}


def present_sections(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the sections of a run file with present names of keys and values."""
    return {
        SETTINGS.get(name, name): present_settings(name, fields)
        for name, fields in sections.items()
    }


def present_settings(section: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of one section with present names of keys and values."""
    present = {}
    for key, value in fields.items():
        name = SETTINGS.get(f"{section}.{key}", f"{section}.{key}")
        is_word = isinstance(value, str)
        present[name.partition(".")[2]] = VALUES.get((name, value), value) if is_word else value
    return present


def present_counts(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of a manifest by present names."""
    return {_COUNTS.get(name, name): number for name, number in counts.items()}
