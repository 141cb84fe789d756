"""Training texts are laid out once: each text in one file, with what the teacher gave it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import VECTOR, vectors_of
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.core.training.training_texts import TrainingTexts
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.errors import InputError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.runs import Run
from leaf_ray.stages.distill.counts import Counts
from leaf_ray.stages.distill.sources import other_source
from leaf_ray.stages.distill.texts import (
    TRAIN_FILES,
    VALIDATION_FILES,
    TokeniseAndSplit,
    WritePiece,
)
from tests.examples.small_table import NAME, TEXTS, SmallTable, publish
from tests.examples.spaces import a_space, unit_vectors
from tests.runs.conftest import remote_run

NUM_TEXTS = 60
SPACE = a_space(query_prompt="ask: ", document_prompt="say: ")


@dataclass(frozen=True, slots=True)
class Given:
    """A piece of a source that is a table in memory."""

    rows: pa.Table

    def read(self) -> pa.Table:
        return self.rows


@pytest.fixture
def tokenise(tiny_init: Path) -> TokeniseAndSplit:
    return a_tokenise(tiny_init)


def a_tokenise(init: Path, space: Space = SPACE) -> TokeniseAndSplit:
    return TokeniseAndSplit(ModelFolder.read(init), space, validation_share=0.2)


def some_rows(first: int = 0, **changes: pa.Array) -> pa.Table:
    """Sixty texts, one of three a query, of two sources."""
    numbers = range(first, first + NUM_TEXTS)
    flat = pa.array(unit_vectors(NUM_TEXTS, SPACE.dimension, seed=first).reshape(-1))
    columns: dict[str, Any] = {
        "id": [f"t{n}" for n in numbers],
        "text": [f"text number {n}" for n in numbers],
        "kind": [QUERY if n % 3 == 0 else DOCUMENT for n in numbers],
        "source": ["wiki" if n % 2 else "mine" for n in numbers],
        VECTOR: pa.FixedSizeListArray.from_arrays(flat, SPACE.dimension),
    }
    return pa.table({**columns, **changes})


def without(values: Sequence[Any], *places: int) -> pa.Array:
    """The values, with nulls in some places."""
    return pa.array([None if n in places else value for n, value in enumerate(values)])


def files_of(folder: Path, files: str) -> TrainingTexts:
    return TrainingTexts(sorted(folder.glob(files)), pad_id=0)


def test_each_text_is_either_trained_on_or_validated_on(tokenise: TokeniseAndSplit) -> None:
    rows = some_rows()
    train, validation_texts = tokenise(rows)
    laid_out = train["id"].to_pylist() + validation_texts["id"].to_pylist()
    assert sorted(laid_out) == sorted(rows["id"].to_pylist())
    assert 0.05 < len(validation_texts) / NUM_TEXTS < 0.4


def test_a_text_keeps_its_side_whatever_other_texts_there_are(tokenise: TokeniseAndSplit) -> None:
    _, validation_texts = tokenise(some_rows())
    _, of_half = tokenise(some_rows().slice(NUM_TEXTS // 2))
    half = some_rows()["id"].to_pylist()[NUM_TEXTS // 2 :]
    assert of_half["id"].to_pylist() == [i for i in validation_texts["id"].to_pylist() if i in half]


def test_texts_are_tokens_behind_the_prompt_of_their_kind(
    tokenise: TokeniseAndSplit, tiny_init: Path
) -> None:
    rows = some_rows()
    texts = dict(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
    tokenizer = Tokenizer(ModelFolder.read(tiny_init), max_length=SPACE.max_length)
    for table in tokenise(rows):
        for row in table.to_pylist():
            prompt = "ask: " if row["kind"] == QUERY else "say: "
            assert [row["ids"]] == tokenizer([texts[row["id"]]], prompt=prompt)


def test_texts_keep_their_vectors_and_where_they_are_from(tokenise: TokeniseAndSplit) -> None:
    rows = some_rows()
    laid_out = pa.concat_tables(tokenise(rows)).sort_by("id")
    expected = rows.sort_by("id")
    for name in ("id", "kind", "source"):
        assert laid_out[name].to_pylist() == expected[name].to_pylist()
    np.testing.assert_array_equal(vectors_of(laid_out), vectors_of(expected))


def test_texts_without_text_are_refused_by_name(tokenise: TokeniseAndSplit) -> None:
    rows = some_rows()
    broken = some_rows(text=without(rows["text"].to_pylist(), 3, 17))
    with pytest.raises(InputError, match=r"2 texts to train on have no text, such as 't3', 't17':"):
        tokenise(broken)


def test_a_table_that_holds_a_document_without_text_is_refused_by_its_name(
    small: SmallTable, tiny_init: Path, tmp_path: Path
) -> None:
    rows = small.rows(TEXTS)
    places = rows.schema.names.index("text"), rows["id"].to_pylist().index("d7")
    texts = without(rows["text"].to_pylist(), places[1])
    publish(str(tmp_path), rows.set_column(places[0], rows.schema.field("text"), texts))
    (piece,) = other_source(f"{tmp_path}/{NAME}.lance", source_column="source").pieces
    with pytest.raises(InputError, match=r"1 texts to train on have no text, such as 'd7':"):
        a_tokenise(tiny_init, small.space)(piece.read())


def test_texts_without_a_vector_are_refused_by_name(tokenise: TokeniseAndSplit) -> None:
    vectors = some_rows()[VECTOR].to_pylist()
    vectors[5] = None
    broken = some_rows(**{VECTOR: pa.array(vectors, pa.list_(pa.float32(), SPACE.dimension))})
    with pytest.raises(InputError, match=r"1 texts to train on have no vector, such as 't5':"):
        tokenise(broken)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_texts_whose_vectors_are_not_finite_are_refused_and_the_first_are_named(
    tokenise: TokeniseAndSplit, value: float
) -> None:
    vectors_ND = vectors_of(some_rows()).copy()
    vectors_ND[10:20, 3] = value
    flat = pa.array(vectors_ND.reshape(-1))
    broken = some_rows(**{VECTOR: pa.FixedSizeListArray.from_arrays(flat, SPACE.dimension)})
    named = "'t10', 't11', 't12', 't13', 't14': make"
    with pytest.raises(InputError, match=f"10 texts .* that is not finite, such as {named}"):
        tokenise(broken)


def test_vectors_of_another_dimension_are_refused(tiny_init: Path) -> None:
    with pytest.raises(InputError, match=r"have 32 dimensions, but their space .* has 16"):
        a_tokenise(tiny_init, a_space(dimension=16))(some_rows())


def test_a_piece_without_rows_is_laid_out_as_none(tokenise: TokeniseAndSplit) -> None:
    assert [len(table) for table in tokenise(some_rows().slice(0, 0))] == [0, 0]


@pytest.mark.parametrize("place", ["local", "remote"])
def test_pieces_are_written_as_files_of_their_number_and_counted(
    tokenise: TokeniseAndSplit, tmp_path: Path, place: str
) -> None:
    run = Run.open(str(tmp_path / "run")) if place == "local" else remote_run(tmp_path)
    pieces = [Given(some_rows(first)) for first in (0, 100)]
    write = WritePiece(run.work("training/texts-0"), tokenise)
    counts = Counts.total(
        Counts(**json.loads(write({"number": n, "piece": piece})["counts"]))
        for n, piece in enumerate(pieces)
    )
    folder = tmp_path / "run/training/texts-0"
    train, validation_texts = files_of(folder, TRAIN_FILES), files_of(folder, VALIDATION_FILES)
    assert (counts.trained, counts.validation_texts) == (len(train), len(validation_texts))
    assert counts.trained + counts.validation_texts == 2 * NUM_TEXTS
    assert sum(counts.trained_by_kind[QUERY].values()) == train.is_query_N.sum()
    assert counts.sources == {"mine", "wiki"}
    assert sorted(file.name for file in folder.iterdir()) == [
        "train-00000.arrow",
        "train-00001.arrow",
        "validation-00000.arrow",
        "validation-00001.arrow",
    ]


def test_half_a_file_that_a_killed_task_left_is_neither_read_nor_in_the_way(
    tokenise: TokeniseAndSplit, tmp_path: Path
) -> None:
    texts = Run.open(str(tmp_path)).work("training/texts-0")
    for name in ("train-00000.arrow.abc.partial", "validation-00000.arrow.abc.partial"):
        texts.write(name, b"ARROW1 and no more")
    written = WritePiece(texts, tokenise)({"number": 0, "piece": Given(some_rows())})
    train = files_of(Path(texts.path), TRAIN_FILES)
    validation_texts = files_of(Path(texts.path), VALIDATION_FILES)
    assert len(train) + len(validation_texts) == NUM_TEXTS
    assert Counts(**json.loads(written["counts"])).trained == len(train)


def test_a_piece_that_is_refused_leaves_no_file(tokenise: TokeniseAndSplit, tmp_path: Path) -> None:
    texts = Run.open(str(tmp_path)).work("training/texts-0")
    broken = Given(some_rows(text=pa.nulls(NUM_TEXTS, pa.string())))
    with pytest.raises(InputError):
        WritePiece(texts, tokenise)({"number": 0, "piece": broken})
    assert not list(tmp_path.rglob("*.arrow*"))


def test_a_piece_that_is_written_again_replaces_what_was_written(
    tokenise: TokeniseAndSplit, tmp_path: Path
) -> None:
    texts = Run.open(str(tmp_path)).work("training/texts-0")
    write = WritePiece(texts, tokenise)
    first, second = (write({"number": 0, "piece": Given(some_rows())}) for _ in range(2))
    assert first == second
    assert len(list(Path(texts.path).iterdir())) == 2


def test_counts_tell_kinds_and_sources_apart(tokenise: TokeniseAndSplit, tmp_path: Path) -> None:
    write = WritePiece(Run.open(str(tmp_path)).work("training/texts-0"), tokenise)
    counts = Counts(**json.loads(write({"number": 0, "piece": Given(some_rows())})["counts"]))
    train, _ = tokenise(some_rows())
    for kind, sources in counts.trained_by_kind.items():
        for source, number in sources.items():
            of_both = (pc.field("kind") == kind) & (pc.field("source") == source)
            assert len(train.filter(of_both)) == number > 0
