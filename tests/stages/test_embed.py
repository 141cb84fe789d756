"""embed on real Ray: exact whatever is killed, refused or missing, and every row accounted for."""

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.schema import vectors_of
from leaf_ray.core.space import Space
from leaf_ray.core.texts import DOCUMENT, KINDS
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import EncodingError, EndpointError, SpaceMismatch
from leaf_ray.run import Manifest, Part, Run
from leaf_ray.run.chunks import finished_chunks
from leaf_ray.run.parts import read_space, texts_dataset, vectors_dataset, write_space
from leaf_ray.run.progress import Silent
from leaf_ray.stages import verbs
from leaf_ray.stages.cluster import Cluster
from leaf_ray.stages.embed import encoder_class, prepare, working_folder
from leaf_ray.stages.embed_chunk import EncodeChunk, ReadChunk, WriteChunk
from leaf_ray.stages.embed_pipeline import planned_chunks
from leaf_ray.stages.stage import Job
from leaf_ray.stages.teacher import describe_teacher
from tests.faulty_endpoint import Fault, FaultyEndpoint
from tests.faulty_endpoint import vectors_of as endpoint_vectors_of

pytestmark = pytest.mark.ray

ROWS_OF_A_CHUNK = 40
WORDS = ("library", "index", "query", "shelf", "catalogue", "term", "card", "reader")
Key = tuple[str, str]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """460 documents, of which 160 texts differ, two of them poison; and 30 queries."""
    rows: list[dict[str, Any]] = [
        {"id": f"d{i}", "text": f"{WORDS[i % 160 % 8]} {WORDS[i % 160 // 8 % 8]} {i % 160}"}
        for i in range(458)
    ]
    for row, query in zip(rows, range(30), strict=False):
        row["query"] = f"which {WORDS[query % 8]} is number {query}"
    rows += [{"id": f"p{i}", "text": "POISON in a bottle"} for i in range(2)]
    return written(tmp_path_factory.mktemp("source") / "texts.jsonl", rows)


