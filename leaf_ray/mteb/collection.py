"""A BEIR folder in memory, as mteb's tasks want it."""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa

from leaf_ray.core.evaluation.own_documents import own_documents
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError
from leaf_ray.sources.read import open_source

log = logging.getLogger(__name__)

FORM = "corpus.jsonl, queries.jsonl and qrels/test.tsv"


@dataclass(frozen=True, slots=True)
class BeirCollection:
    """Documents, queries that are judged, and the judgments.

    documents, queries: texts by id, with titles joined in front; empty ones are left out.
    judgments: grades by document id, by query id. A judged document that is not among the
        documents stays: it counts as not found, as trec_eval counts it.
    """

    name: str
    documents: Mapping[str, str]
    queries: Mapping[str, str]
    judgments: Mapping[str, Mapping[str, int]]

    @property
    def leaves_out_own(self) -> bool:
        """Whether queries are documents themselves, which are then left out of their rankings."""
        own_Q = own_documents(
            list(self.queries),
            list(self.queries.values()),
            list(self.documents),
            list(self.documents.values()),
            [self.judgments.get(query, {}) for query in self.queries],
        )
        return own_Q is not None

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: equal exactly when all but the name is equal."""
        digest = hashlib.sha256()
        if self.leaves_out_own:
            # Figures that mteb cached while the queries' own documents were found are others.
            digest.update(b"own documents are left out\n")
        for part in (self.documents, self.queries, self.judgments):
            for key in sorted(part):
                digest.update(json.dumps([key, part[key]], sort_keys=True).encode())
            digest.update(b"\n")
        return digest.hexdigest()[:16]


def read_collection(folder: str) -> BeirCollection:
    """Read a BEIR folder, local or at a URI, whole; its last name is the collection's.

    Raises:
        InputError: it is no such folder, has no judgments of a query with text, or one id has two
            texts; or as the reader of its files does, naming file and line.
    """
    source = open_source(folder)
    if source.qrels is None:
        raise InputError(f"{redacted(folder)} is no collection with judgments: put {FORM} into it")
    texts: dict[str, dict[str, str]] = {DOCUMENT: {}, QUERY: {}}
    for rows in source.rows:
        if rows.rejected:
            raise InputError(str(rows.rejected[0]))
        _add(texts, rows.table, owner=redacted(folder))
    judgments = _judgments(source.qrels, texts[QUERY], name=source.name)
    queries = {key: text for key, text in texts[QUERY].items() if key in judgments}
    name = PurePosixPath(redacted(folder).rstrip("/")).name
    return BeirCollection(name, texts[DOCUMENT], queries, judgments)


def _add(texts: Mapping[str, dict[str, str]], table: pa.Table, *, owner: str) -> None:
    columns = (table[name].to_pylist() for name in ("kind", "id", "text"))
    for kind, key, text in zip(*columns, strict=True):
        if texts[kind].setdefault(key, text) != text:
            raise InputError(
                f"{owner} holds two texts of the {kind} {key!r}; judgments cannot tell them "
                "apart: give each an id of its own"
            )


def _judgments(
    qrels: pa.Table, queries: Mapping[str, str], *, name: str
) -> dict[str, dict[str, int]]:
    judged: defaultdict[str, dict[str, int]] = defaultdict(dict)
    unknown = set()
    columns = (qrels[column].to_pylist() for column in ("query_id", "document_id", "relevance"))
    for query, document, grade in zip(*columns, strict=True):
        if query in queries:
            judged[query][document] = grade
        else:
            unknown.add(query)
    if unknown:
        log.warning("%s judges %d queries that are not there", name, len(unknown))
    if not judged:
        raise InputError(f"{name} judges none of the queries: use the same ids in both")
    return dict(judged)
