from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.ids import content_id, hash_order

texts = st.text(st.characters(exclude_categories=["Cs"]))


def test_a_content_id_is_the_same_in_every_run() -> None:
    assert content_id("hello", kind="document") == "8fb79b720a53962fb9b54494bab7073f"


def test_a_query_and_a_document_of_one_text_have_different_ids() -> None:
    assert content_id("hello", kind="query") != content_id("hello", kind="document")


@given(texts, texts)
def test_content_ids_differ_where_texts_do(first: str, second: str) -> None:
    same = content_id(first, kind="query") == content_id(second, kind="query")
    assert same == (first == second)


@given(texts)
def test_hash_order_is_an_unsigned_64_bit_number_that_depends_on_the_purpose(key: str) -> None:
    assert 0 <= hash_order(key, purpose="a") < 2**64
    assert hash_order(key, purpose="a") == hash_order(key, purpose="a")
    assert hash_order(key, purpose="a") != hash_order(key, purpose="b")
