"""Token ids are those of the model's own tokenizer."""

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.encoders.folder import ModelFolder
from leaf_ray.encoders.tokenizer import Tokenizer
from tests.encoders.models import TEXTS, a_copy


@pytest.fixture(scope="module")
def model(tiny_teacher: Path) -> SentenceTransformer:
    return SentenceTransformer(str(tiny_teacher), device="cpu")


@pytest.fixture
def tokenizer(tiny_teacher: Path) -> Tokenizer:
    return Tokenizer(ModelFolder.read(tiny_teacher), max_length=64)


def ids_of(model: SentenceTransformer, texts: list[str]) -> list[list[int]]:
    tokens = model.preprocess(texts)
    rows = zip(tokens["input_ids"], tokens["attention_mask"], strict=True)
    return [ids[mask.bool()].tolist() for ids, mask in rows]


def test_ids_are_those_of_sentence_transformers(
    tokenizer: Tokenizer, model: SentenceTransformer
) -> None:
    assert tokenizer(TEXTS) == ids_of(model, list(TEXTS))


def test_a_prompt_is_put_before_each_text(tokenizer: Tokenizer, model: SentenceTransformer) -> None:
    prompted = [f"query: {text}" for text in TEXTS]
    assert tokenizer(TEXTS, prompt="query: ") == ids_of(model, prompted)


def test_a_text_is_truncated_to_the_length_with_its_last_special_token(
    tiny_teacher: Path, model: SentenceTransformer
) -> None:
    short = Tokenizer(ModelFolder.read(tiny_teacher), max_length=10)
    whole, cut = ids_of(model, ["word " * 10])[0], short(["word " * 10])[0]
    assert len(cut) == 10
    assert cut == [*whole[:9], whole[-1]]


def test_an_empty_text_has_its_special_tokens_only(tokenizer: Tokenizer) -> None:
    assert [len(row) for row in tokenizer([""])] == [2]


def test_no_texts_have_no_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer([]) == []


def test_a_text_has_the_same_ids_alone_and_among_longer_ones(tokenizer: Tokenizer) -> None:
    assert [tokenizer([text])[0] for text in TEXTS] == tokenizer(TEXTS)


def test_padding_is_on_the_right_and_masked(tokenizer: Tokenizer) -> None:
    ids_BL, mask_BL = tokenizer.pad([[2, 5, 3], [2, 3]])
    assert ids_BL.tolist() == [[2, 5, 3], [2, 3, tokenizer.pad_id]]
    assert mask_BL.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert ids_BL.dtype == mask_BL.dtype == np.int64


def test_padding_is_the_models_own_token(tiny_teacher: Path, tmp_path: Path) -> None:
    folder = a_copy(tiny_teacher, tmp_path / "copy", config={"pad_token_id": 4})
    tokenizer = Tokenizer(ModelFolder.read(folder), max_length=64)
    assert tokenizer.pad([[9], [9, 9]])[0].tolist() == [[9, 4], [9, 9]]


def test_a_folder_with_a_vocabulary_only_gives_the_same_ids(
    tiny_teacher: Path, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    folder = a_copy(tiny_teacher, tmp_path / "copy")
    (folder / "tokenizer.json").unlink()
    old = Tokenizer(ModelFolder.read(folder), max_length=64)
    assert old(TEXTS) == tokenizer(TEXTS)
