"""What Ray Data maps over shards of texts: read, encode, write. A test calls them without Ray.

A shard is one row group of the texts part, and one file when it is done. All copies of a text are
in one shard, unless they are too many for one.

Shapes: N = rows of a shard, U = its different texts, D = dimensions.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import VECTOR, with_vectors
from leaf_ray.encoders.isolate import PATIENCE, Isolated, encode_or_isolate, unusable
from leaf_ray.encoders.prepare import IDS, TRUNCATED, num_tokens
from leaf_ray.encoders.protocol import EncodedBatch, Encoder
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.errors import TextsRejected
from leaf_ray.models.resolve import cache_folder
from leaf_ray.runs import Part
from leaf_ray.runs.shards import ShardStats, write_shard
from leaf_ray.sources.precomputed.vectors import PrecomputedVectors

# Columns that only the pipeline sees: which shard a row is of, how many rows that has, what encoded
# it, and why by other than the usual backend. No metadata has such a name.
SHARD, SHARD_ROWS = "leaf_ray.shard", "leaf_ray.shard_rows"
ENCODER, ENCODER_NOTE = "leaf_ray.encoder", "leaf_ray.encoder_note"
REASON = "reason"
VectorsOf = TypeVar("VectorsOf", Encoder, PrecomputedVectors)
Prepare = Callable[[pa.Table], pa.Table]


class ReadShard:
    """One row of (shard, path, row_group) in, that shard's texts out, prepared for the teacher."""

    def __init__(self, filesystem: pafs.FileSystem, prepare: Prepare | None) -> None:
        self.filesystem = filesystem
        self.prepare = prepare

    def __call__(self, planned: pa.Table) -> pa.Table:
        """Read, and tokenise where the teacher is a local model."""
        (row,) = planned.to_pylist()
        with self.filesystem.open_input_file(row["path"]) as source:
            texts = pq.ParquetFile(source).read_row_group(row["row_group"])
        if self.prepare is not None:
            texts = self.prepare(texts)
        for name, value in ((SHARD, row["shard"]), (SHARD_ROWS, len(texts))):
            texts = texts.append_column(name, pa.array([value] * len(texts), pa.int64()))
        return texts


class _OverShards(ABC, Generic[VectorsOf]):
    """What has its source of vectors loaded for the first shard, once for all threads.

    Not in the constructor: of what fails while it makes an actor, Ray keeps the text only.

    ticker: told what was done, if there is one.
    """

    def __init__(self, space: Space, dtype: str, ticker: Any = None) -> None:
        self.space = space
        self.dtype = dtype
        self.ticker = ticker
        self._loading = Lock()
        self._source: VectorsOf | None = None

    @property
    def source(self) -> VectorsOf:
        """The source, loaded by whoever asks first."""
        with self._loading:
            if self._source is None:
                self._source = self._load()
            return self._source

    @abstractmethod
    def _load(self) -> VectorsOf: ...


class EncodeShard(_OverShards[Encoder]):
    """A shard of texts in; out comes the same with VECTOR, and with REASON where that failed."""

    def __init__(
        self, load: Callable[[], Encoder], space: Space, dtype: str, ticker: Any = None
    ) -> None:
        super().__init__(space, dtype, ticker)
        self.patience = PATIENCE
        self.load = load

    def _load(self) -> Encoder:
        encoder = self.load()
        self.space.probe.check(encoder, name=f"the teacher on {encoder.name}")
        return encoder

    def __call__(self, shard: pa.Table) -> pa.Table:
        """Encode each different text once."""
        first_U, copy_N = different_texts(shard)
        isolated = self._encode(shard.take(pa.array(first_U)))
        tick(self.ticker, rows=len(shard) - len(first_U))
        vectors_UD, reasons = stored(isolated.vectors_ND, isolated.reasons, dtype=self.dtype)
        return encoded_shard(
            shard,
            vectors_UD[copy_N],
            [reasons.get(int(u)) for u in copy_N],
            space=self.space,
            encoder=self.source.name,
            note=self.source.note if isinstance(self.source, SentenceEncoder) else "",
        )

    def _encode(self, texts: pa.Table) -> Isolated:
        if IDS in texts.column_names and isinstance(self.source, SentenceEncoder):
            flat, offsets = _flat(texts[IDS])
            ids = [flat[offsets[i] : offsets[i + 1]] for i in range(len(texts))]
            return encode_or_isolate(
                self._ids, ids, dimension=self.space.dimension, patience=self.patience
            )
        rows = list(zip(texts["text"].to_pylist(), texts["kind"].to_pylist(), strict=True))
        return encode_or_isolate(
            self._texts, rows, dimension=self.space.dimension, patience=self.patience
        )

    def _ids(self, ids: Sequence[np.ndarray]) -> Iterator[EncodedBatch]:
        encoder = self.source
        assert isinstance(encoder, SentenceEncoder)
        for rows, vectors_BD in encoder.batches_of_ids(ids):
            lengths = [len(ids[i]) for i in rows]
            tick(
                self.ticker,
                rows=_num_usable(vectors_BD),
                tokens=sum(lengths),
                padded=len(rows) * max(lengths),
            )
            yield rows, vectors_BD

    def _texts(self, rows: Sequence[tuple[str, str]]) -> Iterator[EncodedBatch]:
        kinds = np.array([kind for _, kind in rows])
        rejected: dict[int, str] = {}
        for kind in np.unique(kinds):
            places = np.flatnonzero(kinds == kind)
            texts = [rows[int(i)][0] for i in places]
            try:
                for found, vectors_BD in self.source.batches(texts, kind=str(kind)):
                    tick(self.ticker, rows=_num_usable(vectors_BD))
                    yield places[found], vectors_BD
            except TextsRejected as error:
                rejected.update((int(places[row]), why) for row, why in error.reasons.items())
        if rejected:
            raise TextsRejected.of(rejected)


