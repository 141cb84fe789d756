"""Training texts, made once by Ray Data: tokenised, split, and laid out to be mapped into memory.

Each piece of a source becomes one file of texts to train on and one of validation
texts. A training reads no text and asks no teacher.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import ray.data

from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import VECTOR, vectors_of
from leaf_ray.core.text.ids import hash_shares
from leaf_ray.core.text.texts import DOCUMENT, KINDS, QUERY
from leaf_ray.core.training.training_texts import write_training_texts
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.errors import InputError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.runs import Part
from leaf_ray.stages.distill.counts import Counts
from leaf_ray.stages.distill.sources import VectorSource

TRAIN_FILE, VALIDATION_FILE, COUNTS_FILE = (
    "train-{:05}.arrow",
    "validation-{:05}.arrow",
    "counts.json",
)
TRAIN_FILES, VALIDATION_FILES = "train-*.arrow", "validation-*.arrow"
# Changes with the form of the files.
LAYOUT = 4
# The purpose whose hash chooses validation texts. Another purpose would choose others.
VALIDATION_PURPOSE = "watch the training"
# Broken rows are named up to this many.
NAMED_ROWS = 5


def make_training_texts(
    sources: Sequence[VectorSource], into: Part, tokenise: "TokeniseAndSplit"
) -> Counts:
    """Write the files, unless all are there already, and count their texts.

    Raises:
        InputError: a text or a vector is missing, or a vector is not finite, or not of the space's
            dimension.
    """
    made = into.read(COUNTS_FILE)
    if made is not None:
        return Counts(**json.loads(made))
    pieces = [piece for source in sources for piece in source.pieces]
    planned = ray.data.from_items(
        [{"number": number, "piece": piece} for number, piece in enumerate(pieces)],
        override_num_blocks=max(1, len(pieces)),
    )
    # Otherwise an error of ours is not among the causes of what Ray raises.
    planned.context.raise_original_map_exception = True
    rows = planned.map(WritePiece(into, tokenise)).take_all()
    counts = Counts.total(Counts(**json.loads(row["counts"])) for row in rows)
    into.write(COUNTS_FILE, json.dumps(asdict(counts)).encode())
    return counts


class WritePiece:
    """A piece in; its two files are written, and its counts come out. Ray maps it."""

    def __init__(self, into: Part, tokenise: "TokeniseAndSplit") -> None:
        self.into = into
        self.tokenise = tokenise

    def __call__(self, row: dict[str, Any]) -> dict[str, str]:
        """Write the files of one piece."""
        train, validation_texts = self.tokenise(row["piece"].read())
        for name, table in ((TRAIN_FILE, train), (VALIDATION_FILE, validation_texts)):
            with (
                self.into.whole(name.format(row["number"])) as path,
                self.into.filesystem.open_output_stream(path) as sink,
            ):
                write_training_texts(table, sink)
        counts = Counts(*(_by_kind_and_source(table) for table in (train, validation_texts)))
        return {"counts": json.dumps(asdict(counts))}


class TokeniseAndSplit:
    """Rows with texts and vectors in; token ids to train on and to validate on come out.

    validation_share: share of the texts to validate on, chosen by hash of id.
    """

    def __init__(self, folder: ModelFolder, space: Space, *, validation_share: float) -> None:
        self.folder = folder
        self.space = space
        self.validation_share = validation_share

    def made_with(self) -> list[Any]:
        """All that decides what is made of given rows."""
        return [LAYOUT, self.space.fingerprint, self.folder.sha256(), self.validation_share]

    def __call__(self, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Lay out one piece.

        Raises:
            InputError: a text or a vector is missing, or a vector is not finite, or not of the
                space's dimension.
        """
        self._check(rows)
        shares = hash_shares(rows["id"].to_pylist(), purpose=VALIDATION_PURPOSE)
        is_validation = pa.array(shares < self.validation_share)
        train, validation_texts = (
            self._laid_out(rows.filter(m)) for m in (pc.invert(is_validation), is_validation)
        )
        return train, validation_texts

    def _check(self, rows: pa.Table) -> None:
        dimension = rows.schema.field(VECTOR).type.list_size
        if dimension != self.space.dimension:
            raise InputError(
                f"vectors to train on have {dimension} dimensions, but their space {self.space} "
                f"has {self.space.dimension}: make them again"
            )
        for name in ("text", VECTOR):
            _refuse(rows, pc.is_null(rows[name]).to_numpy(), f"have no {name}")
        is_finite = np.isfinite(vectors_of(rows)).all(axis=1)
        _refuse(rows, ~is_finite, "have a vector that is not finite")

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(self.folder, max_length=self.space.max_length)

    def _laid_out(self, rows: pa.Table) -> pa.Table:
        prompts = {QUERY: self.space.query_prompt, DOCUMENT: self.space.document_prompt}
        kinds = np.array(rows["kind"].to_pylist(), dtype=object)
        texts = rows["text"].to_pylist()
        ids: list[Any] = [None] * len(texts)
        for kind, prompt in prompts.items():
            places = np.flatnonzero(kinds == kind)
            tokens = self._tokenizer([texts[place] for place in places], prompt=prompt)
            for place, tokens_L in zip(places, tokens, strict=True):
                ids[place] = tokens_L
        return pa.table(
            {
                "ids": pa.array(ids, pa.list_(pa.int32())),
                VECTOR: rows[VECTOR],
                **{name: rows[name].cast(pa.string()) for name in ("id", "kind", "source")},
            }
        )

    def __getstate__(self) -> dict[str, Any]:
        # A tokenizer is built where it is used.
        return {k: v for k, v in self.__dict__.items() if k != "_tokenizer"}


def _refuse(rows: pa.Table, is_broken: npt.NDArray[np.bool_], fault: str) -> None:
    if is_broken.any():
        named = rows["id"].filter(pa.array(is_broken))[:NAMED_ROWS].to_pylist()
        raise InputError(
            f"{int(is_broken.sum())} texts to train on {fault}, such as "
            f"{', '.join(map(repr, named))}: make their vectors again, or leave them out"
        )


def _by_kind_and_source(rows: pa.Table) -> dict[str, dict[str, int]]:
    return {
        kind: {
            row["values"]: row["counts"]
            for row in pc.value_counts(rows.filter(pc.field("kind") == kind)["source"]).to_pylist()
        }
        for kind in KINDS
    }
