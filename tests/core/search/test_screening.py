"""Screening by rounded products finds what exact products find."""

# Q = queries, N = documents, D = dimensions, K = documents kept

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.core.search import ranking, screening
from leaf_ray.core.search.ranking import top_k
from leaf_ray.core.search.screening import Screened, TooCloseError

Floats = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def _screens_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """On every chip, and however few the vectors are."""
    monkeypatch.setattr(ranking, "screening_pays", lambda *_: True)


def vectors(rows: int, d: int, *, seed: int, offset: float = 0.0, spread: float = 1.0) -> Floats:
    generator = np.random.default_rng(seed)
    return (offset + spread * generator.normal(size=(rows, d))).astype(np.float32)


def exact(query_QD: Floats, document_ND: Floats) -> npt.NDArray[np.float64]:
    return query_QD.astype(np.float64) @ document_ND.astype(np.float64).T


@given(
    num_documents=st.integers(1, 400),
    d=st.integers(1, 80),
    k=st.integers(1, 30),
    block=st.integers(1, 100),
    offset=st.sampled_from([-3.0, 0.0, 0.5, 30.0]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    seed=st.integers(0, 10_000),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_best_are_those_of_exact_scores(
    num_documents: int, d: int, k: int, block: int, offset: float, scale: float, seed: int
) -> None:
    query_QD = vectors(5, d, seed=seed, offset=offset)
    document_ND = scale * vectors(num_documents, d, seed=seed + 1, offset=offset)
    found = top_k(query_QD, document_ND, k=k, block=block)
    score_QN = exact(query_QD, document_ND)
    # Where documents are too alike, float32 products rank them, and these round each sum.
    atol = 1e-12 * scale
    best_QK = -np.sort(-score_QN, axis=1)[:, :k]
    np.testing.assert_allclose(found.score_QK, best_QK, rtol=2e-6, atol=atol)
    own_QK = np.take_along_axis(score_QN, found.index_QK, axis=1)
    np.testing.assert_allclose(found.score_QK, own_QK, rtol=2e-6, atol=atol)
    assert all(len(set(row_K)) == len(row_K) for row_K in found.index_QK.tolist())


@given(k=st.integers(1, 30), block=st.integers(1, 100), seed=st.integers(0, 10_000))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_left_out_makes_room_for_the_next(k: int, block: int, seed: int) -> None:
    document_ND = vectors(120, 32, seed=seed)
    # Each query is a document, the best of all, and must not find it.
    own_Q = np.random.default_rng(seed).choice(120, size=8, replace=False)
    query_QD = document_ND[own_Q]
    found = top_k(query_QD, document_ND, k=k, left_out_Q=own_Q, block=block)
    score_QN = exact(query_QD, document_ND)
    score_QN[np.arange(8), own_Q] = -np.inf
    np.testing.assert_array_equal(found.index_QK, np.argsort(-score_QN, axis=1)[:, :k])


def test_a_document_is_judged_by_its_own_error_and_not_by_those_before_it() -> None:
    query_QD = np.full((1, 64), 1 / 8, dtype=np.float32)
    near_ND = np.tile(np.eye(1, 64, dtype=np.float32), (8, 1))
    # Rounded to 100.5 and -100.5, which is at right angles to the query.
    far_D = np.tile(np.array([100.7, -100.3], dtype=np.float32), 32)
    document_ND = np.concatenate([near_ND, far_D[None]])
    assert exact(query_QD, document_ND)[0].argmax() == 8
    found = top_k(query_QD, document_ND, k=2, block=4)
    assert found.index_QK.tolist() == [[8, 7]]


@given(grows=st.floats(1.0, 1.2), block=st.integers(1, 40), seed=st.integers(0, 10_000))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_best_are_found_among_documents_of_growing_length(
    grows: float, block: int, seed: int
) -> None:
    query_QD = vectors(4, 48, seed=seed)
    length_N = (grows ** np.arange(150)).astype(np.float32)
    document_ND = length_N[:, None] * vectors(150, 48, seed=seed + 1)
    found = top_k(query_QD, document_ND, k=5, block=block)
    best_QK = -np.sort(-exact(query_QD, document_ND), axis=1)[:, :5]
    np.testing.assert_allclose(found.score_QK, best_QK, rtol=2e-6)


def test_negative_scores_rank_alike() -> None:
    query_QD = vectors(3, 64, seed=0, offset=1.0, spread=0.1)
    document_ND = -vectors(500, 64, seed=1, offset=1.0, spread=0.1)
    found = top_k(query_QD, document_ND, k=7, block=50)
    assert (found.score_QK < 0).all()
    wanted_QK = np.argsort(-exact(query_QD, document_ND), axis=1)[:, :7]
    np.testing.assert_array_equal(found.index_QK, wanted_QK)


def test_equal_documents_score_equally_wherever_they_stand() -> None:
    one_D = vectors(1, 96, seed=0)
    document_ND = np.concatenate([one_D, vectors(300, 96, seed=1), one_D, one_D])
    found = top_k(one_D, document_ND, k=4, block=64)
    assert found.index_QK[0, :3].tolist() == [302, 301, 0]
    assert len(set(found.score_QK[0, :3].tolist())) == 1


def test_documents_too_alike_to_screen_are_ranked_by_exact_products() -> None:
    document_ND = np.tile(vectors(1, 32, seed=0), (5_000, 1))
    found = Screened(torch.from_numpy(document_ND[:2]), k=3)
    with pytest.raises(TooCloseError):
        for start in range(0, 5_000, 500):
            found.add(torch.from_numpy(document_ND[start : start + 500]), first_row=start)
    ranked = top_k(document_ND[:2], document_ND, k=3)
    assert ranked.index_QK.tolist() == [[4999, 4998, 4997]] * 2


@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_a_rounded_score_is_never_further_off_than_the_bound(offset: float) -> None:
    query_QD = vectors(50, 256, seed=0, offset=offset)
    document_ND = vectors(2_000, 256, seed=1, offset=offset)
    found = Screened(torch.from_numpy(query_QD), k=3)
    longest = float(np.linalg.norm(document_ND, axis=1).max())
    rounded_NQ = found.scores(torch.from_numpy(document_ND), longest_document=longest)
    off_QN = np.abs(rounded_NQ.float().numpy().T - exact(query_QD, document_ND))
    bound_QN = found.error_Q().numpy()[:, None] + screening._ROUNDOFF * np.abs(
        rounded_NQ.float().numpy().T
    )
    assert (off_QN <= bound_QN).all()
    # A bound ten times as wide would find the same documents, ten times as slowly.
    assert off_QN.max() > bound_QN.max() / 10


def test_it_pays_on_a_cpu_with_bfloat16_products_of_some_size() -> None:
    document_ND = np.empty((20_000, 128), np.float32)
    query_QD = np.empty((64, 128), np.float32)
    has = torch.cpu._is_avx512_bf16_supported()
    assert screening.screening_pays(query_QD, document_ND, "cpu") == has
    assert not screening.screening_pays(query_QD[:10], document_ND, "cpu")
    assert not screening.screening_pays(query_QD, document_ND[:1000], "cpu")
    assert not screening.screening_pays(query_QD, document_ND, "cuda")
