"""Padding adds what the mask leaves out, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.encoding.padding import pad

PAD = 7
ROWS = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=12), min_size=1, max_size=9)


@given(rows=ROWS)
def test_the_mask_gives_every_row_back(rows: list[list[int]]) -> None:
    ids_BL, mask_BL = pad(rows, pad_id=PAD)
    found = [ids_L[mask_L == 1].tolist() for ids_L, mask_L in zip(ids_BL, mask_BL, strict=True)]
    assert found == rows


@given(rows=ROWS)
def test_padding_is_on_the_right_only_and_no_longer_than_the_longest(rows: list[list[int]]) -> None:
    ids_BL, mask_BL = pad(rows, pad_id=PAD)
    assert ids_BL.shape == mask_BL.shape == (len(rows), max(map(len, rows)))
    assert (np.diff(mask_BL, axis=1) <= 0).all()
    assert (ids_BL[mask_BL == 0] == PAD).all()
    assert set(np.unique(mask_BL)) <= {0, 1}


@given(rows=ROWS, length=st.integers(0, 20))
def test_a_length_adds_padding_and_cuts_nothing(rows: list[list[int]], length: int) -> None:
    plain, wide = pad(rows, pad_id=PAD), pad(rows, pad_id=PAD, length=length)
    longest = max(map(len, rows))
    for plain_BL, wide_BL, padding in zip(plain, wide, (PAD, 0), strict=True):
        assert wide_BL.shape == (len(rows), max(longest, length))
        np.testing.assert_array_equal(wide_BL[:, :longest], plain_BL)
        assert (wide_BL[:, longest:] == padding).all()


@given(rows=ROWS)
def test_lists_and_arrays_give_the_same_int64(rows: list[list[int]]) -> None:
    of_lists = pad(rows, pad_id=PAD)
    of_arrays = pad([np.array(row, dtype=np.int32) for row in rows], pad_id=PAD)
    for lists_BL, arrays_BL in zip(of_lists, of_arrays, strict=True):
        assert lists_BL.dtype == arrays_BL.dtype == np.int64
        np.testing.assert_array_equal(lists_BL, arrays_BL)


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="zero-size"):
        pad([], pad_id=PAD)
