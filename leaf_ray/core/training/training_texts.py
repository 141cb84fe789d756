"""Training texts as token ids with the teacher's vectors, in files that are mapped into memory.

Workers of one machine share the pages, and what is not in use need not fit.
Shapes: N = texts, B = batch, L = tokens, D = dimensions.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from leaf_ray.core.encoding.padding import pad
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.sampler import RowNumbers


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """The columns of one file as views of it."""

    ids: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int64]
    vectors_ND: npt.NDArray[np.floating]
    batch: pa.RecordBatch

    @classmethod
    def open(cls, path: Path) -> "_File":
        batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        ids, vectors = batch.column("ids"), batch.column("vector")
        flat = vectors.flatten().to_numpy(zero_copy_only=True)
        return cls(
            ids.values.to_numpy(zero_copy_only=True),
            ids.offsets.to_numpy(zero_copy_only=True).astype(np.int64),
            flat.reshape(len(batch), vectors.type.list_size),
            batch,
        )

    def looked_up(self, column: str, values: Mapping[str, float]) -> npt.NDArray[np.float64]:
        """The value [N] for what each text has in the column; 1 where `values` has none."""
        # The few different strings are looked up, since there may be millions of texts.
        encoded = self.batch.column(column).dictionary_encode()
        of_string = np.array([values.get(name, 1.0) for name in encoded.dictionary.to_pylist()])
        looked_up: npt.NDArray[np.float64] = of_string[encoded.indices.to_numpy()]
        return looked_up


def write_training_texts(table: pa.Table, sink: str | pa.NativeFile) -> None:
    """Write one file, or stream, of `ids`, `vector`, `id`, `kind` and `source`, to be mapped."""
    (batch,) = table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], table.schema)]
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_batch(batch)


class TrainingTexts:
    """The texts of some files, numbered through."""

    def __init__(self, paths: Iterable[Path], *, pad_id: int) -> None:
        files = [_File.open(path) for path in paths]
        self._files = [file for file in files if len(file.batch)]
        self._starts = np.cumsum([0, *(len(file.batch) for file in self._files)])
        self.pad_id = pad_id

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def lengths_N(self) -> npt.NDArray[np.int64]:
        """Tokens of each text."""
        lengths = [np.diff(file.ends) for file in self._files]
        return np.concatenate([np.zeros(0, dtype=np.int64), *lengths])

    @property
    def is_query_N(self) -> npt.NDArray[np.bool_]:
        """Whether each text is a query."""
        is_query = [file.looked_up("kind", {DOCUMENT: 0.0}) > 0 for file in self._files]
        return np.concatenate([np.zeros(0, dtype=np.bool_), *is_query])

    def expected_N(
        self, *, of_kind: Mapping[str, float], of_source: Mapping[str, float]
    ) -> npt.NDArray[np.float64]:
        """How often each text comes in an epoch: its kind's weight times its source's, or 1."""
        weights = [
            file.looked_up("kind", of_kind) * file.looked_up("source", of_source)
            for file in self._files
        ]
        return np.concatenate([np.zeros(0), *weights])

    def name(self, row: int) -> str:
        """The id of a text."""
        ((file, _, (place,)),) = self._by_file(np.array([row]))
        name: str = file.batch.column("id")[int(place)].as_py()
        return name

    def _by_file(
        self, rows: RowNumbers
    ) -> Iterator[tuple[_File, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Each file that some rows are in, which of the rows those are, and where it has them."""
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(numbers):
            at = np.flatnonzero(numbers == number)
            yield self._files[number], at, rows[at] - self._starts[number]

    def vectors(self, rows: RowNumbers) -> npt.NDArray[np.float32]:
        """The teacher's vectors [B, D] of some rows."""
        dimension = self._files[0].vectors_ND.shape[1]
        vector_BD = np.empty((len(rows), dimension), dtype=np.float32)
        for file, at, places in self._by_file(rows):
            vector_BD[at] = file.vectors_ND[places]
        return vector_BD

    def take(self, rows: RowNumbers, *, length: int = 0) -> Batch:
        """The batch of these rows, padded to its longest text, or to a `length` beyond that."""
        ids: list[npt.NDArray[np.int32]] = [np.empty(0, dtype=np.int32)] * len(rows)
        for file, at, places in self._by_file(rows):
            starts, stops = file.ends[places], file.ends[places + 1]
            for row, start, stop in zip(at, starts, stops, strict=True):
                ids[row] = file.ids[start:stop]
        ids_BL, mask_BL = pad(ids, pad_id=self.pad_id, length=length)
        return Batch(
            torch.from_numpy(ids_BL),
            torch.from_numpy(mask_BL),
            torch.from_numpy(self.vectors(rows)),
            rows,
        )

    def by_length(self, rows: RowNumbers, *, batch_size: int, batch_tokens: int) -> Iterator[Batch]:
        """Batches of these rows, like lengths together.

        batch_size, batch_tokens: the most of a batch, padding included; a text is never cut.
        """
        lengths_N = self.lengths_N[rows]
        order = np.argsort(lengths_N, kind="stable")
        rows, lengths_N = rows[order], lengths_N[order]
        start = 0
        while start < len(rows):
            stop = min(start + batch_size, len(rows))
            while stop > start + 1 and lengths_N[stop - 1] * (stop - start) > batch_tokens:
                stop -= 1
            yield self.take(rows[start:stop])
            start = stop

    def sample(self, number: int, *, among: npt.NDArray[np.bool_] | None = None) -> RowNumbers:
        """Rows that are chosen at random, always the same: `number` or as many as there are."""
        rows = np.arange(len(self)) if among is None else np.flatnonzero(among)
        return np.random.default_rng(0).permutation(rows)[:number]
