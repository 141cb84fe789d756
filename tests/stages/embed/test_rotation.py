"""A rotated space on real Ray: what is embedded, trained, indexed and served lies in one space."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.space.rotation import Rotation
from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import vectors_of, with_vectors
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import EncodingError, InputError, SpaceMismatch
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.runs import Run
from leaf_ray.runs.folder import MODEL_FOLDER, ROTATION_FILE
from leaf_ray.runs.parts import read_rotation, read_space, write_rotation
from leaf_ray.runs.shards import finished_shards
from leaf_ray.stages import verbs
from leaf_ray.stages.embed import rotation as embed_rotation
from leaf_ray.stages.embed.rotation import RotateShard, fitted_rotation
from leaf_ray.stages.embed.stage import working_folder
from leaf_ray.stages.serve.deployments import _Replica
from leaf_ray.stages.teacher import describe_teacher, teacher_spec
from leaf_ray.table.reader import DocumentTable
from tests.examples.endpoint_faults import vectors_of as endpoint_vectors_of
from tests.examples.faulty_endpoint import FaultyEndpoint
from tests.examples.spaces import unit_vectors
from tests.stages.embedding import (
    WORDS,
    Key,
    a_config,
    a_job,
    assert_same,
    by_key,
    direct,
    done_before,
    embedded,
    of_endpoint,
    rejected_in,
    texts_of,
    written,
)

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 documents, of which 100 texts differ and one is poison; and 20 queries."""
    rows: list[dict[str, Any]] = [
        {"id": f"d{i}", "text": f"{WORDS[i % 100 % 8]} {WORDS[i % 100 // 8 % 8]} {i % 100}"}
        for i in range(119)
    ]
    for number, row in enumerate(rows[:20]):
        row["query"] = f"which {WORDS[number % 8]} is number {number}"
    rows.append({"id": "p", "text": "POISON in a bottle"})
    return written(tmp_path_factory.mktemp("source") / "texts.jsonl", rows)


@pytest.fixture
def local(root: Path, source: Path, tiny_teacher: Path) -> RunConfig:
    space = {"teacher": str(tiny_teacher), "max_length": 32, "rotation": "pca"}
    return a_config(root, source, space=space)


@pytest.fixture(scope="module")
def embedded_run(
    ray_local: None, made_texts: Path, source: Path, tiny_teacher: Path, tmp_path_factory: Any
) -> RunConfig:
    """A run of rotated vectors; tests leave it as it is."""
    root = tmp_path_factory.mktemp("embedded") / "run"
    shutil.copytree(made_texts, root)
    space = {"teacher": str(tiny_teacher), "max_length": 32, "rotation": "pca"}
    config = a_config(root, source, space=space)
    verbs.embed(config)
    return config


def rotation_of(config: RunConfig) -> Rotation:
    part = Run.open(config.root).vectors
    rotation = read_rotation(part, read_space(part))
    assert rotation is not None
    return rotation


def turned(vectors: dict[Key, np.ndarray], rotation: Rotation) -> dict[Key, np.ndarray]:
    return {key: rotation.apply(vector_D) for key, vector_D in vectors.items()}


def test_the_vectors_are_those_of_the_teacher_times_the_rotation(
    embedded_run: RunConfig, tiny_teacher: Path
) -> None:
    found, plain = by_key(embedded(embedded_run)), direct(embedded_run, tiny_teacher)
    assert_same(found, turned(plain, rotation_of(embedded_run)))
    assert max(np.abs(found[key] - plain[key]).max() for key in plain) > 0.1
    plain_ND, found_ND = (np.stack([side[key] for key in plain]) for side in (plain, found))
    np.testing.assert_allclose(found_ND @ found_ND.T, plain_ND @ plain_ND.T, atol=1e-5)


def test_the_rotation_is_that_of_the_documents_each_once(
    embedded_run: RunConfig, tiny_teacher: Path
) -> None:
    plain = direct(embedded_run, tiny_teacher)
    table = embedded(embedded_run)
    documents_ND = np.stack(
        list(
            {
                row["text"]: plain[DOCUMENT, row["id"]]
                for row in table.to_pylist()
                if row["kind"] == DOCUMENT
            }.values()
        )
    )
    wanted = Rotation.fit(documents_ND)
    moments_D = (wanted.apply(documents_ND) ** 2).mean(axis=0)
    # Of axes that hold almost nothing, the encoder's rounding decides.
    clear = moments_D > 1e-4
    assert clear.sum() > 8
    cosines_D = np.einsum("de,de->e", wanted.matrix_DD, rotation_of(embedded_run).matrix_DD)
    np.testing.assert_allclose(cosines_D[clear], 1, atol=1e-3)


def test_the_part_says_its_rotated_space_everywhere(embedded_run: RunConfig) -> None:
    part = Run.open(embedded_run.root).vectors
    space, manifest = read_space(part), part.manifest()
    assert manifest is not None
    own = describe_teacher(embedded_run)
    assert (own.rotation, space.rotation) == ("", rotation_of(embedded_run).sha256)
    assert space.fingerprint != own.fingerprint
    in_files = Space.from_metadata(embedded(embedded_run).schema.metadata, owner="vectors")
    assert manifest.space == space.fingerprint == in_files.fingerprint
    assert manifest.made_with["space"]["rotation"] == "pca"


