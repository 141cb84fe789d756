"""The texts of the leaf that is published: queries, sentences of documents, and documents.

    python release/texts.py FOLDER

writes FOLDER/texts.parquet (text, kind, source), which jobs/leaf_mpnet.yaml reads. The leaf is
there for queries, so most of a document's text comes as its sentences, which are of a query's
length; whole documents (sources w-...) are for those who embed documents with the leaf as well.
Docstrings come from packages of the development environment that the quickstart does not ask about,
so that its figures are of texts that the leaf has not seen.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.shared import shared
from leaf_ray.core.text.ids import hashes
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.sources.docstrings.read import docstrings_of

NUM_SENTENCES, NUM_WHOLE = 400_000, 100_000
SHORTEST, LONGEST = 25, 300
# Characters of whole documents: more than a sentence.
SHORTEST_WHOLE, LONGEST_WHOLE = 200, 2_000
SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[A-Z0-9\"'(\[])")
# Machine text and markup, which nobody asks for.
LEFT_OUT = {"d-linux-kernel-docs", "d-eips", "d-rust-rfcs", "d-peps", "d-tldr", "d-manpages"}
# The only scientific prose among them.
WHOLE = "d-pubmedqa"
PACKAGES = (
    *("PIL", "aiohttp", "botocore", "click", "datasets", "dateutil", "docker", "fsspec", "http"),
    *("joblib", "lance", "mpmath", "mteb", "openai", "openvino", "polars", "requests", "scipy"),
    *("setuptools", "sklearn", "sympy", "tokenizers", "transformers", "typing", "unittest", "xml"),
)


def docstrings() -> pa.Table:
    """text, query: a docstring without its summary line, and that line where it is a query."""
    _, parts = docstrings_of(PACKAGES)
    return pa.concat_tables(part.table.select(["text", "query"]) for part in parts)


def queries(summaries: list[str | None]) -> pa.Table:
    """All of them, and summary lines of docstrings, each once."""
    rows = pq.read_table(shared("texts/queries.parquet"), columns=["text", "source"])
    lines = list(dict.fromkeys(line for line in summaries if line))
    texts = [*rows["text"].to_pylist(), *lines]
    sources = [*rows["source"].to_pylist(), *["q-docstrings"] * len(lines)]
    return _table(texts, sources, QUERY)


def _table(texts: list[str], sources: list[str], kind: str) -> pa.Table:
    return pa.table({"text": texts, "source": sources, "kind": [kind] * len(texts)})


def documents(docstring_texts: list[str]) -> Iterator[tuple[str, str]]:
    """Text and source of each."""
    rows = pq.read_table(shared("texts/documents.parquet"), columns=["text", "source"])
    for row in rows.to_pylist():
        if row["source"] not in LEFT_OUT:
            yield row["text"], row["source"]
    for text in docstring_texts:
        yield text, "d-docstrings"


def sentences(given: Sequence[tuple[str, str]]) -> pa.Table:
    """Sentences of documents."""
    texts: list[str] = []
    sources: list[str] = []
    for text, source in given:
        found = [s for s in SENTENCE_END.split(text) if SHORTEST <= len(s) <= LONGEST]
        texts += found
        sources += [source] * len(found)
    return _chosen(texts, sources, NUM_SENTENCES)


def whole(given: Sequence[tuple[str, str]]) -> pa.Table:
    """Documents as they are."""
    fitting = [pair for pair in given if SHORTEST_WHOLE <= len(pair[0]) <= LONGEST_WHOLE]
    texts, sources = (list(column) for column in zip(*fitting, strict=True))
    rows = _chosen(texts, sources, NUM_WHOLE)
    names = [f"w-{source.removeprefix('d-')}" for source in rows["source"].to_pylist()]
    return rows.set_column(1, "source", pa.array(names))


def _chosen(texts: list[str], sources: list[str], number: int) -> pa.Table:
    """All of one source, and of the others as many as the square root of what each has."""
    names, number_N = np.unique(sources, return_inverse=True)
    counts = np.bincount(number_N)
    # The smallest of exponentials / weight are such a sample (Efraimidis and Spirakis, 2006).
    chance_N = hashes(texts, purpose="sentences to train on") / 2.0**64
    key_N = -np.log1p(-chance_N) * np.sqrt(counts)[number_N]
    key_N[names[number_N] == WHOLE] = 0.0
    chosen = np.argsort(key_N)[:number]
    taken = np.bincount(number_N[chosen], minlength=len(names))
    for name, count in zip(names, taken, strict=True):
        print(f"  {name}: {count:,}")
    return _table([texts[i] for i in chosen], [sources[i] for i in chosen], DOCUMENT)


def write_release_texts(folder: Path) -> None:
    """Write `folder`/texts.parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = docstrings()
    given = list(documents(rows["text"].to_pylist()))
    table = pa.concat_tables([queries(rows["query"].to_pylist()), sentences(given), whole(given)])
    pq.write_table(table, folder / "texts.parquet")
    print(f"{folder / 'texts.parquet'}: {len(table):,} texts")


if __name__ == "__main__":
    write_release_texts(Path(sys.argv[1]))
