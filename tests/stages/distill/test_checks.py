"""A distillation mixes its texts as it is told, and refuses what it cannot train on."""

import json
from pathlib import Path

import pytest

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.config.sections import SpaceConfig
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import ConfigError, InputError, SpaceMismatch
from leaf_ray.models.folder import ModelFolder
from leaf_ray.stages.distill.checks import (
    check_head,
    check_init,
    check_layers,
    check_names,
    check_prefixes,
    check_room,
    check_seen,
    check_shared,
    check_space,
    check_texts,
    weights_of_kinds,
)
from leaf_ray.stages.distill.counts import Counts
from tests.spaces import a_space

# Ten queries and forty documents, of two sources.
HELD_OUT = {QUERY: {"mine": 5}, DOCUMENT: {"mine": 1}}
COUNTS = Counts({QUERY: {"mine": 10}, DOCUMENT: {"mine": 30, "wiki": 10}}, HELD_OUT)
ONLY_DOCUMENTS = Counts({QUERY: {}, DOCUMENT: {"mine": 40}}, {DOCUMENT: {"mine": 5}})


def settings(**distill: object) -> DistillConfig:
    return DistillConfig.model_validate({"batch_size": 5, **distill})


def check(counts: Counts, **distill: object) -> None:
    config = settings(**distill)
    check_texts(config, counts, weights_of_kinds(config, counts))


@pytest.mark.parametrize(
    ("documents_per_query", "expected"), [(0.0, 0.0), (1.0, 0.25), (2.0, 0.5), (4.0, 1.0)]
)
def test_an_epoch_has_so_many_documents_for_each_query(
    documents_per_query: float, expected: float
) -> None:
    config = settings(documents_per_query=documents_per_query)
    assert weights_of_kinds(config, COUNTS) == pytest.approx({QUERY: 1.0, DOCUMENT: expected})


def test_no_document_comes_twice_for_lack_of_others() -> None:
    assert weights_of_kinds(settings(documents_per_query=100.0), COUNTS)[DOCUMENT] == 1.0


@pytest.mark.parametrize("documents_per_query", [0.0, 1.0, 5.0])
def test_without_queries_all_documents_are_trained_on(documents_per_query: float) -> None:
    config = settings(documents_per_query=documents_per_query)
    assert weights_of_kinds(config, ONLY_DOCUMENTS) == {QUERY: 1.0, DOCUMENT: 1.0}


