"""What becomes of rows that are read as a run reads them: counted one by one."""

from collections import Counter
from dataclasses import dataclass, field

from leaf_ray.core.survey.query_plan import QueryPlan, plan_queries
from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.core.text.ids import content_id
from leaf_ray.core.text.queries import first_sentence, fold
from leaf_ray.core.text.texts import DOCUMENT

# Texts that lengths and scripts are told of.
KEPT_TEXTS = 2_000


@dataclass(slots=True)
class RowTally:
    """num_documents, num_queries: distinct rows of a kind. num_duplicates: rows that come again.

    num_clashes: rows whose id is that of another text, which a run rejects.
    documents, queries: the first texts of each kind. query_ids: those of rows of kind query.
    """

    num_documents: int = 0
    num_queries: int = 0
    num_duplicates: int = 0
    num_clashes: int = 0
    documents: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    query_ids: set[str] = field(default_factory=set)
    _contents: dict[tuple[str, str], str] = field(default_factory=dict)
    # By their texts without differences of case and white space.
    _stated: Counter[str] = field(default_factory=Counter)
    _given: Counter[str] = field(default_factory=Counter)
    _derived: Counter[str] = field(default_factory=Counter)

    def add(self, identifier: str, text: str, kind: str, query: str | None) -> None:
        """Take a row in the form of the contract; `query` is what it answers."""
        content = content_id(text, kind=kind)
        known = self._contents.setdefault((kind, identifier), "")
        if known:
            self.num_duplicates += known == content
            self.num_clashes += known != content
            return
        self._contents[kind, identifier] = content
        if kind == DOCUMENT:
            self._add_document(text, query)
        else:
            self._add_query(identifier, text)

    def _add_document(self, text: str, query: str | None) -> None:
        self.num_documents += 1
        if len(self.documents) < KEPT_TEXTS:
            self.documents.append(text)
        if query:
            self._given[fold(query)] += 1
        if sentence := first_sentence(text):
            self._derived[fold(sentence)] += 1

    def _add_query(self, identifier: str, text: str) -> None:
        self.num_queries += 1
        self.query_ids.add(identifier)
        self._stated[fold(text)] += 1
        if len(self.queries) < KEPT_TEXTS:
            self.queries.append(text)

    def plan(self, rows: RowCount) -> QueryPlan:
        """Return how many queries to test with where none is judged."""
        queries = self._stated + self._given
        pool = self._given or self._stated
        if queries:
            number = sum(1 for query in pool if queries[query] == 1)
            return plan_queries("given", number, rows, num_documents=self.num_documents)
        number = sum(1 for times in self._derived.values() if times == 1)
        return plan_queries("derived", number, rows, num_documents=self.num_documents)
