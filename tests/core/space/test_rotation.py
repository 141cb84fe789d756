"""A rotation changes no score, and puts most of the vectors into the leading dimensions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.space.rotation import BLOCK_ROWS, Rotation
from leaf_ray.errors import InputError, SpaceMismatch
from tests.examples.spaces import a_space, unit_vectors


def correlated(num_rows: int, dimension: int, *, seed: int) -> np.ndarray:
    """Unit vectors with a mean and some directions that matter more, as a teacher's are."""
    generator = np.random.default_rng(seed)
    mixed_DD = generator.standard_normal((dimension, dimension)) / np.arange(1, dimension + 1)
    vectors_ND = generator.standard_normal((num_rows, dimension)) @ mixed_DD.T
    vectors_ND += generator.standard_normal(dimension)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return vectors_ND.astype(np.float32)


several = given(
    num_rows=st.integers(1, 90), dimension=st.integers(1, 48), seed=st.integers(0, 2**32 - 1)
)


@several
@settings(deadline=None)
def test_a_rotation_is_orthogonal_also_of_fewer_vectors_than_dimensions(
    num_rows: int, dimension: int, seed: int
) -> None:
    matrix_DD = Rotation.fit(correlated(num_rows, dimension, seed=seed)).matrix_DD
    assert (matrix_DD.dtype, matrix_DD.shape) == (np.float32, (dimension, dimension))
    exact_DD = matrix_DD.astype(np.float64)
    np.testing.assert_allclose(exact_DD.T @ exact_DD, np.eye(dimension), atol=1e-6)


@several
@settings(deadline=None)
def test_scores_and_lengths_of_whole_vectors_stay_and_it_can_be_undone(
    num_rows: int, dimension: int, seed: int
) -> None:
    fitted_ND = correlated(num_rows, dimension, seed=seed)
    other_ND = correlated(20, dimension, seed=seed + 1)
    rotation = Rotation.fit(fitted_ND)
    turned_ND, turned_other_ND = rotation.apply(fitted_ND), rotation.apply(other_ND)
    assert turned_ND.dtype == np.float32
    before_NN, after_NN = fitted_ND @ other_ND.T, turned_ND @ turned_other_ND.T
    np.testing.assert_allclose(after_NN, before_NN, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(turned_ND, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rotation.undo(turned_ND), fitted_ND, atol=1e-5)


@several
@settings(deadline=None)
def test_no_other_axes_hold_more_in_their_first_dimensions(
    num_rows: int, dimension: int, seed: int
) -> None:
    vectors_ND = correlated(num_rows, dimension, seed=seed)
    held_D = (Rotation.fit(vectors_ND).apply(vectors_ND) ** 2).mean(axis=0).cumsum()
    random_DD = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimension, dimension)))[0]
    for other_ND in (vectors_ND, vectors_ND @ random_DD):
        assert (held_D >= (other_ND**2).mean(axis=0).cumsum() - 1e-5).all()


def test_vectors_that_lie_in_few_dimensions_need_only_those() -> None:
    few_ND = unit_vectors(50, 3, seed=0) @ unit_vectors(3, 32, seed=1)
    turned_ND = Rotation.fit(few_ND).apply(few_ND)
    np.testing.assert_allclose(turned_ND[:, 3:], 0, atol=1e-6)


def test_the_same_vectors_give_the_same_rotation_in_any_order_but_for_rounding() -> None:
    vectors_ND = correlated(300, 24, seed=3)
    rotation = Rotation.fit(vectors_ND)
    assert Rotation.fit(vectors_ND.copy()).sha256 == rotation.sha256
    np.testing.assert_allclose(
        Rotation.fit(vectors_ND[::-1]).matrix_DD, rotation.matrix_DD, atol=1e-5
    )
    # An eigenvector may point either way; an axis has its largest number positive.
    assert (Rotation.fit(-vectors_ND).matrix_DD == rotation.matrix_DD).all()
    largest_D = np.abs(rotation.matrix_DD).argmax(axis=0)
    assert (rotation.matrix_DD[largest_D, np.arange(24)] > 0).all()


def test_blocks_of_rows_and_narrow_floats_make_no_difference() -> None:
    vectors_ND = correlated(BLOCK_ROWS + 10, 8, seed=4).astype(np.float16)
    whole_DD = vectors_ND.astype(np.float64).T @ vectors_ND.astype(np.float64)
    moment_DD = np.diag(np.linalg.eigvalsh(whole_DD)[::-1])
    matrix_DD = Rotation.fit(vectors_ND).matrix_DD
    np.testing.assert_allclose(matrix_DD.T @ whole_DD @ matrix_DD, moment_DD, atol=1e-2)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4,)])
def test_nothing_to_fit_on_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="at least one"):
        Rotation.fit(np.ones(shape, dtype=np.float32))


def test_a_vector_that_is_not_finite_is_refused() -> None:
    vectors_ND = unit_vectors(5, 4, seed=0)
    vectors_ND[2, 1] = np.nan
    with pytest.raises(InputError, match="finite"):
        Rotation.fit(vectors_ND)


def test_what_is_stored_is_read_back_bit_by_bit_and_its_name_is_of_its_numbers() -> None:
    rotation = Rotation.fit(correlated(60, 16, seed=5))
    read = Rotation.from_npy(rotation.to_npy())
    assert read.matrix_DD.tobytes() == rotation.matrix_DD.tobytes()
    assert read.sha256 == rotation.sha256
    assert len(rotation.sha256) == 64
    assert Rotation.fit(correlated(60, 16, seed=6)).sha256 != rotation.sha256


def test_what_is_no_rotation_is_not_read() -> None:
    stretched = Rotation(2 * np.eye(4, dtype=np.float32))
    flat = Rotation(np.ones((3, 4), dtype=np.float32))
    for file in (b"", b"no array", stretched.to_npy(), flat.to_npy()):
        with pytest.raises(SpaceMismatch, match=r"the stored rotation .*leaf embed FILE --again"):
            Rotation.from_npy(file)


def test_a_rotated_space_is_another_one_and_can_be_turned_back() -> None:
    space, rotation = a_space(), Rotation.fit(correlated(60, 32, seed=7))
    turned = rotation.rotated(space)
    assert turned.rotation == rotation.sha256
    assert turned.fingerprint != space.fingerprint
    assert (turned.dimension, turned.teacher) == (space.dimension, space.teacher)
    vectors_PD = rotation.apply(space.probe.vectors_PD)
    assert (turned.probe.vectors_PD == vectors_PD).all()
    back = rotation.unrotated(turned)
    assert back.fingerprint == space.fingerprint
    assert back.probe.lowest_cosine(space.probe) > 0.999999


def test_the_space_of_a_teacher_that_cannot_be_asked_can_be_rotated() -> None:
    empty = type(a_space().probe)(np.empty((0, 32), dtype=np.float32))
    turned = Rotation.fit(correlated(60, 32, seed=7)).rotated(a_space(probe=empty))
    assert not turned.probe.is_known
    assert turned.probe.vectors_PD.shape == (0, 32)
