"""A collection whose queries are documents themselves, as ArguAna's are."""

import json
from collections.abc import Iterable
from pathlib import Path

ABOUT = ("trams", "parks", "tolls", "fees", "zoos", "taxes", "ports", "exams", "pubs", "canals")
SAYS = ("ought to be free", "ought to be fair", "ought to be far")


def write_own_documents(folder: Path) -> str:
    """Write a BEIR folder: three arguments on each of ten topics; two of them ask for the others.

    The last of each has a title. Two of the 20 queries differ from their documents: by white space,
    and by all of the text. One more query is no document. One judgment names the query's own
    document.
    """
    (folder / "qrels").mkdir(parents=True)
    texts = {f"{about}-{n}": f"{about} {says}" for about in ABOUT for n, says in enumerate(SAYS)}
    documents = [
        {"_id": key, "title": "No" if key.endswith("-2") else "", "text": text}
        for key, text in texts.items()
    ]
    asked = {key: text for key, text in texts.items() if not key.endswith("-0")}
    queries = {
        **asked,
        "parks-1": asked["parks-1"].replace(" ", "  "),
        "tolls-1": "who pays for roads?",
        "new": "what do trams cost",
    }
    judgments = [
        (query, f"{query.partition('-')[0]}-{n}", 1 + n)
        for query in asked
        for n in range(3)
        if query != f"{query.partition('-')[0]}-{n}"
    ]
    judgments += [("new", "trams-0", 1), ("zoos-2", "zoos-2", 1)]
    _write(folder / "corpus.jsonl", map(json.dumps, documents))
    asked_rows = ({"_id": key, "text": text} for key, text in queries.items())
    _write(folder / "queries.jsonl", map(json.dumps, asked_rows))
    rows = (f"{query}\t{document}\t{grade}" for query, document, grade in judgments)
    _write(folder / "qrels" / "test.tsv", ["query-id\tcorpus-id\tscore", *rows])
    return str(folder)


def _write(file: Path, lines: Iterable[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
