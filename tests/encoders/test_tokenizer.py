"""Token ids are those of the model's own tokenizer."""

import json
import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import resolve_model
from leaf_ray.testing import write_tiny_model
from tests.examples.tiny_models import TEXTS, a_copy


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


def test_padding_is_the_models_own_token(tiny_teacher: Path, tmp_path: Path) -> None:
    folder = a_copy(tiny_teacher, tmp_path / "copy", config={"pad_token_id": 4})
    assert Tokenizer(ModelFolder.read(folder), max_length=64).pad_id == 4


def test_whether_a_text_was_longer_is_told_with_the_same_ids(tokenizer: Tokenizer) -> None:
    texts = ["x" * 62, "x " * 62, "x " * 63, "", "short", "word " * 200]
    ids, truncated = tokenizer.with_truncated(texts)
    assert ids == tokenizer(texts)
    assert truncated == [False, False, True, False, False, True]


def test_a_prompt_takes_its_share_of_the_length(tokenizer: Tokenizer) -> None:
    assert tokenizer.with_truncated(["x " * 61, "x " * 62], prompt="q")[1] == [False, True]


def test_a_folder_with_a_vocabulary_only_gives_the_same_ids(
    tiny_teacher: Path, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    folder = a_copy(tiny_teacher, tmp_path / "copy")
    (folder / "tokenizer.json").unlink()
    old = Tokenizer(ModelFolder.read(folder), max_length=64)
    assert old(TEXTS) == tokenizer(TEXTS)


@pytest.fixture(scope="module")
def documents(shared_data: Path) -> list[str]:
    lines = (shared_data / "beir/adi/corpus.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


@pytest.mark.parametrize("prompt", ["", "passage: "])
@pytest.mark.parametrize("overlap", [0, 5])
def test_every_window_of_a_real_text_is_read_whole_by_the_model(
    tokenizer: Tokenizer, documents: list[str], prompt: str, overlap: int
) -> None:
    number = 0
    for text in documents:
        windows = tokenizer.windows(text, prompt=prompt, overlap=overlap)
        cut = [text[begin:end] for begin, end in windows]
        assert tokenizer.with_truncated(cut, prompt=prompt)[1] == [False] * len(cut)
        number += len(windows)
    assert number > 2 * len(documents)


@pytest.mark.models
@pytest.mark.parametrize("max_length", [48, 128])
def test_every_window_of_a_real_text_is_read_whole_by_a_real_model(
    documents: list[str], max_length: int
) -> None:
    folder = ModelFolder.read(resolve_model("sentence-transformers/all-MiniLM-L6-v2"))
    tokenizer = Tokenizer(folder, max_length=max_length)
    text = " ".join([*documents, *TEXTS])
    cut = [text[begin:end] for begin, end in tokenizer.windows(text, prompt="p: ", overlap=16)]
    assert len(cut) > 20
    assert tokenizer.with_truncated(cut, prompt="p: ")[1] == [False] * len(cut)


def assert_all_is_read(text: str, windows: list[tuple[int, int]]) -> None:
    """Only white space is outside of all windows, and none is inside another."""
    left = list(text)
    for begin, end in windows:
        left[begin:end] = " " * (end - begin)
    assert not "".join(left).strip()
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(windows))


@given(st.text(alphabet="ab\u00e9 \n\u6f22-", max_size=300), st.integers(0, 7))
def test_windows_leave_out_nothing_but_white_space(text: str, overlap: int) -> None:
    tokenizer = _short_tokenizer()
    windows = tokenizer.windows(text, prompt="q", overlap=overlap)
    assert_all_is_read(text, windows)


def test_windows_share_about_the_overlap_and_begin_between_words(tokenizer: Tokenizer) -> None:
    text = " ".join(f"word{i}" for i in range(60))
    windows = tokenizer.windows(text, overlap=10)
    for (_, end), (begin, _) in pairwise(windows):
        assert 10 <= len(text[begin:end].replace(" ", "")) < 16
        assert text[begin - 1] == " "
        assert end == len(text) or text[end] == " "


def test_a_text_that_fits_is_one_window_with_its_white_space(tokenizer: Tokenizer) -> None:
    assert tokenizer.windows(" " + "x " * 62, overlap=5) == [(0, 125)]
    assert len(tokenizer.windows("x " * 63, overlap=5)) == 2


def test_windows_change_nothing_for_the_texts_after_them(tokenizer: Tokenizer) -> None:
    before = tokenizer(TEXTS)
    tokenizer.windows("word " * 200, overlap=3)
    with pytest.raises(ValueError, match="overlap"):
        tokenizer.windows("word " * 200, overlap=62)
    assert tokenizer(TEXTS) == before


def test_a_prompt_that_leaves_no_room_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="overlap 5 is not in"):
        tokenizer.windows("a text", prompt="prompt " * 20, overlap=5)


@cache
def _short_tokenizer() -> Tokenizer:
    # Not a fixture: hypothesis wants what lives as long as all its examples.
    with tempfile.TemporaryDirectory() as folder:
        model = write_tiny_model(Path(folder) / "model", dimension=16, seed=0)
        return Tokenizer(ModelFolder.read(model), max_length=12)
