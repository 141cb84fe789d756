"""A trial finds vectors that are wrong, alone or padded, and lets precision pass."""

import numpy as np
import pytest

from leaf_ray.core.encoding.trial import Ids, Tried, Vectors

EXACT_TD = np.array([[3.0, 4.0, 0.0], [0.0, 1.0, 1.0]], dtype=np.float32)
ROUNDED_TD = EXACT_TD * np.float32(1.0001)
NAN_TD = np.array([[3.0, 4.0, 0.0], [0.0, np.nan, 1.0]], dtype=np.float32)
OTHER_TD = np.array([[3.0, 4.0, 0.0], [1.0, 1.0, 1.0]], dtype=np.float32)


def fault(alone_TD: Vectors, padded_TD: Vectors, exact_TD: Vectors = EXACT_TD) -> str:
    return Tried(alone_TD, padded_TD).fault(exact_TD, lowest_cosine=0.999)


def test_vectors_as_near_as_the_precision_explains_are_right() -> None:
    assert fault(ROUNDED_TD, ROUNDED_TD) == ""


@pytest.mark.parametrize(
    ("alone_TD", "padded_TD", "said"),
    [
        (NAN_TD, EXACT_TD, "gives a text a vector that is not finite"),
        (EXACT_TD, NAN_TD, "gives a padded text a vector that is not finite"),
        (
            OTHER_TD,
            OTHER_TD,
            "gives a text another vector than float32 torch does (lowest cosine 0.8",
        ),
        (
            EXACT_TD,
            OTHER_TD,
            "gives a padded text another vector than float32 torch does (lowest cosine 0.8",
        ),
        (
            EXACT_TD,
            2 * EXACT_TD,
            "gives a padded text another vector than float32 torch does (a length that is off by",
        ),
        (
            EXACT_TD[:, :2],
            EXACT_TD[:, :2],
            "gives a text another vector than float32 torch does (lowest cosine -1",
        ),
        (EXACT_TD[:0], EXACT_TD[:0], "gives 0 vectors for 2 texts"),
        (EXACT_TD, EXACT_TD[:1], "gives 1 vectors for 2 texts"),
    ],
    ids=[
        "NaN",
        "NaN padded",
        "other",
        "other padded",
        "longer padded",
        "another dimension",
        "no vector",
        "one vector for both",
    ],
)
def test_what_is_wrong_is_said(alone_TD: Vectors, padded_TD: Vectors, said: str) -> None:
    assert fault(alone_TD, padded_TD).startswith(said)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_backend_is_not_blamed_for_what_float32_has_no_direction_of(value: float) -> None:
    exact_TD = EXACT_TD.copy()
    exact_TD[1] = value
    assert fault(NAN_TD, NAN_TD, exact_TD) == ""
    assert fault(NAN_TD[::-1], NAN_TD, exact_TD) != ""
    assert fault(NAN_TD, NAN_TD, np.full_like(EXACT_TD, value)) == ""


def test_a_trial_is_each_text_alone_and_both_in_one_padded_batch() -> None:
    asked: list[tuple[list[list[int]], list[list[int]]]] = []

    def forward(ids_BL: Ids, mask_BL: Ids) -> Vectors:
        asked.append((ids_BL.tolist(), mask_BL.tolist()))
        return (ids_BL * mask_BL).sum(axis=1, keepdims=True).astype(np.float32)

    tried = Tried.of(forward, [[5, 6, 7], [8]], pad_id=9)
    assert asked == [
        ([[5, 6, 7]], [[1, 1, 1]]),
        ([[8]], [[1]]),
        ([[5, 6, 7], [8, 9, 9]], [[1, 1, 1], [1, 0, 0]]),
    ]
    assert tried.alone_TD.tolist() == tried.padded_TD.tolist() == [[18], [8]]
