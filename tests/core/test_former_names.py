"""What earlier versions wrote is read by the present names."""

from leaf_ray.config.sections import RunConfig
from leaf_ray.core.former_names import (
    SETTINGS,
    VALUES,
    present_counts,
    present_sections,
    present_settings,
)


def test_former_settings_and_values_have_their_present_names() -> None:
    sections = {
        "texts": {"path": "a.parquet", "num_held_out": 5},
        "embed": {"long_texts": "chunk", "chunk_overlap": 32, "actors": None},
        "distill": {"loss": "l2", "score_weight": 1.0, "weights": {"chunk": 2}},
    }
    assert present_sections(sections) == {
        "texts": {"path": "a.parquet", "num_test_queries": 5},
        "embed": {"long_texts": "window", "window_overlap": 32, "actors": None},
        "distill": {"loss": "l2", "covariance_weight": 1.0, "weights": {"chunk": 2}},
    }


def test_present_names_stay() -> None:
    fields = {"num_test_queries": 5, "path": "chunk"}
    assert present_settings("texts", fields) == fields


def test_former_counts_have_their_present_names() -> None:
    counts = {"documents": 3, "held_out_queries": 2, "held_out": 1}
    assert present_counts(counts) == {"documents": 3, "test_queries": 2, "validation_texts": 1}


def test_every_present_name_is_a_setting_and_no_former_one_is() -> None:
    def is_setting(name: str) -> bool:
        section, _, key = name.partition(".")
        fields = RunConfig.model_fields
        if section not in fields or not key:
            return name in fields
        return key in fields[section].annotation.model_fields

    for former, present in SETTINGS.items():
        assert is_setting(present) and not is_setting(former)
    assert all(is_setting(name) for name, _ in VALUES)
