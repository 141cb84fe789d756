"""What is stored in fewer bytes ranks as what those bytes stand for."""

# Shapes: N documents, Q queries, D dimensions, K ranks.

import tracemalloc
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.evaluation.own_documents import NO_ROW
from leaf_ray.core.search.quantization import (
    Floats,
    Int8,
    leading,
    search,
    signs,
)
from leaf_ray.core.search.ranking import top_k
from leaf_ray.core.search.stored import Stored, bytes_per_vector
from leaf_ray.errors import InputError


def unit(rows: int, d: int, *, seed: int) -> Floats:
    vectors_ND = np.random.default_rng(seed).normal(size=(rows, d)).astype(np.float32)
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [("float32", 400), ("float16", 200), ("int8", 100), ("binary", 13), ("binary, rescored", 13)],
)
def test_bytes_of_a_vector_are_those_of_its_numbers(stored: Stored, expected: int) -> None:
    assert bytes_per_vector(100, stored) == expected
    packed = np.packbits(np.zeros((1, 100), dtype=bool), axis=1)
    assert bytes_per_vector(100, "binary") == packed.nbytes


def test_leading_dimensions_have_unit_length_where_the_whole_vectors_have_it() -> None:
    vectors_ND = unit(5, 8, seed=0)
    np.testing.assert_allclose(np.linalg.norm(leading(vectors_ND, 3, normalized=True), axis=1), 1)
    np.testing.assert_array_equal(leading(vectors_ND, 3, normalized=False), vectors_ND[:, :3])
    np.testing.assert_array_equal(leading(vectors_ND, 8, normalized=True), vectors_ND)


def test_leading_dimensions_that_are_all_zero_stay_so() -> None:
    vectors_ND = np.array([[0.0, 0.0, 1.0]], dtype=np.float32)
    assert leading(vectors_ND, 2, normalized=True).tolist() == [[0.0, 0.0]]


def test_what_no_number_of_changes_is_not_copied() -> None:
    vectors_ND = unit(5, 8, seed=0)
    assert np.shares_memory(leading(vectors_ND, 8, normalized=True), vectors_ND)
    assert np.shares_memory(leading(vectors_ND, 3, normalized=False), vectors_ND)
    assert not np.shares_memory(leading(vectors_ND, 3, normalized=True), vectors_ND)


@pytest.mark.parametrize("d", [0, 9])
def test_dimensions_that_are_not_there_are_refused(d: int) -> None:
    with pytest.raises(InputError, match=f"{d} dimensions of 8"):
        leading(unit(2, 8, seed=0), d, normalized=True)


