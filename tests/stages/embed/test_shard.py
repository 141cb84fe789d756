"""What Ray maps over shards, called without Ray: read, encode, look up, write."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaf_ray.core.space.probe import Probe
from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.endpoint.encoder import EndpointSpec
from leaf_ray.encoders.endpoint.rate_limit import Backoff
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.prepare import IDS, Tokenise
from leaf_ray.encoders.protocol import EncodedBatch, Encoder
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.encoders.teacher import describe_endpoint
from leaf_ray.errors import EncodingError, SpaceMismatch
from leaf_ray.runs import Part, Run
from leaf_ray.runs.shards import finished_shards, rejected_rows, shard_vectors
from leaf_ray.stages.embed.shard import (
    REASON,
    SHARD,
    SHARD_ROWS,
    EncodeShard,
    LookUpShard,
    ReadShard,
    WriteShard,
)
from tests.examples.endpoint_faults import vectors_of as endpoint_vectors_of
from tests.examples.faulty_endpoint import FaultyEndpoint
from tests.examples.spaces import a_space, unit_vectors

# Five rows of three texts; a query and a document may be one text and are not copies.
ROWS = [
    {"id": "q1", "text": "a shelf", "kind": QUERY, "year": 1990},
    {"id": "d1", "text": "a shelf", "kind": DOCUMENT, "year": 1991},
    {"id": "d2", "text": "a shelf", "kind": DOCUMENT, "year": 1992},
    {"id": "d3", "text": "of books " * 20, "kind": DOCUMENT, "year": 1993},
    {"id": "d4", "text": "a shelf", "kind": DOCUMENT, "year": 1994},
]
PROMPTS = ("q: ", "d: ")


class Counting:
    """The encoder that it is given, which counts texts and refuses those that it is told to."""

    def __init__(self, encoder: Encoder, *, refused: str = "never in a text") -> None:
        self.encoder = encoder
        self.refused = refused
        self.asked: list[tuple[str, str]] = []
        self.name, self.dimension = encoder.name, encoder.dimension
        self.lowest_cosine = encoder.lowest_cosine

    def encode(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        return self.encoder.encode(texts, kind=kind)

    def num_tokens(self, texts: Sequence[str]) -> int:
        return self.encoder.num_tokens(texts)

    def batches(self, texts: Sequence[str], *, kind: str) -> Iterator[EncodedBatch]:
        self.asked.extend((kind, text) for text in texts)
        if any(self.refused in text for text in texts):
            raise EncodingError(f"{len(texts)} texts are refused")
        yield from self.encoder.batches(texts, kind=kind)


@pytest.fixture(scope="module")
def local(tiny_teacher: Path) -> SentenceEncoder:
    spec = EncoderSpec(
        folder=str(tiny_teacher),
        backend="openvino-f32",
        threads=1,
        max_length=48,
        query_prompt=PROMPTS[0],
        document_prompt=PROMPTS[1],
    )
    return spec.load()


@pytest.fixture(scope="module")
def space(local: SentenceEncoder) -> Space:
    return a_space(probe=Probe.take(local))


@pytest.fixture(scope="module")
def tokenise(tiny_teacher: Path) -> Tokenise:
    return Tokenise(str(tiny_teacher), max_length=48, prompts=PROMPTS)


@pytest.fixture
def work(tmp_path: Path) -> Part:
    return Run.open(str(tmp_path / "run")).work("embedding/1")


def read(tmp_path: Path, prepare: Any = None, *, rows: Sequence[dict[str, Any]] = ROWS) -> pa.Table:
    """The second row group of a file, as the pipeline reads it."""
    run = Run.open(str(tmp_path))
    file = tmp_path / "texts.parquet"
    table = pa.concat_tables([pa.Table.from_pylist(list(rows))] * 2)
    pq.write_table(table, file, row_group_size=len(rows))
    planned = {"shard": 6, "path": str(file), "row_group": 1, "rows": len(rows)}
    return ReadShard(run.filesystem, prepare)(pa.Table.from_pylist([planned]))


def expected(local: SentenceEncoder, rows: Sequence[dict[str, Any]]) -> np.ndarray:
    vectors = [local.encode([row["text"]], kind=row["kind"])[0] for row in rows]
    return np.stack(vectors)


def test_a_shard_is_read_whole_with_its_number_and_size(tmp_path: Path) -> None:
    shard = read(tmp_path)
    assert shard.drop_columns([SHARD, SHARD_ROWS]).to_pylist() == ROWS
    assert set(shard[SHARD].to_pylist()) == {6}
    assert set(shard[SHARD_ROWS].to_pylist()) == {5}


def test_a_shard_in_windows_has_the_size_that_it_has_then(
    tmp_path: Path, tokenise: Tokenise
) -> None:
    shard = read(tmp_path, dataclasses.replace(tokenise, overlap=4))
    assert len(shard) > len(ROWS)
    assert set(shard[SHARD_ROWS].to_pylist()) == {len(shard)}


@pytest.mark.parametrize("tokenised", ["as texts", "as ids"])
def test_every_row_gets_the_vector_of_its_text_and_kind(
    tmp_path: Path, local: SentenceEncoder, space: Space, tokenise: Tokenise, tokenised: str
) -> None:
    shard = read(tmp_path, tokenise if tokenised == "as ids" else None)
    assert (IDS in shard.column_names) == (tokenised == "as ids")
    encoded = EncodeShard(lambda: local, space, "float32")(shard)
    assert encoded.select(shard.column_names).equals(shard)
    np.testing.assert_allclose(vectors_of(encoded), expected(local, ROWS), atol=1e-6)
    assert encoded[REASON].null_count == len(ROWS)


def test_copies_are_encoded_once_and_a_query_is_no_copy_of_a_document(
    tmp_path: Path, local: SentenceEncoder, space: Space
) -> None:
    counting = Counting(local)
    encoded = EncodeShard(lambda: counting, space, "float32")(read(tmp_path))
    assert sorted(counting.asked) == sorted({(row["kind"], row["text"]) for row in ROWS})
    query_D, one_D, other_D = vectors_of(encoded)[:3]
    assert np.array_equal(one_D, other_D)
    assert not np.array_equal(query_D, one_D)


def test_an_encoder_that_is_not_the_recorded_teacher_encodes_nothing(
    tmp_path: Path, local: SentenceEncoder
) -> None:
    counting = Counting(local)
    with pytest.raises(SpaceMismatch, match="the teacher on openvino-f32"):
        EncodeShard(lambda: counting, a_space(), "float32")(read(tmp_path))
    assert counting.asked == []


def test_written_rows_are_vectors_or_rejected_with_a_reason_and_none_is_lost(
    tmp_path: Path, local: SentenceEncoder, space: Space, work: Part
) -> None:
    counting = Counting(local, refused="books")
    encoded = EncodeShard(lambda: counting, space, "float32")(read(tmp_path))
    (row,) = WriteShard(work)(encoded).to_pylist()
    (stats,) = finished_shards(work)
    assert stats.to_json() == row
    assert (stats.shard, stats.rows, stats.vectors, stats.rejected) == (6, 5, 4, 1)
    assert (stats.encoded, stats.encoder) == (3, "openvino-f32")
    (rejected,) = rejected_rows(work)
    assert rejected.to_pylist() == [{**ROWS[3], REASON: "1 texts are refused"}]
    vectors = shard_vectors(work, 6)
    assert vectors.column_names == ["id", "text", "kind", "year", "vector"]
    well = [row for row in ROWS if row["id"] != "d3"]
    assert vectors.drop_columns(["vector"]).to_pylist() == well
    np.testing.assert_allclose(vectors_of(vectors), expected(local, well), atol=1e-6)
    assert Space.from_metadata(vectors.schema.metadata, owner="shard").to_json() == space.to_json()


def test_all_copies_of_a_rejected_text_are_rejected(
    tmp_path: Path, local: SentenceEncoder, space: Space, work: Part
) -> None:
    counting = Counting(local, refused="shelf")
    WriteShard(work)(EncodeShard(lambda: counting, space, "float32")(read(tmp_path)))
    (rejected,) = rejected_rows(work)
    assert rejected["id"].to_pylist() == ["q1", "d1", "d2", "d4"]


def test_a_shard_without_any_vector_is_written(
    tmp_path: Path, local: SentenceEncoder, space: Space, work: Part
) -> None:
    counting = Counting(local, refused="")
    WriteShard(work)(EncodeShard(lambda: counting, space, "float32")(read(tmp_path)))
    (stats,) = finished_shards(work)
    assert (stats.vectors, stats.rejected) == (0, 5)


def test_tokens_are_those_of_the_different_texts_and_truncated_rows_are_counted(
    tmp_path: Path, local: SentenceEncoder, space: Space, tokenise: Tokenise, work: Part
) -> None:
    WriteShard(work)(EncodeShard(lambda: local, space, "float32")(read(tmp_path, tokenise)))
    (stats,) = finished_shards(work)
    lengths = [len(local.tokenizer([p + "a shelf"])[0]) for p in PROMPTS]
    assert stats.tokens == sum(lengths) + 48
    assert stats.truncated == 1


@pytest.mark.parametrize("rows", [slice(0, 4), slice(1, 5)])
def test_a_part_of_a_shard_is_refused_and_nothing_is_written(
    tmp_path: Path, local: SentenceEncoder, space: Space, work: Part, rows: slice
) -> None:
    encoded = EncodeShard(lambda: local, space, "float32")(read(tmp_path))
    part = encoded.slice(rows.start, rows.stop - rows.start)
    with pytest.raises(RuntimeError, match="shard 6 has 5 rows and came in another size"):
        WriteShard(work)(part)
    with pytest.raises(RuntimeError, match="another size"):
        WriteShard(work)(pa.concat_tables([encoded, part]))
    assert finished_shards(work) == []


def test_a_shard_of_the_right_size_with_rows_of_another_is_refused(
    tmp_path: Path, local: SentenceEncoder, space: Space, work: Part
) -> None:
    encoded = EncodeShard(lambda: local, space, "float32")(read(tmp_path))
    place = encoded.schema.get_field_index(SHARD)
    mixed = encoded.set_column(place, SHARD, pa.array([6, 6, 6, 6, 7], pa.int64()))
    with pytest.raises(RuntimeError, match="another size"):
        WriteShard(work)(mixed)


def given(folder: Path, vectors: dict[str, np.ndarray]) -> str:
    file = folder / "given.npy"
    np.save(file, np.stack(list(vectors.values())))
    file.with_suffix(".ids.txt").write_text("\n".join(vectors), "utf-8")
    return str(file)


def test_given_vectors_are_found_by_id_and_what_cannot_be_used_is_rejected(
    tmp_path: Path, space: Space, work: Part
) -> None:
    vectors_ND = unit_vectors(5, 32, seed=3)
    vectors_ND[2], vectors_ND[3, 5] = 0, np.nan
    known = dict(zip(["d4", "d1", "d2", "d3", "elsewhere"], vectors_ND, strict=True))
    look_up = LookUpShard(given(tmp_path, known), space, "float32")
    (row,) = WriteShard(work)(look_up(read(tmp_path))).to_pylist()
    assert (row["vectors"], row["rejected"], row["encoder"]) == (2, 3, "given")
    vectors = shard_vectors(work, 6)
    assert vectors["id"].to_pylist() == ["d1", "d4"]
    assert np.array_equal(vectors_of(vectors), vectors_ND[[1, 0]])
    (rejected,) = rejected_rows(work)
    assert dict(zip(rejected["id"].to_pylist(), rejected[REASON].to_pylist(), strict=True)) == {
        "q1": "there is no vector of this id",
        "d2": "the vector is zero",
        "d3": "the vector is not finite",
    }


def test_what_float16_cannot_hold_is_rejected_and_large_vectors_are_kept(
    tmp_path: Path, space: Space
) -> None:
    vectors_ND = unit_vectors(5, 32, seed=3) * np.float32(4)
    vectors_ND[1, 0], vectors_ND[2], vectors_ND[3, 0] = 1e6, 1e-12, 60_000
    known = dict(zip(["q1", "d1", "d2", "d3", "d4"], vectors_ND, strict=True))
    encoded = LookUpShard(given(tmp_path, known), space, "float16")(read(tmp_path))
    assert encoded[REASON].to_pylist() == [
        None, "the vector is not finite", "the vector is zero", None, None,
    ]  # fmt: skip
    kept = [0, 3, 4]
    assert np.array_equal(vectors_of(encoded)[kept], vectors_ND[kept].astype(np.float16))


def test_texts_that_an_endpoint_rejects_are_rejected_whatever_their_kind(tmp_path: Path) -> None:
    rows = [
        {"id": f"{kind}{i}", "text": f"{'SICK' if i == 7 else 'text'} {i}", "kind": kind}
        for i in range(20)
        for kind in (QUERY, DOCUMENT)
    ]
    with FaultyEndpoint(sick={"SICK": "424"}, message="too long") as endpoint:
        spec = EndpointSpec(url=endpoint.url, model="m", backoff=Backoff(base_seconds=0.001))
        encoded = EncodeShard(spec.load, describe_endpoint(spec, max_length=None), "float32")(
            read(tmp_path, rows=rows)
        )
        requests = endpoint.requests
    reasons = dict(zip(encoded["id"].to_pylist(), encoded[REASON].to_pylist(), strict=True))
    rejected = {row: reason for row, reason in reasons.items() if reason is not None}
    assert rejected.keys() == {"query7", "document7"}
    assert all("/v1/embeddings answered 424: too long 424" in said for said in rejected.values())
    well = [row for row, reason in enumerate(encoded[REASON].to_pylist()) if reason is None]
    texts = [encoded["text"][row].as_py() for row in well]
    assert np.array_equal(vectors_of(encoded)[well], endpoint_vectors_of(texts))
    # Two encoders are made known to one another, and each kind has a text that is looked for.
    assert requests <= 2 * 3 + 2 * 40
