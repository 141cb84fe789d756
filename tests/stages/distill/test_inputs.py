"""Vectors, space and encoder have to go together before a leaf is trained."""

from pathlib import Path

import pytest

from leaf_ray.config.sections import SpaceConfig
from leaf_ray.errors import ConfigError, SpaceMismatch
from leaf_ray.models.folder import ModelFolder
from leaf_ray.stages.distill.inputs import check_names, check_prefixes, check_space
from tests.examples.spaces import a_space
from tests.examples.training_counts import settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_length": 7}, "max_length: 7 against 48"),
        ({"query_prompt": "ask: "}, "query_prompt: 'ask: ' against 'query: '"),
        ({"rotation": "pca"}, "rotation: pca against None"),
        ({"teacher": "another"}, "another against sha256:78c0197b"),
        ({"endpoint": "https://host/v1"}, "https://host/v1 someone/big-model against sha256:"),
    ],
)
def test_vectors_have_to_be_of_the_space_that_the_run_describes(
    changes: dict[str, object], said: str
) -> None:
    wanted = {"teacher": "someone/big-model", "max_length": 48}
    check_space(SpaceConfig.model_validate(wanted), a_space())
    with pytest.raises(SpaceMismatch, match="the run file describes another") as refused:
        check_space(SpaceConfig.model_validate(wanted | changes), a_space())
    assert said in str(refused.value)


def test_vectors_that_are_to_be_unit_vectors_have_to_be() -> None:
    wanted = SpaceConfig(teacher="big-model", normalize=True)
    check_space(wanted, a_space())
    with pytest.raises(SpaceMismatch, match="normalize: True against None"):
        check_space(wanted, a_space(normalized=False))


def test_a_teacher_that_is_at_hand_is_known_by_its_weights(tiny_teacher: Path) -> None:
    weights = f"sha256:{ModelFolder.read(tiny_teacher).weights_sha256()}"
    wanted = SpaceConfig(teacher=str(tiny_teacher))
    check_space(wanted, a_space(weights=weights))
    with pytest.raises(SpaceMismatch, match="describes another"):
        check_space(wanted, a_space(teacher=tiny_teacher.name))


def test_a_teacher_behind_an_endpoint_may_have_an_owner_in_its_name() -> None:
    space = a_space(teacher="owner/big", weights="endpoint:https://host/v1 owner/big")
    check_space(SpaceConfig(teacher="owner/big", endpoint="https://host/v1"), space)
    with pytest.raises(SpaceMismatch, match="describes another"):
        check_space(SpaceConfig(teacher="owner/big"), space)


def test_a_weight_cannot_be_of_one_of_two_sources_with_one_name() -> None:
    check_names(settings(weights={"mine": 2.0}), ["mine", "documents", "documents"])
    with pytest.raises(ConfigError, match=r"2 of distill.vectors are called 'documents'"):
        check_names(settings(weights={"documents": 2.0}), ["mine", "documents", "documents"])


def test_prefixes_as_long_as_the_vectors_are_the_longest() -> None:
    check_prefixes(settings(prefix_weights={8: 0.5, 32: 0.5}), a_space())
    with pytest.raises(ConfigError, match="33 is more than the 32 dimensions"):
        check_prefixes(settings(prefix_weights={8: 0.5, 33: 0.5}), a_space())
