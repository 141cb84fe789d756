"""The class behind `tasks.beir_task`, in a module of its own since it inherits from mteb's."""

from typing import Any

from datasets import Dataset
from mteb import TaskMetadata
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData

from leaf_ray.mteb.collection import BeirCollection

SUBSET, SPLIT = "default", "test"


class BeirTask(AbsTaskRetrieval):  # type: ignore[misc]
    """Retrieval over a collection that is in memory."""

    data_loaded: bool

    def __init__(self, collection: BeirCollection, *, language: str) -> None:
        self._collection = collection
        self.ignore_identical_ids = collection.leaves_out_own
        self._metadata = TaskMetadata(
            # mteb takes a cached result for that of any task of the same name, whatever its data.
            name=f"{collection.name}-{collection.fingerprint[:8]}",
            description=f"The collection {collection.name}, read from a folder.",
            type="Retrieval",
            category="t2t",
            dataset={"path": collection.name, "revision": collection.fingerprint},
            eval_splits=[SPLIT],
            eval_langs=[language],
            main_score="ndcg_at_10",
        )
        super().__init__()

    # A property, since `unload_data` removes an attribute of the instance.
    @property
    def metadata(self) -> TaskMetadata:
        """What mteb is told of the collection."""
        return self._metadata

    def load_data(self, *_: Any, **__: Any) -> None:
        """Put the collection in mteb's form; mteb calls it again after each `unload_data`."""
        if self.data_loaded:
            return
        split = RetrievalSplitData(
            corpus=_rows(self._collection.documents),
            queries=_rows(self._collection.queries),
            # Copies: mteb takes things out of what it is given.
            relevant_docs={key: dict(of) for key, of in self._collection.judgments.items()},
            top_ranked=None,
        )
        self.dataset = {SUBSET: {SPLIT: split}}
        self.data_loaded = True


def _rows(texts: Any) -> Dataset:
    return Dataset.from_dict({"id": list(texts), "text": list(texts.values())})
