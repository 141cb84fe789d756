"""BEIR folders as retrieval tasks of mteb, and mteb's own retrieval tasks as BEIR folders."""

import difflib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from leaf_ray.errors import ConfigError
from leaf_ray.models.resolve import cache_folder
from leaf_ray.mteb.collection import FORM, read_collection
from leaf_ray.mteb.library import import_mteb

LOCAL_WAY = f"without a hub, name a local folder instead: {FORM}"


def task_folder(name: str) -> Path:
    """The BEIR folder of a retrieval task, in the cache folder; fetched and written at first use.

    It holds the task's test split, or its first one where none is called that. A folder appears
    whole or not at all, and there is one for each revision of the task's data.

    name: as mteb spells it, such as NFCorpus, and no folder's; of a task with several subsets, such
        as languages, with one of them: BelebeleRetrieval:eng_Latn-eng_Latn.

    Raises:
        ConfigError: mteb is not installed, has no such task or subset (the nearest are named), the
            task is not one of text retrieval, or its data cannot be had.
    """
    name, _, wanted = name.partition(":")
    task = _task(name, wanted)
    subset, split = task.hf_subsets[0], _split(task.eval_splits)
    revision = str(task.metadata.dataset["revision"])[:12]
    names = [name, *([subset] if len(task.metadata.hf_subsets) > 1 else []), revision]
    folder = cache_folder() / "mteb" / "-".join(names)
    if not folder.is_dir():
        write_beir(_loaded(task, subset, split), folder)
    return folder


def beir_task(folder: str, *, language: str = "und-Zyyy") -> Any:
    """An AbsTaskRetrieval of mteb over a BEIR folder, for `mteb.evaluate(model, tasks=[task])`.

    The folder is read now. Where its queries are documents themselves, the document of a query's
    own id is left out of its ranking, as in `leaf evaluate` (mteb's `ignore_identical_ids`). The
    task is called after the folder and its contents, so that mteb, which caches results by name,
    does not take those of other contents for it.

    language: of the texts, as mteb writes it, such as eng-Latn; by default undetermined.

    Raises:
        ConfigError: mteb is not installed.
        InputError: as `read_collection` does.
    """
    import_mteb()
    # Imported here, since it inherits from a class of mteb's.
    from leaf_ray.mteb.beir_task import BeirTask

    return BeirTask(read_collection(folder), language=language)


def write_beir(collection: Mapping[str, Any], folder: Path) -> None:
    """Write mteb's RetrievalSplitData as a BEIR folder, which appears whole or not at all.

    Raises:
        ConfigError: it has a text that is no string, such as a conversation.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        (unfinished / "qrels").mkdir()
        _write_lines(unfinished / "corpus.jsonl", _documents(collection["corpus"]))
        _write_lines(unfinished / "queries.jsonl", _queries(collection["queries"]))
        _write_lines(unfinished / "qrels" / "test.tsv", _judgments(collection["relevant_docs"]))
        # mkdtemp's is closed to others.
        unfinished.chmod(0o777 & ~_umask())
        _appear(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _appear(unfinished: Path, folder: Path) -> None:
    try:
        unfinished.rename(folder)
    except OSError:
        # Another process was faster; its folder is as good.
        if not folder.is_dir():
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _task(name: str, wanted: str) -> Any:
    # Who meant a folder is told so first.
    no_folder = f"there is no folder {name}, and"
    try:
        mteb = import_mteb()
    except ConfigError as error:
        raise ConfigError(f"{no_folder} {error}") from error
    from mteb.get_tasks import TASK_LIST

    tasks = {task.metadata.name: task.metadata for task in TASK_LIST}
    if name not in tasks:
        raise ConfigError(
            f"{no_folder} mteb has no task {name!r}{_nearest(name, list(tasks))}; {LOCAL_WAY}"
        )
    metadata = tasks[name]
    if metadata.type != "Retrieval" or metadata.modalities != ["text"]:
        raise ConfigError(
            f"{name} is a task of {metadata.type} over {', '.join(metadata.modalities)}, but a "
            "collection is one of Retrieval over text; run it as it is, by mteb.evaluate with a "
            "model of leaf_ray.mteb.models"
        )
    subset = _one_subset(name, wanted, metadata.hf_subsets)
    return mteb.get_task(name, hf_subsets=[subset], eval_splits=[_split(metadata.eval_splits)])


def _one_subset(name: str, wanted: str, known: Sequence[str]) -> str:
    """The subset that is wanted, or the only one where none is."""
    if not wanted and len(known) == 1:
        return known[0]
    if not wanted:
        some = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        raise ConfigError(
            f"{name} has {len(known)} subsets ({some}): name one of them, such as {name}:{known[0]}"
        )
    if wanted not in known:
        raise ConfigError(f"{name} has no subset {wanted!r}{_nearest(wanted, known)}")
    return wanted


def _split(splits: Sequence[str]) -> str:
    return "test" if "test" in splits else splits[0]


def _nearest(name: str, known: Sequence[str]) -> str:
    spelled = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), list(spelled), n=3)
    return f": did you mean {' or '.join(spelled[match] for match in near)}?" if near else ""


def _loaded(task: Any, subset: str, split: str) -> Mapping[str, Any]:
    from datasets.exceptions import DatasetsError

    try:
        task.load_data()
        # Older tasks load another form.
        task.convert_v1_dataset_format_to_v2(num_proc=None)
        collection: Mapping[str, Any] = task.dataset[subset][split]
    except (OSError, ValueError, RuntimeError, httpx.HTTPError, DatasetsError) as error:
        raise ConfigError(
            f"the data of {task.metadata.name} cannot be had from the hub "
            f"({task.metadata.dataset['path']}: {type(error).__name__}: {error}); {LOCAL_WAY}"
        ) from error
    return collection


def _documents(corpus: Any) -> Iterator[str]:
    for row in corpus:
        title = row.get("title") or ""
        yield json.dumps({"_id": str(row["id"]), "title": _text(title), "text": _text(row["text"])})


def _queries(queries: Any) -> Iterator[str]:
    for row in queries:
        # Where mteb itself puts an instruction.
        parts = [_text(row["text"]), *([row["instruction"]] if row.get("instruction") else [])]
        yield json.dumps({"_id": str(row["id"]), "text": " ".join(parts)})


def _judgments(judgments: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield "query-id\tcorpus-id\tscore"
    for query, grades in judgments.items():
        for document, grade in grades.items():
            yield f"{query}\t{document}\t{grade}"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(
            f"a text of this task is {type(value).__name__}, such as a conversation, which a BEIR "
            "folder cannot hold; run it as it is, by mteb.evaluate with a model of "
            "leaf_ray.mteb.models"
        )
    return value


def _write_lines(file: Path, lines: Iterator[str]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)