@given(rows=st.integers(1, 20), d=st.integers(1, 12), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_int8_is_off_by_half_a_step_at_most(rows: int, d: int, seed: int) -> None:
    vectors_ND = unit(rows, d, seed=seed)
    vectors_ND[:, 0] = 0
    codec = Int8.calibrated(vectors_ND)
    codes_ND = codec.encode(vectors_ND)
    assert codes_ND.dtype == np.int8
    assert (np.abs(codec.decode(codes_ND) - vectors_ND) <= codec.scale_D * 0.5001).all()


def test_int8_holds_what_is_beyond_its_sample_at_the_end() -> None:
    codec = Int8.calibrated(np.array([[1.0, -2.0]], dtype=np.float32))
    codes_ND = codec.encode(np.array([[5.0, 5.0], [-5.0, -5.0]], dtype=np.float32))
    assert codes_ND.tolist() == [[127, 127], [-127, -127]]
    np.testing.assert_allclose(codec.decode(codes_ND), [[1, 2], [-1, -2]], rtol=1e-6)


def test_float32_ranks_as_it_always_does() -> None:
    query_QD, document_ND = unit(4, 16, seed=0), unit(60, 16, seed=1)
    found = search(query_QD, document_ND, stored="float32", k=10)
    np.testing.assert_array_equal(found.index_QK, top_k(query_QD, document_ND, k=10).index_QK)


def test_binary_ranks_by_the_number_of_bits_that_differ() -> None:
    query_QD, document_ND = unit(6, 24, seed=0), unit(80, 24, seed=1)
    found = search(query_QD, document_ND, stored="binary", k=80)
    bits_QD, bits_ND = query_QD > 0, document_ND > 0
    differing_QN = (bits_QD[:, None] ^ bits_ND[None]).sum(axis=2)
    # The later row first among equals.
    wanted_QN = np.lexsort((-np.tile(np.arange(80), (6, 1)), differing_QN), axis=1)
    np.testing.assert_array_equal(found.index_QK, wanted_QN)


def test_rescoring_orders_candidates_by_the_querys_own_numbers() -> None:
    query_QD, document_ND = unit(6, 24, seed=0), unit(80, 24, seed=1)
    # All of them are candidates, so that the result is the exact one.
    found = search(query_QD, document_ND, stored="binary, rescored", k=20)
    exact = top_k(query_QD, signs(document_ND), k=20)
    np.testing.assert_array_equal(found.index_QK, exact.index_QK)
    np.testing.assert_allclose(found.score_QK, exact.score_QK, rtol=1e-5)


@pytest.mark.parametrize("stored", get_args(Stored))
def test_no_way_to_store_holds_the_documents_in_float32_once_more(stored: Stored) -> None:
    query_QD, document_ND = unit(2, 64, seed=0), unit(60_000, 64, seed=1)
    tracemalloc.start()
    try:
        search(query_QD, document_ND, stored=stored, k=10)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 0.75 * document_ND.nbytes


@pytest.mark.parametrize("stored", get_args(Stored))
def test_documents_in_float16_rank_as_the_same_numbers_in_float32(stored: Stored) -> None:
    query_QD, document_ND = unit(4, 24, seed=0), unit(9000, 24, seed=1).astype(np.float16)
    found = search(query_QD, document_ND, stored=stored, k=10)
    wide = search(query_QD, document_ND.astype(np.float32), stored=stored, k=10)
    np.testing.assert_array_equal(found.index_QK, wide.index_QK)
    np.testing.assert_array_equal(found.score_QK, wide.score_QK)


def test_int8_ranks_as_what_the_codes_stand_for() -> None:
    query_QD, document_ND = unit(4, 24, seed=0), unit(9000, 24, seed=1)
    codec = Int8.calibrated(document_ND)
    wanted = top_k(query_QD, codec.decode(codec.encode(document_ND)), k=10)
    found = search(query_QD, document_ND, stored="int8", k=10)
    np.testing.assert_array_equal(found.index_QK, wanted.index_QK)
    np.testing.assert_array_equal(found.score_QK, wanted.score_QK)


@pytest.mark.parametrize("stored", get_args(Stored))
def test_fewer_documents_than_ranks_are_all_found(stored: Stored) -> None:
    found = search(unit(2, 8, seed=0), unit(3, 8, seed=1), stored=stored, k=10)
    assert [sorted(rows) for rows in found.index_QK.tolist()] == [[0, 1, 2]] * 2


@pytest.mark.parametrize("k", [3, 10, 40])
@pytest.mark.parametrize("stored", get_args(Stored))
def test_what_is_left_out_makes_room_for_the_next_however_it_is_stored(
    stored: Stored, k: int
) -> None:
    document_ND = unit(40, 24, seed=1)
    own_Q = np.array([5, NO_ROW, 39, 0])
    query_QD = document_ND[own_Q] + 0.5 * unit(4, 24, seed=2)
    found = search(query_QD, document_ND, stored=stored, k=k, left_out_Q=own_Q)
    for query, own in enumerate(own_Q):
        others = np.delete(np.arange(40), [] if own == NO_ROW else own)
        wanted = _brute_force(query_QD[query], document_ND, others, stored=stored, k=k)
        index_K = found.index_QK[query]
        assert index_K[index_K != NO_ROW].tolist() == wanted
        assert np.isfinite(found.score_QK[query, : len(wanted)]).all()


def _brute_force(
    query_D: Floats, document_ND: Floats, rows: npt.NDArray[np.int64], *, stored: Stored, k: int
) -> list[int]:
    """Rows of the best k of some documents, as they are stored, the later first among equals."""

    def best(score_N: Floats, rows: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
        return rows[np.lexsort((-rows, -score_N[rows]))][:k]

    by_bits_N = (signs(document_ND) @ signs(query_D).astype(np.float32)).astype(np.float32)
    if stored == "binary":
        return best(by_bits_N, rows, k).tolist()
    if stored == "binary, rescored":
        return best(signs(document_ND) @ query_D, best(by_bits_N, rows, 4 * k), k).tolist()
    if stored == "int8":
        codec = Int8.calibrated(document_ND)
        document_ND = codec.decode(codec.encode(document_ND))
    kept_ND = document_ND.astype(np.float16 if stored == "float16" else np.float32)
    return best(kept_ND.astype(np.float32) @ query_D, rows, k).tolist()


def test_more_bytes_rank_more_like_the_whole_vectors() -> None:
    query_QD, document_ND = unit(50, 64, seed=0), unit(2000, 64, seed=1)
    exact_QK = top_k(query_QD, document_ND, k=10).index_QK

    def shared(stored: Stored) -> float:
        found_QK = search(query_QD, document_ND, stored=stored, k=10).index_QK
        pairs = zip(found_QK.tolist(), exact_QK.tolist(), strict=True)
        return float(np.mean([len(set(a) & set(b)) for a, b in pairs]))

    values = [shared(stored) for stored in ("binary", "binary, rescored", "int8", "float16")]
    assert values == sorted(values)
    assert values[0] < values[1] < values[2]