def written(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return file


def with_texts(root: Path, source: Path, teacher: Path) -> Path:
    """A run folder with texts in it that are small chunks, as a large corpus has them."""
    config = a_config(root, source, space={"teacher": str(teacher)})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("leaf_ray.run.parts.chunk_rows", lambda _: ROWS_OF_A_CHUNK)
        verbs.texts(config)
    return root


def a_config(root: Path, source: Path, **sections: dict[str, Any]) -> RunConfig:
    return RunConfig.model_validate(
        {
            "root": str(root),
            "texts": {"path": str(source), "num_held_out": 5},
            "space": sections["space"],
            "embed": {"backend": "openvino-f32", **sections.get("embed", {})},
        }
    )


@pytest.fixture(scope="module")
def made_texts(source: Path, tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_texts(tmp_path_factory.mktemp("texts") / "run", source, tiny_teacher)


@pytest.fixture
def root(ray_local: None, made_texts: Path, tmp_path: Path) -> Path:
    """A run folder of the test's own whose texts are finished."""
    shutil.copytree(made_texts, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def local(root: Path, source: Path, tiny_teacher: Path) -> RunConfig:
    return a_config(root, source, space={"teacher": str(tiny_teacher), "max_length": 32})


def asking(
    endpoint: FaultyEndpoint, root: Path, source: Path, *, batch_texts: int = 4, **embed: Any
) -> RunConfig:
    asked = {"batch_texts": batch_texts, "concurrency": 4}
    space = {"teacher": "faulty", "endpoint": endpoint.url}
    return a_config(root, source, space=space, embed={"endpoint": asked, **embed})


def a_job(config: RunConfig) -> Job:
    run = Run.open(config.root)
    return Job(config, run, run.vectors, Silent(), Cluster())


def texts_of(config: RunConfig) -> dict[Key, str]:
    rows = texts_dataset(Run.open(config.root).texts).to_table().to_pylist()
    return {(row["kind"], row["id"]): row["text"] for row in rows}


def embedded(config: RunConfig) -> pa.Table:
    return vectors_dataset(Run.open(config.root).vectors).to_table()


def by_key(table: pa.Table) -> dict[Key, np.ndarray]:
    """The vectors of a table, in which no row may be twice."""
    keys = list(zip(table["kind"].to_pylist(), table["id"].to_pylist(), strict=True))
    found = dict(zip(keys, vectors_of(table), strict=True))
    assert len(found) == len(keys)
    return found


def rejected_in(folder: Path) -> dict[Key, str]:
    rows = [row for file in folder.glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    return {(row["kind"], row["id"]): row["reason"] for row in rows}


def direct(config: RunConfig, teacher: Path) -> dict[Key, np.ndarray]:
    """What the teacher gives where no Ray, chunk or copy is in the way."""
    encoder = EncoderSpec(
        folder=str(teacher), backend="openvino-f32", max_length=config.space.max_length, threads=1
    ).load()
    texts, vectors = texts_of(config), {}
    for kind in KINDS:
        keys = [key for key in texts if key[0] == kind]
        vectors_ND = encoder.encode([texts[key] for key in keys], kind=kind)
        vectors |= dict(zip(keys, vectors_ND, strict=True))
    return vectors


def of_endpoint(texts: dict[Key, str]) -> dict[Key, np.ndarray]:
    return dict(zip(texts, endpoint_vectors_of(list(texts.values())), strict=True))


def assert_same(found: dict[Key, np.ndarray], wanted: dict[Key, np.ndarray]) -> None:
    assert found.keys() == wanted.keys()
    for key, vector_D in wanted.items():
        np.testing.assert_allclose(found[key], vector_D, atol=2e-6)


def assert_reconciled(manifest: Manifest, config: RunConfig) -> None:
    """The counts are those of the files."""
    part = Path(config.root) / "vectors"
    assert manifest.counts["vectors"] == len(embedded(config))
    assert manifest.counts["rejected"] == len(rejected_in(part / "rejected"))
    rows = manifest.counts["texts"] + manifest.counts["windows"]
    assert rows == manifest.counts["vectors"] + manifest.counts["rejected"]


def no_work_left(config: RunConfig) -> bool:
    return not list((Path(config.root) / "embedding").rglob("*.parquet"))


def test_the_vectors_are_those_of_the_teacher_and_every_text_has_one(
    local: RunConfig, tiny_teacher: Path
) -> None:
    manifest = verbs.embed(local)
    assert_same(by_key(embedded(local)), direct(local, tiny_teacher))
    assert_reconciled(manifest, local)
    different = len({(kind, text) for (kind, _), text in texts_of(local).items()})
    assert manifest.counts["copies"] == manifest.counts["texts"] - different
    assert manifest.counts["encoder"] == "openvino-f32"
    assert no_work_left(local)
    space = Space.from_metadata(embedded(local).schema.metadata, owner="vectors")
    assert manifest.space == space.fingerprint == read_space(a_job(local).part).fingerprint
    assert b"leaf_ray.chunk" not in embedded(local).schema.metadata


def done_before(config: RunConfig, *, every: int) -> set[Key]:
    """Do one of `every` chunks as a run that was killed did, but with vectors that are marked."""
    job = a_job(config)
    space, work = describe_teacher(config), working_folder(job)
    write_space(work, space)
    _, arguments = encoder_class(config, space, threads=1)
    read = ReadChunk(job.run.texts.filesystem, prepare(config, space))
    encode, write = Negated(*arguments), WriteChunk(work)
    keys: set[Key] = set()
    for chunk in planned_chunks(job.run.texts)[::every]:
        texts = read(pa.Table.from_pylist([chunk]))
        write(encode(texts))
        keys |= set(zip(texts["kind"].to_pylist(), texts["id"].to_pylist(), strict=True))
    return keys


class Negated(EncodeChunk):
    """Marks what it does, and says so."""

    def __call__(self, chunk: pa.Table) -> pa.Table:
        encoded = super().__call__(chunk)
        flat = pc.negate(pc.list_flatten(encoded["vector"]).combine_chunks())
        kind = encoded.schema.field("vector")
        marked = pa.FixedSizeListArray.from_arrays(flat, kind.type.list_size)
        encoded = encoded.set_column(encoded.schema.get_field_index("vector"), kind, marked)
        name = pa.array(["before"] * len(encoded))
        return encoded.set_column(encoded.schema.get_field_index("encoder"), "encoder", name)


def test_a_killed_run_goes_on_with_the_chunks_that_are_missing_and_no_others(
    local: RunConfig, tiny_teacher: Path
) -> None:
    before = done_before(local, every=3)
    manifest = verbs.embed(local)
    wanted = {k: -v if k in before else v for k, v in direct(local, tiny_teacher).items()}
    assert 0 < len(before) < len(wanted)
    assert_same(by_key(embedded(local)), wanted)
    assert_reconciled(manifest, local)
    assert manifest.counts["encoder"] == "before and openvino-f32"


def test_a_run_whose_chunks_are_all_done_only_packs_them(local: RunConfig) -> None:
    before = done_before(local, every=1)
    manifest = verbs.embed(local)
    assert set(by_key(embedded(local))) == before
    assert_reconciled(manifest, local)
    assert manifest.counts["encoder"] == "before"


def test_chunks_of_other_settings_are_not_gone_on_with(local: RunConfig) -> None:
    other = local.model_copy(update={"embed": local.embed.model_copy(update={"dtype": "float16"})})
    done_before(other, every=1)
    assert finished_chunks(working_folder(a_job(local))) == []
    assert len(finished_chunks(working_folder(a_job(other)))) > 1


def encoders() -> list[psutil.Process]:
    """The processes of our Ray that encode chunks."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "EncodeChunk" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(happened: Any, *, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def test_an_encoder_that_is_killed_is_replaced_and_nothing_is_lost_or_doubled(
    root: Path, source: Path
) -> None:
    with FaultyEndpoint(delay_seconds=0.1, poison="no such text") as endpoint:
        config = asking(endpoint, root, source, batch_texts=3)
        made: list[Manifest] = []
        run = threading.Thread(target=lambda: made.append(verbs.embed(config)), daemon=True)
        run.start()
        chunks = root / "embedding"
        until(lambda: len(list(chunks.rglob("chunks/*.parquet"))) >= 2)
        (victim,) = encoders()
        victim.kill()
        until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)
        assert not (root / "vectors/manifest.json").exists(), "it was at work"
        endpoint.delay_seconds = 0
        run.join(120)
        (manifest,) = made
    assert_same(by_key(embedded(config)), of_endpoint(texts_of(config)))
    assert_reconciled(manifest, config)
    assert manifest.counts["rejected"] == 0


FAULTS: list[Fault | None] = [
    None, None, None, None, None, None, None, None,
    "429", "500", None, "cut", "nan", "dimension", None, "html", "count", "503",
]  # fmt: skip


def test_faults_of_an_endpoint_change_no_vector_and_a_text_it_refuses_can_be_tried_again(
    root: Path, source: Path
) -> None:
    with FaultyEndpoint(faults=FAULTS) as endpoint:
        config = asking(endpoint, root, source)
        manifest = verbs.embed(config)
        assert {"429", "500", "cut", "nan", "dimension"} <= set(endpoint.answers)
        texts = texts_of(config)
        poison = {key for key, text in texts.items() if "POISON" in text}
        well = {key: text for key, text in texts.items() if key not in poison}
        assert_same(by_key(embedded(config)), of_endpoint(well))
        rejected = rejected_in(root / "vectors/rejected")
        assert rejected.keys() == poison == {(DOCUMENT, "p0"), (DOCUMENT, "p1")}
        assert all("one of the inputs is not accepted" in reason for reason in rejected.values())
        assert_reconciled(manifest, config)
        again = verbs.retry_rejected(config)
        assert again.counts["rejected"] == 2, "it is refused once more"
        assert_reconciled(again, config)
        asked = endpoint.texts.total()
        endpoint.poison = "no such text"
        after = verbs.retry_rejected(config)
        # What the endpoint is known by is asked once more, and the text of both copies.
        assert endpoint.texts.total() - asked == 1 + 16 + 1
    assert (after.counts["vectors"], after.counts["rejected"]) == (len(texts), 0)
    assert_same(by_key(embedded(config)), of_endpoint(texts))
    assert_reconciled(after, config)


def test_an_endpoint_that_refuses_us_is_one_error_that_names_the_key(
    root: Path, source: Path
) -> None:
    with FaultyEndpoint() as endpoint:
        config = asking(endpoint, root, source)
        write_space(working_folder(a_job(config)), describe_teacher(config))
        endpoint.status = 401
        asked = endpoint.requests
        with pytest.raises(EndpointError, match="LEAF_RAY_ENDPOINT_KEY") as caught:
            verbs.embed(config)
        assert type(caught.value) is EndpointError
        assert "\n" not in str(caught.value)
        # The actor, and those that Ray starts in its place; not once for every chunk.
        assert endpoint.requests - asked < 5


def given_npy(config: RunConfig, file: Path, *, without: set[str], dimension: int = 16) -> Path:
    """Vectors of all ids but some, the same for a query and a document of one id."""
    ids = sorted({key[1] for key in texts_of(config)} - without)
    np.save(file, endpoint_vectors_of(ids, dimension=dimension))
    file.with_suffix(".ids.txt").write_text("\n".join(ids), "utf-8")
    return file


def test_more_rejected_texts_than_allowed_stop_the_run_until_the_limit_is_raised(
    root: Path, source: Path, local: RunConfig, tmp_path: Path
) -> None:
    missing = {f"d{i}" for i in range(0, 458, 10)}
    file = given_npy(local, tmp_path / "given.npy", without=missing)
    space = {"teacher": "/models/only-known-by-name"}
    embed = {"vectors": str(file), "max_rejected": 3}
    config = a_config(root, source, space=space, embed=embed)
    wanted = r"more than embed\.max_rejected=3; .*--retry-rejected"
    with pytest.raises(EncodingError, match=wanted):
        verbs.embed(config)
    work = working_folder(a_job(config))
    kept = sum(stats.vectors for stats in finished_chunks(work))
    assert kept > 0
    with pytest.raises(EncodingError, match=wanted):
        verbs.embed(config)
    assert rejected_of(work) <= {(DOCUMENT, name) for name in missing}
    embed["max_rejected"] = len(missing)
    allowed = a_config(root, source, space=space, embed=embed)
    assert working_folder(a_job(allowed)) == work, "a limit changes no vector"
    manifest = verbs.embed(allowed)
    assert manifest.counts["rejected"] == len(missing)
    assert_reconciled(manifest, allowed)
    assert set(rejected_in(root / "vectors/rejected").values()) == {"there is no vector of this id"}
    assert manifest.counts["encoder"] == "given"
    in_part = read_space(Run.open(str(root)).vectors)
    assert (in_part.teacher, in_part.probe.is_known) == ("only-known-by-name", False)


def rejected_of(work: Part) -> set[Key]:
    return set(rejected_in(Path(work.path) / "rejected"))


def test_given_vectors_of_a_teacher_that_can_be_loaded_are_in_its_space(
    root: Path, source: Path, local: RunConfig, tiny_teacher: Path, tmp_path: Path
) -> None:
    file = tmp_path / "given.parquet"
    verbs.embed(local)
    made = embedded(local)
    shutil.rmtree(root / "vectors")
    pq.write_table(made.select(["id", "kind", "vector"]), file)
    space = {"teacher": str(tiny_teacher), "max_length": 32}
    config = a_config(root, source, space=space, embed={"vectors": str(file), "dtype": "float16"})
    manifest = verbs.embed(config)
    assert manifest.space == describe_teacher(config).fingerprint
    assert (manifest.counts["rejected"], manifest.counts["encoder"]) == (0, "given")
    wanted, found = by_key(made), by_key(embedded(config))
    assert wanted.keys() == found.keys()
    for key, vector_D in found.items():
        assert np.array_equal(vector_D, wanted[key].astype(np.float16))


def test_given_vectors_that_are_not_those_of_their_teacher_are_refused(
    root: Path, source: Path, local: RunConfig, tiny_teacher: Path, tmp_path: Path
) -> None:
    file = given_npy(local, tmp_path / "given.npy", without=set(), dimension=32)
    space = {"teacher": str(tiny_teacher), "max_length": 32}
    config = a_config(root, source, space=space, embed={"vectors": str(file)})
    with pytest.raises(SpaceMismatch, match="is not the teacher's: cosine"):
        verbs.embed(config)


@pytest.fixture(scope="module")
def long_source(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real documents, most of them longer than the tiny teacher reads."""
    lines = (shared_data / "beir/adi/corpus.jsonl").read_text("utf-8").splitlines()[:30]
    rows = [{"id": row["_id"], "text": row["text"]} for row in map(json.loads, lines)]
    rows += [{"id": "short", "text": "a shelf"}]
    rows[0]["query"] = "a question that is much longer than the tiny teacher reads " * 2
    return written(tmp_path_factory.mktemp("long") / "long.jsonl", rows)


@pytest.fixture(scope="module")
def windowed(
    ray_local: None,
    long_source: Path,
    tiny_teacher: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunConfig, Manifest]]:
    root = tmp_path_factory.mktemp("windowed") / "run"
    config = RunConfig.model_validate(
        {
            "root": str(root),
            "texts": {"path": str(long_source), "num_held_out": 1},
            "space": {"teacher": str(tiny_teacher), "max_length": 64},
            "embed": {
                "backend": "openvino-f32",
                "long_texts": "chunk",
                "chunk_overlap": 8,
                "dtype": "float16",
            },
        }
    )
    verbs.texts(config)
    yield config, verbs.embed(config)


def test_long_documents_are_windows_that_are_found_in_their_parents(
    windowed: tuple[RunConfig, Manifest],
) -> None:
    config, manifest = windowed
    texts, rows = texts_of(config), embedded(config).to_pylist()
    for row in rows:
        parent = texts[row["kind"], row["parent_id"]]
        assert row["text"] == parent[row["begin"] : row["end"]]
        assert row["id"] == row["parent_id"] or row["id"].startswith(f"{row['parent_id']}#")
    assert {(row["kind"], row["parent_id"]) for row in rows} == texts.keys()
    assert manifest.counts["windows"] == len(rows) - len(texts) > len(texts)
    assert_reconciled(manifest, config)
    assert [row["id"] for row in rows if row["parent_id"] == "short"] == ["short"]


def test_windows_leave_out_white_space_only_and_queries_are_cut(
    windowed: tuple[RunConfig, Manifest],
) -> None:
    config, manifest = windowed
    rows = embedded(config).to_pylist()
    for (kind, name), text in texts_of(config).items():
        left = list(text)
        of_text = [row for row in rows if (row["kind"], row["parent_id"]) == (kind, name)]
        for row in of_text:
            left[row["begin"] : row["end"]] = " " * (row["end"] - row["begin"])
        assert not "".join(left).strip()
        assert kind == DOCUMENT or len(of_text) == 1
    assert manifest.counts["truncated"] == 1


def test_vectors_in_float16_are_those_of_the_windows_rounded(
    windowed: tuple[RunConfig, Manifest], tiny_teacher: Path
) -> None:
    table = embedded(windowed[0])
    assert table.schema.field("vector").type.value_type == pa.float16()
    spec = EncoderSpec(folder=str(tiny_teacher), backend="openvino-f32", max_length=64, threads=1)
    expected_ND = spec.load().encode(table["text"].to_pylist(), kind=DOCUMENT)
    np.testing.assert_allclose(vectors_of(table), expected_ND, atol=5e-4)