def test_the_teacher_of_a_rotated_space_gives_rotated_vectors(
    embedded_run: RunConfig,
) -> None:
    space = read_space(Run.open(embedded_run.root).vectors)
    encoder = teacher_spec(embedded_run, space, threads=1).load()
    assert space.probe.check(encoder, name="the teacher") > 0.99999
    assert (encoder.name, encoder.dimension) == ("openvino-f32", 32)
    texts, vectors = texts_of(embedded_run), by_key(embedded(embedded_run))
    keys = [key for key in texts if key[0] == DOCUMENT]
    wanted = {key: vectors[key] for key in keys}
    vectors_ND = encoder.encode([texts[key] for key in keys], kind=DOCUMENT)
    assert_same(dict(zip(keys, vectors_ND, strict=True)), wanted)
    for rows, vectors_BD in encoder.batches([texts[key] for key in keys], kind=DOCUMENT):
        assert_same(
            {keys[i]: vector for i, vector in zip(rows, vectors_BD, strict=True)},
            {keys[i]: wanted[keys[i]] for i in rows},
        )
    assert encoder.num_tokens(["one"]) > 0
    own = teacher_spec(embedded_run, describe_teacher(embedded_run), threads=1).load()
    with pytest.raises(SpaceMismatch, match="does not encode as recorded"):
        space.probe.check(own, name="the teacher as it is")


def test_a_rotation_that_is_missing_or_another_one_is_refused_with_the_fix(
    embedded_run: RunConfig, tmp_path: Path
) -> None:
    shutil.copytree(embedded_run.root, tmp_path / "copy")
    copy = embedded_run.model_copy(update={"root": str(tmp_path / "copy")})
    part = Run.open(copy.root).vectors
    space = read_space(part)
    write_rotation(part, Rotation.fit(unit_vectors(40, 32, seed=0)))
    with pytest.raises(SpaceMismatch, match=r"made anew since; .*`leaf run FILE`"):
        teacher_spec(copy, space)
    Path(part.file(ROTATION_FILE)).unlink()
    with pytest.raises(SpaceMismatch, match=r"rotation\.npy is missing: .*`leaf embed FILE"):
        teacher_spec(copy, space)


class Killed(Exception):
    """What stands for the end of the process."""


