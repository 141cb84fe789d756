"""All that a look at a source and at its teacher found out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leaf_ray.core.survey.choice import Choice
from leaf_ray.core.survey.column import Column
from leaf_ray.core.survey.query_plan import QueryPlan
from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.core.survey.words import Lengths


@dataclass(frozen=True, slots=True)
class Tokens:
    """lengths: in tokens of the teacher. window: tokens that it reads. share_longer: of texts."""

    lengths: Lengths
    window: int
    share_longer: float


@dataclass(frozen=True, slots=True)
class Losses:
    """Rows that a run goes on without, of those that were read.

    reason: why the first is rejected; "" where none is.
    """

    num_empty: int = 0
    num_duplicates: int = 0
    num_rejected: int = 0
    num_clashes: int = 0
    reason: str = ""

    @property
    def num_lost(self) -> int:
        """Rows with a text that are lost."""
        return self.num_rejected + self.num_clashes


@dataclass(frozen=True, slots=True)
class Findings:
    """path: of the source, as a run file says it. form: in words, with its files.

    num_documents, num_queries: rows of each kind among those that were read.
    passed_over: columns that a run does not keep, and why.
    words, scripts: of documents, or of queries where there are none. tokens: None where the
    teacher is not on this machine. is_english: whether it is known to know English alone.
    """

    path: str
    form: str
    rows: RowCount
    columns: Sequence[Column]
    choice: Choice
    plan: QueryPlan
    words: Lengths
    scripts: Mapping[str, float]
    teacher: str
    num_documents: int
    num_queries: int
    tokens: Tokens | None = None
    is_english: bool = False
    losses: Losses = field(default_factory=Losses)
    passed_over: Mapping[str, str] = field(default_factory=dict)
    has_known_columns: bool = False

    @property
    def num_training_texts(self) -> int:
        """About how many texts a leaf is trained on: queries, and as many documents at most."""
        documents = self.rows.scaled(self.num_documents)
        if not self.plan.number and not self.plan.num_test_queries:
            return documents
        stated = self.rows.scaled(self.num_queries)
        queries = max(stated, self.plan.number) - (self.plan.num_test_queries or 0)
        if self.plan.form == "judged":
            queries = stated - self.plan.number
        return queries + min(documents, queries) if queries > 0 else documents