def _num_usable(vectors_BD: np.ndarray) -> int:
    """Texts that are done: the others are tried again alone."""
    return len(vectors_BD) - len(unusable(vectors_BD, {}))


class LookUpShard(_OverShards[PrecomputedVectors]):
    """The same for a teacher whose vectors exist already: they are found by id."""

    def __init__(self, path: str, space: Space, dtype: str, ticker: Any = None) -> None:
        super().__init__(space, dtype, ticker)
        self.path = path

    def _load(self) -> PrecomputedVectors:
        return PrecomputedVectors.open(self.path, scratch=cache_folder())

    def __call__(self, shard: pa.Table) -> pa.Table:
        """Find the vector of each row."""
        vectors_ND, found_N = self.source.lookup(shard["id"].to_pylist(), shard["kind"].to_pylist())
        unknown = {int(row): "there is no vector of this id" for row in np.flatnonzero(~found_N)}
        vectors_ND, reasons = stored(vectors_ND, unknown, dtype=self.dtype)
        tick(self.ticker, rows=len(shard))
        return encoded_shard(
            shard,
            vectors_ND,
            [reasons.get(row) for row in range(len(shard))],
            space=self.space,
            encoder="given",
        )


def stored(
    vectors_ND: np.ndarray, reasons: Mapping[int, str], *, dtype: str
) -> tuple[np.ndarray, dict[int, str]]:
    """Vectors in the type that they are stored in, and why some of them cannot be used in it.

    reasons: those that are known, by position.
    """
    with np.errstate(over="ignore"):
        vectors_ND = vectors_ND.astype(dtype)
    return vectors_ND, {**reasons, **unusable(vectors_ND, reasons)}


def encoded_shard(
    shard: pa.Table,
    vectors_ND: np.ndarray,
    reasons: Sequence[str | None],
    *,
    space: Space,
    encoder: str,
    note: str = "",
) -> pa.Table:
    """A shard as the encoders hand it on: its rows, VECTOR, REASON (null where all is well).

    note: why it is not the usual encoder; empty where it is.
    """
    why = pa.array(reasons, pa.string())
    encoded = with_vectors(shard, vectors_ND, space).append_column(REASON, why)
    for name, value in ((ENCODER, encoder), (ENCODER_NOTE, note)):
        encoded = encoded.append_column(name, pa.array([value] * len(shard), pa.string()))
    return encoded


def tick(ticker: Any, **amounts: int) -> None:
    """Tell the driver what was done, if anybody listens."""
    if ticker is not None:
        ticker.add.remote(amounts)


class WriteShard:
    """An encoded shard in; it is written as files, and one row of counts comes out."""

    def __init__(self, work: Part) -> None:
        self.work = work

    def __call__(self, encoded: pa.Table) -> pa.Table:
        """Write vectors and rejected texts of one shard."""
        number, wanted = (encoded[name][0].as_py() for name in (SHARD, SHARD_ROWS))
        if len(encoded) != wanted or len(encoded[SHARD].unique()) != 1:
            raise RuntimeError(f"shard {number} has {wanted} rows and came in another size")
        first_U, _ = different_texts(encoded)
        vectors, rejected = divided(encoded)
        tokens_U = num_tokens(encoded)[first_U] if IDS in encoded.column_names else np.zeros(0)
        stats = ShardStats(
            shard=number,
            rows=len(encoded),
            vectors=len(vectors),
            rejected=len(rejected),
            encoded=len(first_U),
            tokens=int(tokens_U.sum()),
            truncated=_count(encoded, TRUNCATED),
            encoder=encoded[ENCODER][0].as_py(),
            encoder_note=encoded[ENCODER_NOTE][0].as_py(),
        )
        write_shard(self.work, vectors, rejected, stats)
        return pa.table({name: [value] for name, value in stats.to_json().items()})


def divided(encoded: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows that have a vector, without REASON, and those that have none, without VECTOR."""
    own = {SHARD, SHARD_ROWS, IDS, TRUNCATED, ENCODER, ENCODER_NOTE}
    rows = encoded.drop_columns([name for name in encoded.column_names if name in own])
    failed = pc.is_valid(rows[REASON])
    return (
        rows.filter(pc.invert(failed)).drop_columns([REASON]),
        rows.filter(failed).drop_columns([VECTOR]),
    )


def different_texts(shard: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Rows [U] of the first of each (kind, text), and which of them each row is [N]."""
    texts = shard["text"].combine_chunks().dictionary_encode().indices.to_numpy()
    kinds = shard["kind"].combine_chunks().dictionary_encode().indices.to_numpy()
    keys = texts.astype(np.int64) * 2 + kinds
    _, first_U, copy_N = np.unique(keys, return_index=True, return_inverse=True)
    return first_U, copy_N


def _flat(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Values and offsets of a list column, without a copy."""
    lists = column.combine_chunks()
    return lists.values.to_numpy(zero_copy_only=False), lists.offsets.to_numpy()


def _count(table: pa.Table, name: str) -> int:
    return int(pc.sum(table[name]).as_py() or 0) if name in table.column_names else 0