def test_a_run_that_is_killed_while_it_packs_goes_on_with_its_rotation(
    local: RunConfig, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done_before(local, every=2)

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("leaf_ray.stages.embed.stage.pack", killed)
        with pytest.raises(Killed):
            verbs.embed(local)
    kept = working_folder(a_job(local)).read(ROTATION_FILE)
    assert kept is not None
    # Were it fitted again, it would be another one.
    monkeypatch.setattr(embed_rotation, "SAMPLE_ROWS", 1)
    monkeypatch.setattr(embed_rotation, "SAMPLE_TIMES_D", 1)
    verbs.embed(local)
    assert rotation_of(local).to_npy() == kept
    assert verbs.embed(local).space == read_space(Run.open(local.root).vectors).fingerprint


def test_a_sample_is_whole_shards_until_there_are_enough(
    local: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    done_before(local, every=1)
    work, taken = working_folder(a_job(local)), []
    stats = finished_shards(work)
    monkeypatch.setattr(embed_rotation, "SAMPLE_ROWS", 50)
    monkeypatch.setattr(embed_rotation, "SAMPLE_TIMES_D", 1)

    def fit(vectors_ND: np.ndarray) -> Rotation:
        taken.append(len(vectors_ND))
        return Rotation(np.eye(32, dtype=np.float32))

    monkeypatch.setattr(embed_rotation.Rotation, "fit", fit)
    space = read_space(work)
    fitted_rotation(work, stats, space, num_documents=120)
    fitted_rotation(work, stats, space, num_documents=120)
    (rows,) = taken
    assert 50 <= rows < 50 + max(shard.vectors for shard in stats)


def test_with_few_documents_queries_to_train_on_are_fitted_on_too(
    local: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    done_before(local, every=1)
    work, taken = working_folder(a_job(local)), []
    stats = finished_shards(work)

    def fit(vectors_ND: np.ndarray) -> Rotation:
        taken.append(len(vectors_ND))
        return Rotation(np.eye(32, dtype=np.float32))

    monkeypatch.setattr(embed_rotation.Rotation, "fit", fit)
    for num_documents in (64, 63):
        fitted_rotation(work, stats, read_space(work), num_documents=num_documents)
        Path(work.file(ROTATION_FILE)).unlink()
    # 20 queries, of which 5 are for tests.
    assert taken == [101, 101 + 15]


def test_where_nothing_has_a_vector_there_is_no_rotation(local: RunConfig) -> None:
    done_before(local, every=1)
    work = working_folder(a_job(local))
    with pytest.raises(InputError, match=r"space\.rotation=pca is fitted on"):
        fitted_rotation(work, [], read_space(work), num_documents=120)


def test_an_endpoint_is_rotated_and_so_are_texts_that_are_tried_again(
    root: Path, source: Path
) -> None:
    with FaultyEndpoint() as endpoint:
        config = a_config(
            root,
            source,
            space={"teacher": "faulty", "endpoint": endpoint.url, "rotation": "pca"},
            embed={"endpoint": {"batch_texts": 8, "concurrency": 4}, "dtype": "float16"},
        )
        verbs.embed(config)
        assert rejected_in(root / "vectors/rejected").keys() == {(DOCUMENT, "p")}
        rotation = rotation_of(config)
        endpoint.poison = "no such text"
        after = verbs.retry_rejected(config)
        space = read_space(Run.open(config.root).vectors)
        space.probe.check(teacher_spec(config, space).load(), name="the endpoint")
    assert (after.counts["rejected"], after.space) == (0, space.fingerprint)
    found, wanted = by_key(embedded(config)), turned(of_endpoint(texts_of(config)), rotation)
    assert found.keys() == wanted.keys()
    for key, vector_D in wanted.items():
        np.testing.assert_allclose(found[key], vector_D, atol=2e-3)
    for name in ("vectors-00000.parquet", "vectors-retried-001.parquet"):
        schema = pq.read_schema(root / "vectors" / name)
        assert Space.from_metadata(schema.metadata, owner=name).fingerprint == space.fingerprint


def test_vectors_that_exist_already_are_rotated(root: Path, source: Path, tmp_path: Path) -> None:
    space = {"teacher": "/models/only-known-by-name", "rotation": "pca"}
    embed = {"vectors": str(tmp_path / "given.npy")}
    config = a_config(root, source, space=space, embed=embed)
    ids = sorted({key[1] for key in texts_of(config)})
    vectors_ND = endpoint_vectors_of(ids)
    np.save(tmp_path / "given.npy", vectors_ND)
    (tmp_path / "given.ids.txt").write_text("\n".join(ids), "utf-8")
    verbs.embed(config)
    known = dict(zip(ids, vectors_ND, strict=True))
    wanted = {key: known[key[1]] for key in texts_of(config)}
    assert_same(by_key(embedded(config)), turned(wanted, rotation_of(config)))


def test_what_is_rotated_beyond_float16_is_one_error_that_names_the_setting(
    embedded_run: RunConfig,
) -> None:
    part = Run.open(embedded_run.root).vectors
    table = embedded(embedded_run).slice(0, 3)
    large = vectors_of(table) * np.float32(3e5)
    space = read_space(part)
    large_table = with_vectors(table.drop_columns(["vector"]), large, space)
    assert np.isfinite(vectors_of(RotateShard(part, space, "float32")(large_table))).all()
    with pytest.raises(EncodingError, match=r"embed\.dtype=float32"):
        RotateShard(part, space, "float16")(large_table)
    none = RotateShard(part, space, "float16")(table.slice(0, 0))
    assert len(none) == 0


def test_a_leaf_of_rotated_vectors_is_in_the_rotated_space_and_absorbs_the_rotation(
    rotated_run: RunConfig,
) -> None:
    run = Run.open(rotated_run.root)
    space, folder = read_space(run.vectors), Path(run.leaf.file(MODEL_FOLDER))
    assert leaf_space(folder).fingerprint == space.fingerprint
    table = embedded(rotated_run)
    leaf = EncoderSpec(folder=str(folder), threads=1).load()
    leaf_ND = leaf.encode(table["text"].to_pylist(), kind=DOCUMENT)
    teacher_ND = vectors_of(table)
    rotated = np.einsum("nd,nd->n", leaf_ND, teacher_ND).mean()
    plain_ND = rotation_of(rotated_run).undo(teacher_ND)
    assert rotated > 0.9 > np.einsum("nd,nd->n", leaf_ND, plain_ND).mean()


def test_a_replica_of_the_teacher_encodes_into_the_rotated_space(rotated_run: RunConfig) -> None:
    table = DocumentTable(Run.open(rotated_run.root).index.uri, rotated_run.index.table)
    assert table.space.rotation == rotation_of(rotated_run).sha256
    # What the deployment is made of; Serve makes the deployment itself in its own process only.
    teacher = teacher_spec(rotated_run, table.space)
    replica = _Replica(teacher, table.space.probe, name="the teacher")
    replica.check_health()
    rows = embedded(rotated_run).filter(pc.field("kind") == DOCUMENT)
    vectors_ND = replica.encoder.encode(rows["text"].to_pylist(), kind=DOCUMENT)
    cosines_N = np.einsum("nd,nd->n", vectors_ND, vectors_of(rows))
    assert cosines_N.min() > 0.999
    # It is checked again and again, though its encoder is wrapped.
    replica.probe = describe_teacher(rotated_run).probe
    with pytest.raises(SpaceMismatch, match="does not encode as recorded"):
        replica.check_health()