def test_a_head_is_taken_from_a_leaf_of_this_space_alone(tmp_path: Path, tiny_init: Path) -> None:
    space = a_space()
    with_head = settings(head="init")
    (tmp_path / "space.json").write_text(json.dumps(space.to_json()), "utf-8")
    check_head(with_head, tmp_path, space)
    check_head(with_head, tmp_path, a_space(max_length=space.max_length // 2))
    with pytest.raises(SpaceMismatch, match=r"this run .* distill.init"):
        check_head(with_head, tmp_path, a_space(query_prompt="another: "))
    with pytest.raises(SpaceMismatch, match="is not a leaf"):
        check_head(with_head, tiny_init, space)
    check_head(settings(), tiny_init, space)


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


def test_layers_that_the_encoder_has_not_are_refused(tiny_init: Path) -> None:
    init = ModelFolder.read(tiny_init)
    check_layers(settings(init_layers=(1, 2)), init)
    with pytest.raises(ConfigError, match=r"names layer 3, but the encoder has layers 1 to 2"):
        check_layers(settings(init_layers=(1, 3)), init)


def test_a_weight_cannot_be_of_one_of_two_sources_with_one_name() -> None:
    check_names(settings(weights={"mine": 2.0}), ["mine", "documents", "documents"])
    with pytest.raises(ConfigError, match=r"2 of distill.vectors are called 'documents'"):
        check_names(settings(weights={"documents": 2.0}), ["mine", "documents", "documents"])


def test_queries_of_a_source_that_is_left_out_are_none() -> None:
    assert weights_of_kinds(settings(weights={"mine": 0.0}), COUNTS)[DOCUMENT] == 1.0


@pytest.mark.parametrize(
    ("weights", "queries", "documents"),
    [({"wiki": 2.0}, 10, 50), ({"mine": 2.0}, 20, 70), ({"wiki": 0.0, "mine": 0.5}, 5, 15)],
)
def test_texts_are_balanced_as_often_as_their_sources_let_them_come(
    weights: dict[str, float], queries: float, documents: float
) -> None:
    of_kind = weights_of_kinds(settings(weights=weights), COUNTS)
    assert of_kind[QUERY] == 1.0
    assert of_kind[DOCUMENT] * documents == pytest.approx(queries)


def test_texts_that_fill_a_step_exactly_are_enough() -> None:
    check(COUNTS, workers=2, accumulate=2)


def test_one_text_less_than_a_step_takes_is_refused_with_what_could_be_lowered() -> None:
    counts = Counts({QUERY: {"mine": 10}, DOCUMENT: {"mine": 9}}, HELD_OUT)
    with pytest.raises(InputError, match=r"^19 training texts are too few: a step of 4 batches"):
        check(counts, workers=2, accumulate=2)


def test_texts_that_their_weights_leave_out_do_not_fill_a_step() -> None:
    with pytest.raises(InputError, match=r"of 5 takes 20\. .* or raise distill\.weights"):
        check(COUNTS, workers=4, weights={"mine": 0.5})


def test_fewer_texts_than_a_head_can_be_fitted_on_are_refused() -> None:
    counts = Counts({QUERY: {}, DOCUMENT: {"mine": 9}}, HELD_OUT)
    with pytest.raises(InputError, match=r"9 training texts are too few to fit a head on.* 10"):
        check(counts)


def test_a_weight_of_a_source_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"no text is from 'msmarco'; .* from mine, wiki$"):
        check(COUNTS, weights={"wiki": 1.0, "msmarco": 2.0})


def test_a_training_that_nothing_is_held_out_from_is_refused() -> None:
    counts = Counts({QUERY: {"mine": 10}, DOCUMENT: {"mine": 30}})
    with pytest.raises(InputError, match=r"none of 40 texts .* raise distill\.held_out_share"):
        check(counts)


def test_a_training_without_documents_is_not_validated_on_documents_alone() -> None:
    counts = Counts(COUNTS.trained_by_kind, {DOCUMENT: {"mine": 5}})
    check(counts, documents_per_query=1.0)
    with pytest.raises(InputError, match="none of 10 texts is held out"):
        check(counts, documents_per_query=0.0)


def test_texts_that_come_often_do_not_make_up_for_their_number() -> None:
    with pytest.raises(InputError, match="5 training texts are too few to fit a head on"):
        check(Counts({QUERY: {"mine": 5}}, HELD_OUT), weights={"mine": 100.0})


def test_a_machine_that_has_not_all_texts_is_told_of() -> None:
    check_seen(COUNTS, trained=50, held_out=6, place="runs/mine")
    for trained, held_out in ((49, 6), (50, 5)):
        with pytest.raises(ConfigError, match=r"runs/mine has 55 of 56 .* put `root` where all"):
            check_seen(COUNTS, trained=trained, held_out=held_out, place="runs/mine")


def test_texts_on_the_disk_of_one_machine_are_refused_on_two() -> None:
    check_shared("runs/mine", seen_by=[True, True])
    with pytest.raises(ConfigError, match=r"runs/mine is not there on 1 of 2 nodes: put `root`"):
        check_shared("runs/mine", seen_by=[True, False])


def test_a_leaf_that_is_taken_as_it_is_needs_few_texts() -> None:
    few = Counts({QUERY: {"mine": 3}}, HELD_OUT)
    check(few, head="init", epochs=0)
    with pytest.raises(InputError, match="3 training texts are too few: a step"):
        check(few, head="init", epochs=1)


@pytest.mark.parametrize("workers", [3, (3, 9)])
def test_the_fewest_workers_have_to_fit_unless_the_cluster_may_grow(workers: object) -> None:
    config = settings(workers=workers)
    assert check_room(config, room=3, unit="GPU", may_grow=False) == ""
    with pytest.raises(ConfigError, match=r"asks for 3, and .* room for 2 \(GPUs\): lower it"):
        check_room(config, room=2, unit="GPU", may_grow=False)
    assert "waiting for nodes" in check_room(config, room=2, unit="GPU", may_grow=True)


def test_an_encoder_that_reads_less_than_the_teacher_is_refused(tiny_init: Path) -> None:
    folder = ModelFolder.read(tiny_init)
    check_init(folder, a_space(max_length=64))
    with pytest.raises(ConfigError, match=r"reads at most 64 tokens, .* texts of 65"):
        check_init(folder, a_space(max_length=65))


def test_prefixes_as_long_as_the_vectors_are_the_longest() -> None:
    check_prefixes(settings(prefix_weights={8: 0.5, 32: 0.5}), a_space())
    with pytest.raises(ConfigError, match="33 is more than the 32 dimensions"):
        check_prefixes(settings(prefix_weights={8: 0.5, 33: 0.5}), a_space())
