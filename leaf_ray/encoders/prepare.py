"""What is done to a shard of texts before the teacher reads it: windows, token ids, counts."""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.text.texts import DOCUMENT, ID_FIELD, QUERY, TEXT_FIELD
from leaf_ray.core.text.windows import BEGIN, END, PARENT
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import resolve_model

# Columns that only the encoder sees; no metadata has such a name.
IDS, TRUNCATED = "leaf_ray.token_ids", "leaf_ray.truncated"

_WINDOW_ID = re.compile(r"#\d+$")


@dataclass(frozen=True, slots=True)
class Tokenise:
    """Adds IDS (list<int32>) and TRUNCATED (bool) as the model's own tokenizer gives them.

    model: a folder, or a model id, which each machine resolves for itself.
    trust_remote_code: run code that comes with the model's tokenizer.
    overlap: tokens that windows of a long document share; None truncates instead.
    """

    model: str
    max_length: int
    prompts: tuple[str, str]
    overlap: int | None = None
    trust_remote_code: bool = False

    def __call__(self, shard: pa.Table) -> pa.Table:
        """-> the shard's rows, or more of them where documents are put into windows."""
        tokenizer = _tokenizer(
            self.model, self.max_length, trust_remote_code=self.trust_remote_code
        )
        if self.overlap is not None:
            shard = _in_windows(shard, tokenizer, prompt=self.prompts[1], overlap=self.overlap)
        ids: list[list[int]] = [[]] * len(shard)
        truncated = np.zeros(len(shard), dtype=bool)
        kinds, texts = shard["kind"].to_numpy(), shard["text"].to_pylist()
        for kind, prompt in zip((QUERY, DOCUMENT), self.prompts, strict=True):
            rows = np.flatnonzero(kinds == kind)
            found, cut = tokenizer.with_truncated([texts[i] for i in rows], prompt=prompt)
            truncated[rows] = cut
            for row, tokens in zip(rows, found, strict=True):
                ids[row] = tokens
        return shard.append_column(IDS, pa.array(ids, pa.list_(pa.int32()))).append_column(
            TRUNCATED, pa.array(truncated)
        )


@lru_cache(maxsize=2)
def _tokenizer(model: str, max_length: int, *, trust_remote_code: bool) -> Tokenizer:
    """One for all shards of a process: reading its file takes as long as a shard of queries."""
    folder = ModelFolder.read(resolve_model(model, trust_remote_code=trust_remote_code))
    return Tokenizer(folder, max_length=max_length, trust_remote_code=trust_remote_code)


def _in_windows(shard: pa.Table, tokenizer: Tokenizer, *, prompt: str, overlap: int) -> pa.Table:
    """Documents as rows of windows, named ID#0, ID#1, ...; whole ones and queries as they are."""
    rows: list[int] = []
    ids: list[str] = []
    pieces: list[str] = []
    ranges: list[tuple[int, int]] = []
    columns = (shard[name].to_pylist() for name in ("id", "kind", "text"))
    for row, (text_id, kind, text) in enumerate(zip(*columns, strict=True)):
        windows = [(0, len(text))]
        if kind == DOCUMENT:
            _refuse_window_id(text_id)
            windows = _windows(tokenizer, text, prompt=prompt, overlap=overlap)
        rows.extend([row] * len(windows))
        ranges.extend(windows)
        pieces.extend(text[begin:end] for begin, end in windows)
        ids.extend(
            [text_id] if len(windows) == 1 else (f"{text_id}#{n}" for n in range(len(windows)))
        )
    # Whole texts are not taken along: a long one would be copied once for each of its windows.
    windowed = shard.drop_columns(["text"]).take(pa.array(rows, pa.int64()))
    parents = windowed["id"]
    place = windowed.schema.get_field_index("id")
    windowed = windowed.set_column(place, ID_FIELD, pa.array(ids, pa.string()))
    windowed = windowed.add_column(place + 1, TEXT_FIELD, pa.array(pieces, pa.string()))
    windowed = windowed.append_column(PARENT, parents)
    for name, side in ((BEGIN, 0), (END, 1)):
        windowed = windowed.append_column(name, pa.array([r[side] for r in ranges], pa.int64()))
    return windowed


def _windows(
    tokenizer: Tokenizer, text: str, *, prompt: str, overlap: int
) -> list[tuple[int, int]]:
    try:
        return tokenizer.windows(text, prompt=prompt, overlap=overlap)
    except ValueError as error:
        raise ConfigError(
            f"embed.window_overlap: {error}; lower it, or raise space.max_length"
        ) from error


def _refuse_window_id(text_id: str) -> None:
    if _WINDOW_ID.search(text_id):
        raise InputError(
            f"the document {text_id!r} has an id of the form that windows get: with "
            "embed.long_texts=window no id may end in # and a number; name another column in "
            "texts.columns.id, or leave the ids out"
        )


def num_tokens(shard: pa.Table) -> np.ndarray:
    """Token counts [N] int64 of a tokenised shard."""
    lengths: np.ndarray = pc.list_value_length(shard[IDS]).to_numpy().astype(np.int64)
    return lengths
