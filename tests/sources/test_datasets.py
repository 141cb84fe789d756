"""Hugging Face's datasets: on the hub, and saved in a folder."""

import builtins
import json
from pathlib import Path
from typing import Any

import datasets
import httpx
import pytest

from leaf_ray.errors import InputError
from leaf_ray.sources.read import open_source
from tests.sources.corpora import read_corpus

ROWS = {"text": ["one", "two", "three"], "n": [1, 2, 3], "vector": [[0.5], [0.5], [0.5]]}


def texts_of(path: str) -> list[str]:
    texts: list[str] = read_corpus(path).texts["text"].to_pylist()
    return texts


def saved(folder: Path, *splits: str) -> str:
    dataset = datasets.Dataset.from_dict(ROWS)
    (datasets.DatasetDict(dict.fromkeys(splits, dataset)) if splits else dataset).save_to_disk(
        str(folder / "saved"), num_shards=dict.fromkeys(splits, 2) if splits else 2
    )
    return str(folder / "saved")


def test_a_saved_dataset_is_read_without_its_vectors(tmp_path: Path) -> None:
    texts = read_corpus(saved(tmp_path)).texts
    assert texts["text"].to_pylist() == ["one", "two", "three"]
    assert texts.column_names == ["id", "text", "kind", "n"]


def test_the_only_split_of_a_saved_dataset_needs_no_name(tmp_path: Path) -> None:
    assert texts_of(saved(tmp_path, "train")) == ["one", "two", "three"]


def test_one_of_several_splits_is_named_in_the_path(tmp_path: Path) -> None:
    path = saved(tmp_path, "train", "dev")
    assert texts_of(f"{path}?split=dev") == ["one", "two", "three"]
    with pytest.raises(InputError, match=r"splits \['train', 'dev'\] and no split is named; write"):
        read_corpus(path)
    with pytest.raises(InputError, match=r"there is no split 'test'; write .*\?split=train"):
        read_corpus(f"{path}?split=test")


def test_a_split_of_what_has_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"splits \[\] and there is no split 'dev'"):
        read_corpus(f"{saved(tmp_path)}?split=dev")
    (tmp_path / "a.txt").write_text("one\n")
    for path in (tmp_path, tmp_path / "a.txt"):
        with pytest.raises(InputError, match="nothing that `datasets` saved, so it has no split"):
            read_corpus(f"{path}?split=dev")


def test_a_truncated_saved_dataset_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    file = next(Path(path).glob("*.arrow"))
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(InputError, match=r"\.arrow cannot be read as Arrow: "):
        read_corpus(path)


def test_a_saved_dataset_of_which_not_all_rows_are_meant_is_refused(tmp_path: Path) -> None:
    dataset = datasets.Dataset.from_dict(ROWS).select([2, 0])
    dataset.save_to_disk(str(tmp_path / "saved"))
    assert texts_of(str(tmp_path / "saved")) == ["three", "one"]
    state = tmp_path / "saved" / "state.json"
    # As versions before 2.0 wrote it.
    content = json.loads(state.read_text()) | {"_indices_data_files": [{"filename": "i.arrow"}]}
    state.write_text(json.dumps(content))
    with pytest.raises(InputError, match="load it with `datasets` and save it again"):
        texts_of(str(tmp_path / "saved"))


class Hub:
    """Stands in for `datasets.load_dataset`."""

    def __init__(self, *splits: str) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._splits = splits

    def __call__(self, path: str, *, streaming: bool, **options: str) -> Any:
        assert streaming
        self.asked.append((path, options))
        dataset = datasets.Dataset.from_dict(ROWS).to_iterable_dataset()
        if "split" in options:
            return dataset
        return datasets.IterableDatasetDict(dict.fromkeys(self._splits, dataset))


def test_a_dataset_of_the_hub_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub("train")
    monkeypatch.setattr(datasets, "load_dataset", hub)
    assert texts_of("hf:some/texts") == ["one", "two", "three"]
    assert read_corpus("hf:some/texts").texts["n"].to_pylist() == [1, 2, 3]
    assert texts_of("hf:some/texts?name=en&split=dev") == ["one", "two", "three"]
    assert hub.asked[-1] == ("some/texts", {"name": "en", "split": "dev"})
    assert texts_of("hf:some/texts?split=train+dev[:10%25]") == ["one", "two", "three"]
    assert hub.asked[-1] == ("some/texts", {"split": "train+dev[:10%]"})


def test_one_of_several_splits_on_the_hub_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", Hub("train", "dev"))
    with pytest.raises(InputError, match=r"splits \['train', 'dev'\] .* hf:a/b\?split=train"):
        read_corpus("hf:a/b")


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionError("no route"),
        httpx.ConnectError("no route"),
        datasets.exceptions.DatasetNotFoundError("no route"),
        ValueError("no route"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_hub_that_does_not_answer_names_local_ways(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(InputError, match=r"hf:a/b cannot be read from the hub: no route; .* local"):
        read_corpus("hf:a/b")


@pytest.mark.parametrize("path", ["hf:", "hf:a/b?slice=train"])
def test_a_path_that_names_no_dataset_is_refused(path: str) -> None:
    with pytest.raises(InputError, match=r"is no dataset of the hub; hf:ORG/NAME\?name=CONFIG"):
        list(open_source(path).rows)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "datasets":
            raise ImportError(name)
        return honest(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'leaf-ray\[hf\]'"):
        read_corpus("hf:a/b")
