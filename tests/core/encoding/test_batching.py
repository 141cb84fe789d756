"""Batches lose no text and keep to their budget."""

from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.encoding.batching import equal_length_batches, token_budget_batches

lengths_of_texts = st.lists(st.integers(0, 300), max_size=80)
budgets = st.integers(1, 1000)


@given(lengths_of_texts, budgets)
def test_every_position_comes_exactly_once(lengths: list[int], max_tokens: int) -> None:
    batches = list(token_budget_batches(lengths, max_tokens=max_tokens))
    positions = [int(row) for rows in batches for row in rows]
    assert sorted(positions) == list(range(len(lengths)))


@given(lengths_of_texts, budgets)
def test_only_a_single_text_may_exceed_the_budget(lengths: list[int], max_tokens: int) -> None:
    for rows in token_budget_batches(lengths, max_tokens=max_tokens):
        longest = max(lengths[row] for row in rows)
        assert len(rows) * longest <= max_tokens or len(rows) == 1


@given(lengths_of_texts, budgets)
def test_longest_texts_come_first(lengths: list[int], max_tokens: int) -> None:
    batches = token_budget_batches(lengths, max_tokens=max_tokens)
    in_order = [lengths[row] for rows in batches for row in rows]
    assert in_order == sorted(lengths, reverse=True)


@given(lengths_of_texts, budgets)
def test_a_batch_that_is_not_the_last_has_no_room_for_one_more(
    lengths: list[int], max_tokens: int
) -> None:
    batches = list(token_budget_batches(lengths, max_tokens=max_tokens))
    for rows in batches[:-1]:
        longest = max(1, max(lengths[row] for row in rows))
        assert (len(rows) + 1) * longest > max_tokens


@given(lengths_of_texts, budgets)
def test_batches_of_equal_lengths_hold_every_text_once_and_no_padding(
    lengths: list[int], max_tokens: int
) -> None:
    batches = list(equal_length_batches(lengths, max_tokens=max_tokens))
    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    for rows in batches:
        assert len({lengths[row] for row in rows}) == 1
        assert len(rows) * lengths[rows[0]] <= max_tokens or len(rows) == 1
