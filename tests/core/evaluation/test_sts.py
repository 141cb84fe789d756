"""Laws of Spearman's correlation over pairs of sentences, and of its interval."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import spearmanr

from leaf_ray.core.evaluation import bootstrap
from leaf_ray.core.evaluation.bootstrap import Sampling
from leaf_ray.core.evaluation.sts import StsPairs, cosines, spearman, sts_spearman
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.errors import EncodingError, InputError


def scorings(num_pairs: int, *, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A scoring in steps, as people's are, and one that follows it more or less."""
    generator = np.random.default_rng(seed)
    score_N = generator.integers(0, 6, size=num_pairs).astype(np.float64)
    return score_N + noise * generator.normal(size=num_pairs), score_N


@pytest.mark.parametrize("noise", [0.0, 1.0, 10.0])
def test_the_correlation_is_scipys(noise: float) -> None:
    cosine_N, score_N = scorings(200, noise=noise)
    found = spearman(cosine_N, score_N, Sampling(10))
    assert found.mean == pytest.approx(spearmanr(cosine_N, score_N).statistic, abs=1e-12)


def test_the_same_order_correlates_wholly_in_every_draw() -> None:
    found = spearman(np.arange(30.0) ** 3, np.arange(30.0), Sampling(50))
    assert (found.mean, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))
    turned = spearman(-np.arange(30.0), np.arange(30.0), Sampling(50))
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-1.0, -1.0, -1.0))


def test_an_interval_holds_the_correlation_and_narrows_with_more_pairs() -> None:
    few, many = (spearman(*scorings(n, noise=2.0), Sampling(500)) for n in (50, 2000))
    for found in (few, many):
        assert found.low < found.mean < found.high
    assert many.high - many.low < 0.3 * (few.high - few.low)


def test_about_95_percent_of_intervals_hold_the_true_correlation() -> None:
    # Of a bivariate normal, whose rank correlation is known.
    truth = 6 / np.pi * np.arcsin(0.6 / 2)
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        a_N, b_N = generator.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=200).T
        found = spearman(a_N, b_N, Sampling(300, seed))
        covered += found.low <= truth <= found.high
    assert 0.90 <= covered / 200 <= 0.985


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    scores = scorings(50, noise=2.0)
    assert spearman(*scores, Sampling(100, 1)) == spearman(*scores, Sampling(100, 1))
    assert spearman(*scores, Sampling(100, 1)) != spearman(*scores, Sampling(100, 2))


def test_memory_in_parts_does_not_end_the_number_of_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = scorings(40, noise=2.0)
    whole = spearman(*scores, Sampling(101))
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 90)
    assert spearman(*scores, Sampling(101)) == whole


@pytest.mark.parametrize(
    ("cosine_N", "score_N"),
    [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, np.nan], [1.0, 2.0]), ([1.0, 2.0], [1.0, np.inf])],
)
def test_what_is_not_a_number_for_each_of_two_pairs_is_refused(
    cosine_N: list[float], score_N: list[float]
) -> None:
    with pytest.raises(InputError):
        spearman(np.array(cosine_N), np.array(score_N))


def test_cosines_do_not_depend_on_length_and_a_vector_without_direction_has_none() -> None:
    a_ND = np.array([[3.0, 0.0], [1.0, 1.0]], dtype=np.float32)
    b_ND = np.array([[0.5, 0.0], [-2.0, 2.0]], dtype=np.float32)
    assert cosines(a_ND, b_ND).tolist() == pytest.approx([1.0, 0.0])
    for wrong in (0.0, np.nan):
        b_ND[1] = wrong
        with pytest.raises(EncodingError, match="pair 2 "):
            cosines(a_ND, b_ND)
    with pytest.raises(InputError, match="shapes"):
        cosines(a_ND, b_ND[:1])


class OnACircle:
    """Encodes a number as that angle, in degrees."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        self.kinds.append(kind)
        angle_N = np.radians(np.array([float(text) for text in texts]))
        return np.stack([np.cos(angle_N), np.sin(angle_N)], axis=1).astype(np.float32)


def test_pairs_are_compared_by_the_cosine_of_their_own_two_sentences() -> None:
    encoder = OnACircle()
    pairs = StsPairs(np.array([5.0, 3.0, 1.0, 0.0]), ("0", "10", "90", "5"), ("1", "0", "3", "175"))
    assert sts_spearman(encoder, pairs, Sampling(5)).mean == pytest.approx(1.0)
    worse = StsPairs(np.array([0.0, 3.0, 1.0, 5.0]), pairs.first, pairs.second)
    assert sts_spearman(encoder, worse, Sampling(5)).mean < 0
    assert set(encoder.kinds) == {DOCUMENT}
