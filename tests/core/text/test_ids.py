from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.text.ids import content_id, hash_shares, hashes

texts = st.text(st.characters(exclude_categories=["Cs"]))


def test_a_content_id_is_the_same_in_every_run() -> None:
    assert content_id("hello", kind="document") == "8fb79b720a53962fb9b54494bab7073f"


def test_a_query_and_a_document_of_one_text_have_different_ids() -> None:
    assert content_id("hello", kind="query") != content_id("hello", kind="document")


@given(texts, texts)
def test_content_ids_differ_where_texts_do(first: str, second: str) -> None:
    same = content_id(first, kind="query") == content_id(second, kind="query")
    assert same == (first == second)


def test_a_hash_is_the_same_in_every_run() -> None:
    assert hashes(["hello", "HELLO"], purpose="train").tolist() == [
        14933625170530187570,
        8572624104730250646,
    ]


@given(st.lists(texts), texts)
def test_a_hash_depends_on_its_key_and_the_purpose_alone(keys: list[str], purpose: str) -> None:
    alone = [int(hashes([key], purpose=purpose)[0]) for key in keys]
    assert hashes(keys, purpose=purpose).tolist() == alone
    others = hashes(keys, purpose=purpose + "x").tolist()
    assert all(one != other for one, other in zip(alone, others, strict=True))


@given(st.lists(texts))
def test_shares_are_in_the_order_of_hashes_from_0_to_1(keys: list[str]) -> None:
    shares, order = hash_shares(keys, purpose="a"), hashes(keys, purpose="a")
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (shares[order.argsort()] == sorted(shares)).all()
