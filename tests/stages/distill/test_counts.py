"""Texts are counted by kind and source, over all pieces, and those that are left out apart."""

import pytest

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import ConfigError
from leaf_ray.stages.distill.counts import Counts, check_seen
from tests.examples.training_counts import COUNTS, ONLY_DOCUMENTS


def test_counts_of_several_pieces_add_up() -> None:
    total = Counts.total([COUNTS, ONLY_DOCUMENTS, Counts()])
    assert total == Counts(
        {QUERY: {"mine": 10}, DOCUMENT: {"mine": 70, "wiki": 10}},
        {QUERY: {"mine": 5}, DOCUMENT: {"mine": 6}},
    )
    assert (total.trained, total.validation_texts, total.sources) == (90, 11, {"mine", "wiki"})


@pytest.mark.parametrize(
    ("of_kind", "weights", "trained", "validation_texts"),
    [
        ({QUERY: 1.0, DOCUMENT: 0.1}, {}, 50, 6),
        ({QUERY: 1.0, DOCUMENT: 0.0}, {}, 10, 5),
        ({QUERY: 1.0, DOCUMENT: 1.0}, {"mine": 0.0}, 10, 0),
        ({QUERY: 1.0, DOCUMENT: 1.0}, {"wiki": 0.0, "mine": 0.1}, 40, 6),
    ],
)
def test_texts_that_no_epoch_takes_are_not_counted(
    of_kind: dict[str, float], weights: dict[str, float], trained: int, validation_texts: int
) -> None:
    taken = COUNTS.taken(of_kind, weights)
    assert (taken.trained, taken.validation_texts) == (trained, validation_texts)


def test_a_machine_that_has_not_all_texts_is_told_of() -> None:
    check_seen(COUNTS, trained=50, validation_texts=6, place="runs/mine")
    for trained, validation_texts in ((49, 6), (50, 5)):
        with pytest.raises(ConfigError, match=r"runs/mine has 55 of 56 .* put `root` where all"):
            check_seen(
                COUNTS, trained=trained, validation_texts=validation_texts, place="runs/mine"
            )
