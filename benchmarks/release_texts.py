"""The texts of the leaf that is published: queries, and sentences of documents, by source.

    python benchmarks/release_texts.py FOLDER

writes FOLDER/texts.parquet (text, kind, source), which jobs/leaf_mpnet.yaml reads. The leaf is
there for queries, so documents come as the sentences that they consist of: of a query's length, so
that five times as many can be trained on in the same time as of whole documents.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.shared import shared
from leaf_ray.core.ids import hashes
from leaf_ray.core.texts import DOCUMENT, QUERY

NUM_SENTENCES = 80_000
SHORTEST, LONGEST = 25, 300
SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[A-Z0-9\"'(\[])")
# Machine text and markup, which nobody asks for.
LEFT_OUT = {"d-linux-kernel-docs", "d-eips", "d-rust-rfcs", "d-peps", "d-tldr", "d-manpages"}
# The only scientific prose among them.
WHOLE = "d-pubmedqa"


def queries() -> pa.Table:
    """All of them."""
    rows = pq.read_table(shared("texts/queries.parquet"), columns=["text", "source"])
    sources = rows["source"].cast(pa.string())
    return pa.table(
        {"text": rows["text"], "source": sources, "kind": pa.repeat(pa.scalar(QUERY), len(rows))}
    )


def sentences() -> pa.Table:
    """All of one source, and of the others as many as the square root of what each has."""
    rows = pq.read_table(shared("texts/documents.parquet"), columns=["text", "source"])
    texts: list[str] = []
    sources: list[str] = []
    for text, source in zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True):
        if source in LEFT_OUT:
            continue
        found = [s for s in SENTENCE_END.split(text) if SHORTEST <= len(s) <= LONGEST]
        texts += found
        sources += [source] * len(found)
    names, number_N = np.unique(sources, return_inverse=True)
    counts = np.bincount(number_N)
    # The smallest of exponentials / weight are such a sample (Efraimidis and Spirakis, 2006).
    chance_N = hashes(texts, purpose="sentences to train on") / 2.0**64
    key_N = -np.log1p(-chance_N) * np.sqrt(counts)[number_N]
    key_N[names[number_N] == WHOLE] = 0.0
    chosen = np.argsort(key_N)[:NUM_SENTENCES]
    taken = np.bincount(number_N[chosen], minlength=len(names))
    for name, number in zip(names, taken, strict=True):
        print(f"  {name}: {number:,}")
    return pa.table(
        {
            "text": [texts[i] for i in chosen],
            "source": [sources[i] for i in chosen],
            "kind": pa.repeat(pa.scalar(DOCUMENT), len(chosen)),
        }
    )


def write_release_texts(folder: Path) -> None:
    """Write `folder`/texts.parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.concat_tables([queries(), sentences()])
    pq.write_table(table, folder / "texts.parquet")
    print(f"{folder / 'texts.parquet'}: {len(table):,} texts")


if __name__ == "__main__":
    write_release_texts(Path(sys.argv[1]))
