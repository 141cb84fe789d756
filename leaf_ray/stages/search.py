"""search: the leaf and the table in this process, with no service in between."""

from leaf_ray.config import RunConfig
from leaf_ray.core.space import require_same_space
from leaf_ray.core.texts import QUERY
from leaf_ray.encoders.leaf_folder import leaf_probe, leaf_space
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.resolve import cache_folder
from leaf_ray.run import Run
from leaf_ray.run.folder import MODEL_FOLDER
from leaf_ray.store.table import DocumentTable, Hit, SearchMode


class Searcher:
    """Searches a finished run's documents by its leaf. Opening takes seconds, a search not."""

    def __init__(self, config: RunConfig) -> None:
        """Open the leaf and the table.

        Raises:
            MissingStage: one of the two is not finished.
            SpaceMismatch: they belong to different spaces.
        """
        run = Run.open(config.root)
        manifest = run.leaf.require(command="leaf distill FILE")
        run.index.require(command="leaf index FILE")
        leaf = run.leaf.fetch(MODEL_FOLDER, cache_folder() / "leaves" / manifest.id)
        self.table = DocumentTable(run.index.uri, config.index.table)
        require_same_space(
            leaf_space(leaf), self.table.space, our_name=str(leaf), their_name=self.table.name
        )
        self.encoder = EncoderSpec(folder=str(leaf)).load()
        leaf_probe(leaf).check(self.encoder, name=f"the leaf {leaf}")

    def search(self, query: str, *, k: int = 10, mode: SearchMode = "vector") -> list[Hit]:
        """The k best documents, best first."""
        vector_D = None if mode == "text" else self.encoder.encode([query], kind=QUERY)[0]
        return self.table.search(k=k, mode=mode, text=query, vector_D=vector_D)
