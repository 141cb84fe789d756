"""The closed-form head finds a linear map where there is one, and guards against noise."""

import numpy as np
import pytest

from leaf_ray.core.training.ridge import STRENGTHS, Head, fit_head

F, D = 12, 20


def features(num_texts: int, *, seed: int) -> np.ndarray:
    """Correlated features away from the origin, as pooled ones are."""
    rng = np.random.default_rng(seed)
    mixed_NF = rng.standard_normal((num_texts, F)) @ rng.standard_normal((F, F))
    return (mixed_NF + 3.0).astype(np.float32)


def linear_map(feature_NF: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(99)
    weight_FD, bias_D = rng.standard_normal((F, D)), rng.standard_normal(D)
    return (feature_NF @ weight_FD + bias_D).astype(np.float32)


def noisy(vectors_ND: np.ndarray, *, seed: int) -> np.ndarray:
    noise_ND = np.random.default_rng(seed).standard_normal(vectors_ND.shape)
    return (vectors_ND + 3 * vectors_ND.std() * noise_ND).astype(np.float32)


def mean_cosine(head: Head, feature_NF: np.ndarray, teacher_ND: np.ndarray) -> float:
    guess_ND = feature_NF @ head.weight_FD + head.bias_D
    norms_N = np.linalg.norm(guess_ND, axis=1) * np.linalg.norm(teacher_ND, axis=1)
    return float(((guess_ND * teacher_ND).sum(axis=1) / norms_N).mean())


def test_an_exactly_linear_map_is_found_and_holds_on_new_texts() -> None:
    feature_NF = features(300, seed=1)
    head = fit_head(feature_NF, linear_map(feature_NF))
    new_NF = features(50, seed=2)
    assert head.cosine > 0.9999
    assert mean_cosine(head, new_NF, linear_map(new_NF)) > 0.9999


def test_a_linear_map_without_noise_takes_the_weakest_strength() -> None:
    feature_NF = features(300, seed=1)
    assert fit_head(feature_NF, linear_map(feature_NF)).strength == STRENGTHS[0]


def test_on_noise_the_chosen_strength_beats_both_extremes_on_new_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_NF, new_NF = features(40, seed=1), features(2000, seed=2)
    teacher_ND = noisy(linear_map(train_NF), seed=3)

    def on_new_texts(strengths: tuple[float, ...]) -> float:
        monkeypatch.setattr("leaf_ray.core.training.ridge.STRENGTHS", strengths)
        return mean_cosine(fit_head(train_NF, teacher_ND), new_NF, linear_map(new_NF))

    chosen = on_new_texts(STRENGTHS)
    assert chosen > on_new_texts((1e-9,))
    assert chosen > on_new_texts((1e6,))


def test_the_cosine_is_that_of_rows_the_head_was_not_fitted_on() -> None:
    noise_ND = np.random.default_rng(5).standard_normal((60, D)).astype(np.float32)
    # Nothing can be learnt from noise; a fit judged by its own rows would score well above 0.
    head = fit_head(features(60, seed=1), noise_ND, validation_share=0.5)
    assert abs(head.cosine) < 0.2


def test_the_returned_head_is_fitted_on_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaf_ray.core.training.ridge.STRENGTHS", (0.1,))
    feature_NF = features(100, seed=1)
    teacher_ND = noisy(linear_map(feature_NF), seed=3)
    other_ND = teacher_ND.copy()
    other_ND[-1] += 100.0
    changed = fit_head(feature_NF, other_ND).weight_FD - fit_head(feature_NF, teacher_ND).weight_FD
    assert np.abs(changed).max() > 0.01


def test_features_that_never_vary_give_the_mean_vector() -> None:
    constant_NF = np.full((20, F), 2.0, dtype=np.float32)
    teacher_ND = noisy(np.ones((20, D), dtype=np.float32), seed=1) + 1
    head = fit_head(constant_NF, teacher_ND)
    guess_D = constant_NF[0] @ head.weight_FD + head.bias_D
    np.testing.assert_allclose(guess_D, teacher_ND.mean(axis=0), rtol=1e-5)


def test_more_features_than_texts_still_give_a_finite_head() -> None:
    head = fit_head(features(10, seed=1), linear_map(features(10, seed=1)))
    assert np.isfinite(head.weight_FD).all()
    assert head.weight_FD.shape == (F, D)
    assert head.bias_D.shape == (D,)


def test_fewer_than_ten_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 texts to be fitted on, not 9"):
        fit_head(features(9, seed=1), linear_map(features(9, seed=1)))
