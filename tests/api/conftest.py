"""Both applications over a real encoder and a real table."""

import pytest
from fastapi import FastAPI

from leaf_ray.api.documents import documents_app
from leaf_ray.api.embedder import Embedder
from leaf_ray.api.queries import QueryService, queries_app
from leaf_ray.core.text.texts import QUERY
from leaf_ray.table.writer import WritableTable
from tests.examples.small_table import NAME, SmallTable


def embedder(small: SmallTable, kind: str) -> Embedder:
    return Embedder(small.encoder, small.space, name=f"the {kind} model", kind=kind)


@pytest.fixture
def queries(small: SmallTable, index_uri: str) -> FastAPI:
    return queries_app(QueryService(embedder(small, QUERY), WritableTable(index_uri, NAME)))


@pytest.fixture
def documents(small: SmallTable, index_uri: str) -> FastAPI:
    return documents_app(small.documents(index_uri))
