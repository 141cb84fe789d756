"""search: the leaf and the table in this process, with no service in between."""

from leaf_ray.config import RunConfig
from leaf_ray.core.text.texts import QUERY, normalised_query
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.leaf_folder import leaf_probe
from leaf_ray.stages.serve.served import open_finished
from leaf_ray.table.schema import Hit, SearchMode


class Searcher:
    """Searches a finished run's documents by its leaf. Opening takes seconds, a search not."""

    def __init__(self, config: RunConfig) -> None:
        """Open the leaf and the table.

        Raises:
            MissingStage: one of the two is not finished.
            SpaceMismatch: they belong to different spaces.
        """
        served = open_finished(config)
        self.table = served.table
        self.encoder = EncoderSpec(folder=str(served.leaf)).load()
        leaf_probe(served.leaf).check(self.encoder, name=f"the leaf {served.leaf}")

    def search(self, query: str, *, k: int = 10, mode: SearchMode = "vector") -> list[Hit]:
        """The k best documents, best first; the words of the query are never read as syntax.

        Raises:
            InputError: the query is empty or not valid Unicode, or k is not from 1 to 1,000.
        """
        text = normalised_query(query)
        vector_D = None if mode == "text" else self.encoder.encode([text], kind=QUERY)[0]
        return self.table.search(k=k, mode=mode, text=text, vector_D=vector_D)
