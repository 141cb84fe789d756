"""Laws of the exact ranking."""

# Q = queries, N = documents, D = dimensions, K = documents kept

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.evaluation.own_documents import NO_ROW
from leaf_ray.core.search import ranking
from leaf_ray.core.search.ranking import top_k
from leaf_ray.errors import EncodingError, InputError

Floats = npt.NDArray[np.float32]


def small_integers(rows: int, d: int, *, seed: int) -> Floats:
    """Vectors whose products are exact and often equal, so that order must be exact too."""
    generator = np.random.default_rng(seed)
    return generator.integers(-2, 3, size=(rows, d)).astype(np.float32)


def brute_force(query_QD: Floats, document_ND: Floats, k: int) -> npt.NDArray[np.int64]:
    """Sort all documents by score, the later row first among equals."""
    reversed_order_QN = np.argsort(query_QD @ document_ND.T, axis=1, kind="stable")
    return reversed_order_QN[:, ::-1][:, :k].astype(np.int64)


@given(
    num_queries=st.integers(0, 7),
    num_documents=st.integers(0, 60),
    d=st.integers(1, 5),
    k=st.integers(1, 70),
    block=st.integers(1, 70),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=150, deadline=None)
def test_top_k_equals_a_brute_force_sort_for_any_shape_and_block(
    num_queries: int, num_documents: int, d: int, k: int, block: int, seed: int
) -> None:
    query_QD = small_integers(num_queries, d, seed=seed)
    document_ND = small_integers(num_documents, d, seed=seed + 1)
    found = top_k(query_QD, document_ND, k=k, block=block)
    wanted_QK = brute_force(query_QD, document_ND, k)
    np.testing.assert_array_equal(found.index_QK, wanted_QK)
    wanted_score_QK = np.take_along_axis(query_QD @ document_ND.T, wanted_QK, axis=1)
    np.testing.assert_array_equal(found.score_QK, wanted_score_QK)


@given(
    num_documents=st.integers(1, 40),
    d=st.integers(1, 5),
    k=st.integers(1, 45),
    block=st.integers(1, 50),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=100, deadline=None)
def test_what_is_left_out_makes_room_for_the_next(
    num_documents: int, d: int, k: int, block: int, seed: int
) -> None:
    query_QD = small_integers(6, d, seed=seed)
    document_ND = small_integers(num_documents, d, seed=seed + 1)
    out_Q = np.random.default_rng(seed).integers(NO_ROW, num_documents, size=6)
    found = top_k(query_QD, document_ND, k=k, left_out_Q=out_Q, block=block)
    assert found.index_QK.shape == (6, min(k, num_documents))
    all_QN = brute_force(query_QD, document_ND, num_documents)
    for query, (out, all_N) in enumerate(zip(out_Q, all_QN, strict=True)):
        wanted_K = all_N[all_N != out][:k]
        index_K, score_K = found.index_QK[query], found.score_QK[query]
        np.testing.assert_array_equal(index_K[: len(wanted_K)], wanted_K)
        np.testing.assert_array_equal(
            score_K[: len(wanted_K)], document_ND[wanted_K] @ query_QD[query]
        )
        assert (index_K[len(wanted_K) :] == NO_ROW).all()
        assert (score_K[len(wanted_K) :] == -np.inf).all()


def test_nothing_left_out_changes_nothing() -> None:
    query_QD, document_ND = small_integers(4, 3, seed=0), small_integers(20, 3, seed=1)
    plain = top_k(query_QD, document_ND, k=5)
    found = top_k(query_QD, document_ND, k=5, left_out_Q=np.full(4, NO_ROW))
    np.testing.assert_array_equal(found.index_QK, plain.index_QK)


def test_scores_of_real_numbers_are_those_of_the_rows_they_stand_for() -> None:
    generator = np.random.default_rng(0)
    query_QD = generator.normal(size=(20, 32)).astype(np.float32)
    document_ND = generator.normal(size=(500, 32)).astype(np.float32)
    found = top_k(query_QD, document_ND, k=10, block=64)
    score_QN = query_QD @ document_ND.T
    np.testing.assert_allclose(
        found.score_QK, np.take_along_axis(score_QN, found.index_QK, axis=1), rtol=1e-5
    )
    np.testing.assert_allclose(found.score_QK, np.sort(score_QN)[:, :-11:-1], rtol=1e-5)
    assert (np.diff(found.score_QK, axis=1) <= 0).all()


def test_queries_beyond_one_block_are_ranked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    query_QD = small_integers(11, 4, seed=0)
    document_ND = small_integers(30, 4, seed=1)
    whole = top_k(query_QD, document_ND, k=5)
    monkeypatch.setattr(ranking, "QUERIES_AT_ONCE", 3)
    parts = top_k(query_QD, document_ND, k=5)
    np.testing.assert_array_equal(parts.index_QK, whole.index_QK)
    np.testing.assert_array_equal(parts.score_QK, whole.score_QK)


def test_among_equal_scores_the_later_row_comes_first() -> None:
    document_ND = np.ones((5, 2), dtype=np.float32)
    found = top_k(np.ones((1, 2), dtype=np.float32), document_ND, k=3, block=2)
    assert found.index_QK.tolist() == [[4, 3, 2]]


def test_zero_and_minus_zero_are_equal_scores() -> None:
    document_ND = np.array([[0.0], [-0.0]], dtype=np.float32)
    found = top_k(np.array([[1.0], [-1.0]], dtype=np.float32), document_ND, k=2)
    assert found.index_QK.tolist() == [[1, 0], [1, 0]]


def test_fewer_documents_than_k_are_all_kept() -> None:
    found = top_k(small_integers(2, 3, seed=0), small_integers(4, 3, seed=1), k=10)
    assert found.index_QK.shape == found.score_QK.shape == (2, 4)


def test_types_are_int64_and_float32_for_half_precision_documents_too() -> None:
    document_ND = small_integers(9, 3, seed=1)
    query_QD = small_integers(2, 3, seed=0)
    found = top_k(query_QD, document_ND.astype(np.float16), k=4, block=4)
    assert found.index_QK.dtype == np.int64
    assert found.score_QK.dtype == np.float32
    np.testing.assert_array_equal(found.index_QK, top_k(query_QD, document_ND, k=4).index_QK)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["query", "document"])
def test_a_number_that_is_not_finite_is_refused(bad: float, side: str) -> None:
    query_QD, document_ND = np.ones((3, 2), np.float32), np.ones((7, 2), np.float32)
    {"query": query_QD, "document": document_ND}[side][-1, 0] = bad
    with pytest.raises(EncodingError, match="NaN or infinite"):
        top_k(query_QD, document_ND, k=2, block=3)


def test_dimensions_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="same dimension"):
        top_k(np.ones((1, 2), np.float32), np.ones((1, 3), np.float32), k=1)


@pytest.mark.parametrize(("k", "block"), [(0, 1), (1, 0)])
def test_sizes_below_one_are_refused(k: int, block: int) -> None:
    with pytest.raises(InputError, match="at least 1"):
        top_k(np.ones((1, 2), np.float32), np.ones((1, 2), np.float32), k=k, block=block)
