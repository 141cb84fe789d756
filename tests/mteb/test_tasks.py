"""mteb's own tasks as folders, with a hub and without one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mteb
import pytest

from leaf_ray.errors import ConfigError
from leaf_ray.mteb import tasks
from leaf_ray.mteb.collection import read_collection
from leaf_ray.mteb.tasks import beir_task, task_folder, write_beir

HUB_IS_CLOSED = """
from leaf_ray.errors import ConfigError
from leaf_ray.mteb.tasks import beir_task, task_folder
try:
    task_folder("NFCorpus")
except ConfigError as error:
    print(error)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def adi(shared_data: Path) -> Any:
    """The adi collection in mteb's form."""
    task = beir_task(str(shared_data / "beir" / "adi"))
    task.load_data()
    return task.dataset["default"]["test"]


def test_a_task_that_is_written_is_read_as_what_it_was(
    adi: Any, shared_data: Path, tmp_path: Path
) -> None:
    write_beir(adi, tmp_path / "deep" / "adi")
    original = read_collection(str(shared_data / "beir" / "adi"))
    assert read_collection(str(tmp_path / "deep" / "adi")).fingerprint == original.fingerprint


def test_a_folder_is_others_to_read_and_nothing_is_left_beside_it(adi: Any, tmp_path: Path) -> None:
    write_beir(adi, tmp_path / "out" / "adi")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["adi"]
    assert (tmp_path / "out" / "adi").stat().st_mode == (tmp_path / "out").stat().st_mode


def test_titles_instructions_and_splits_are_kept(tmp_path: Path) -> None:
    corpus = [
        {"id": "a", "title": "Title", "text": "text"},
        {"id": "b", "title": None, "text": "x"},
    ]
    queries = [{"id": "q", "text": "why", "instruction": "Be brief."}]
    split = {"corpus": corpus, "queries": queries, "relevant_docs": {"q": {"a": 2, "b": 0}}}
    write_beir(split, tmp_path / "x")
    collection = read_collection(str(tmp_path / "x"))
    assert collection.documents == {"a": "Title text", "b": "x"}
    assert collection.queries == {"q": "why Be brief."}
    assert collection.judgments == {"q": {"a": 2, "b": 0}}


def test_a_failure_leaves_no_folder_and_nothing_beside_it(adi: Any, tmp_path: Path) -> None:
    conversation = {**adi, "queries": [{"id": "q", "text": [{"role": "user", "content": "x"}]}]}
    with pytest.raises(ConfigError, match="conversation"):
        write_beir(conversation, tmp_path / "out" / "adi")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_another_process_wrote_meanwhile_is_kept(adi: Any, tmp_path: Path) -> None:
    (tmp_path / "out" / "adi").mkdir(parents=True)
    (tmp_path / "out" / "adi" / "theirs").touch()
    write_beir(adi, tmp_path / "out" / "adi")
    assert [path.name for path in (tmp_path / "out" / "adi").iterdir()] == ["theirs"]


def test_a_task_is_fetched_once(adi: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def loaded(task: Any, subset: str, split: str) -> Any:
        asked.append((task.metadata.name, subset, split))
        return adi

    monkeypatch.setattr(tasks, "_loaded", loaded)
    folder = task_folder("NFCorpus")
    revision = mteb.get_task("NFCorpus").metadata.revision
    assert folder == cache / "mteb" / f"NFCorpus-{revision[:12]}"
    assert task_folder("NFCorpus") == folder
    assert asked == [("NFCorpus", "default", "test")]
    other = task_folder("BelebeleRetrieval:eng_Latn-eng_Latn")
    assert other.name.startswith("BelebeleRetrieval-eng_Latn-eng_Latn-")
    assert asked[1:] == [("BelebeleRetrieval", "eng_Latn-eng_Latn", "test")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "scifact",
            "^there is no folder scifact, and mteb has no task 'scifact': did you mean Sci",
        ),
        ("NFCopus", r"no task 'NFCopus': did you mean .*NFCorpus.*corpus\.jsonl"),
        ("~~~~", "no task '~~~~'; without a hub, name a local folder instead"),
        ("STS12", "STS12 is a task of STS over text, but"),
        (
            "BelebeleRetrieval",
            r"subsets \(acm_Arab-acm_Arab, .*name one of them, such as BelebeleRetrieval:acm_Arab-",
        ),
        ("BelebeleRetrieval:eng_Latn-eng_Lat", "did you mean eng_Latn-eng_Latn or"),
        ("NFCorpus:en", "NFCorpus has no subset 'en'"),
    ],
)
def test_what_is_no_task_of_retrieval_is_refused_and_the_nearest_named(
    cache: Path, name: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        task_folder(name)
    assert not cache.exists()


def test_without_mteb_a_mistyped_folder_is_the_first_thing_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(ConfigError, match=r"^there is no folder scifakt, and .*pip install"):
        task_folder("scifakt")


def test_the_only_subset_may_be_named_too(
    adi: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_loaded", lambda task, subset, split: adi)
    assert task_folder("NFCorpus:default") == task_folder("NFCorpus")


@pytest.mark.slow
def test_without_a_hub_the_local_way_is_named(tmp_path: Path) -> None:
    # A hub that refuses connections, of a process of its own: the address is read at import.
    closed = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")}
    environment = {**os.environ, **closed, "LEAF_RAY_CACHE": str(tmp_path / "cache")}
    ended = subprocess.run(
        [sys.executable, "-c", HUB_IS_CLOSED],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.strip()
    assert said.startswith("the data of NFCorpus cannot be had from the hub (mteb/nfcorpus: ")
    assert said.endswith(
        "name a local folder instead: corpus.jsonl, queries.jsonl and qrels/test.tsv"
    )
    assert not (tmp_path / "cache").exists()
