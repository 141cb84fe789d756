"""A whole small run on real Ray: what its parts hold, and what a rerun does."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.config import RunConfig
from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import MissingStage, SpaceMismatch, StaleStage
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.runs import PARTS, Run
from leaf_ray.runs.parts import read_json, read_space, texts_dataset, vectors_dataset
from leaf_ray.stages import verbs
from leaf_ray.table.reader import DocumentTable

pytestmark = pytest.mark.ray

# The parts that `leaf run` makes.
OF_A_RUN = {part: stage for part, stage in PARTS.items() if stage in verbs.STAGES}


def changed(config: RunConfig, **sections: dict[str, object]) -> RunConfig:
    fields = config.model_dump()
    for name, values in sections.items():
        fields[name].update(values)
    return RunConfig.model_validate(fields)


def copied(config: RunConfig, into: Path) -> RunConfig:
    """The same run in another folder, to be damaged."""
    shutil.copytree(config.root, into / "run")
    return config.model_copy(update={"root": str(into / "run")})


def test_every_part_is_finished_and_says_what_made_it(small_run: RunConfig) -> None:
    run = Run.open(small_run.root)
    for name, stage in OF_A_RUN.items():
        manifest = run.part(name).require(command=stage)
        assert manifest.stage == stage
        assert manifest.versions["ray"]


def test_embed_writes_every_text_once_and_nothing_else(small_run: RunConfig) -> None:
    run = Run.open(small_run.root)
    texts = texts_dataset(run.texts).to_table(columns=["id", "kind", "text"])
    vectors = vectors_dataset(run.vectors).to_table(columns=["id", "kind", "text"])
    assert sorted(map(str, vectors.to_pylist())) == sorted(map(str, texts.to_pylist()))


def test_vectors_are_the_teachers_of_unit_length_in_the_asked_type(
    small_run: RunConfig, tiny_teacher: Path
) -> None:
    run = Run.open(small_run.root)
    table = vectors_dataset(run.vectors).to_table()
    assert str(table.schema.field("vector").type.value_type) == "halffloat"
    vectors_ND = vectors_of(table)
    teacher = SentenceTransformer(str(tiny_teacher), device="cpu")
    teacher.max_seq_length = small_run.space.max_length
    expected_ND = teacher.encode(table["text"].to_pylist())
    norms_N = np.linalg.norm(vectors_ND, axis=1)
    assert np.abs(norms_N - 1).max() < 1e-3
    assert (np.einsum("nd,nd->n", vectors_ND, expected_ND) / norms_N).min() > 0.99999


def test_all_parts_carry_one_space(small_run: RunConfig) -> None:
    run = Run.open(small_run.root)
    space = read_space(run.vectors)
    in_files = Space.from_metadata(vectors_dataset(run.vectors).schema.metadata, owner="vectors")
    table = DocumentTable(run.index.uri, small_run.index.table)
    leaf = leaf_space(Path(small_run.root) / "leaf/model")
    assert {s.fingerprint for s in (space, in_files, table.space, leaf)} == {space.fingerprint}
    assert run.evaluation.require(command="").space == space.fingerprint


def test_the_table_holds_exactly_the_documents_with_their_metadata(small_run: RunConfig) -> None:
    run = Run.open(small_run.root)
    texts = texts_dataset(run.texts).to_table().to_pylist()
    documents = {row["id"]: row for row in texts if row["kind"] == "document"}
    table = DocumentTable(run.index.uri, small_run.index.table)
    assert len(table) == len(documents)
    some = next(iter(documents.values()))
    found = table.get(some["id"])
    assert found is not None
    assert (found["text"], found["letters"]) == (some["text"], some["letters"])


def test_the_leaf_loads_with_sentence_transformers_and_gives_our_vectors(
    small_run: RunConfig,
) -> None:
    folder = Path(small_run.root) / "leaf/model"
    texts = ["a short one", "information retrieval in libraries, again and again " * 9, ""]
    ours_ND = (
        EncoderSpec(folder=str(folder), backend="openvino-f32").load().encode(texts, kind="query")
    )
    theirs_ND = SentenceTransformer(str(folder), device="cpu").encode_query(texts)
    assert theirs_ND.shape == (3, 32)
    assert np.einsum("nd,nd->n", ours_ND, theirs_ND).min() >= 0.99999


def test_training_brings_the_leaf_nearer_to_its_teacher(small_run: RunConfig) -> None:
    counts = Run.open(small_run.root).leaf.require(command="").counts
    assert counts["cosine_after"] > counts["cosine_before"]


def test_the_report_compares_five_pairs_of_encoders(small_run: RunConfig) -> None:
    run = Run.open(small_run.root)
    (report,) = read_json(run.evaluation, "evaluation.json")["reports"]
    assert [row["role"] for row in report["rows"]] == [
        "teacher", "asymmetric", "symmetric", "untrained", "baseline",
    ]  # fmt: skip
    assert report["query_form"] == "given"
    assert b"PNG" in (run.evaluation.read("evaluation.png") or b"")[:8]
    assert "overlap@10 with the teacher" in (run.evaluation.read("evaluation.md") or b"").decode()


def test_a_rerun_skips_what_is_finished(small_run: RunConfig) -> None:
    before = [Run.open(small_run.root).part(name).manifest() for name in OF_A_RUN]
    after = verbs.run(small_run)
    assert list(after.values()) == before


def test_other_settings_are_refused_and_nothing_is_touched(small_run: RunConfig) -> None:
    before = Run.open(small_run.root).leaf.manifest()
    with pytest.raises(StaleStage, match=r"distill.epochs: 4.0 there, 5.0 wanted.*--again"):
        verbs.distill(changed(small_run, distill={"epochs": 5.0}))
    assert Run.open(small_run.root).leaf.manifest() == before


def test_settings_that_cannot_change_the_result_are_no_reason_to_refuse(
    small_run: RunConfig,
) -> None:
    before = Run.open(small_run.root).vectors.manifest()
    assert verbs.embed(changed(small_run, embed={"max_rejected": 7})) == before


def test_a_run_folder_of_another_space_is_refused(small_run: RunConfig) -> None:
    with pytest.raises(SpaceMismatch, match=r"space.max_length: 32 there, 16 wanted"):
        verbs.embed(changed(small_run, space={"max_length": 16}))


def test_a_leaf_of_another_space_is_refused(small_run: RunConfig, tmp_path: Path) -> None:
    config = copied(small_run, tmp_path)
    file = Path(config.root) / "leaf/model/space.json"
    space = leaf_space(file.parent)
    other = Space.from_json({**space.to_json(), "query_prompt": "q: ", "fingerprint": _of(space)})
    file.write_text(json.dumps(other.to_json()), "utf-8")
    (Path(config.root) / "evaluation/manifest.json").unlink()
    with pytest.raises(SpaceMismatch, match=r"query_prompt: 'q: ' against ''"):
        verbs.evaluate(config)
    with pytest.raises(SpaceMismatch, match=r"query_prompt"), verbs.serving(config):
        pass


def _of(space: Space) -> str:
    return dataclasses.replace(space, query_prompt="q: ").fingerprint


def test_half_a_part_is_not_taken_for_a_whole_one(small_run: RunConfig, tmp_path: Path) -> None:
    config = copied(small_run, tmp_path)
    vectors = Path(config.root) / "vectors"
    (vectors / "manifest.json").unlink()
    whole = next(vectors.glob("*.parquet"))
    (vectors / "left_behind.parquet").write_bytes(whole.read_bytes()[:1000])
    with pytest.raises(MissingStage, match="leaf embed"):
        verbs.distill(config)
    verbs.embed(config)
    run = Run.open(config.root)
    ids = vectors_dataset(run.vectors).to_table(columns=["id", "kind"]).to_pylist()
    assert len({(row["kind"], row["id"]) for row in ids}) == len(ids)
    assert len(ids) == texts_dataset(run.texts).count_rows()
    assert run.leaf.manifest() is None, "what was made from the old vectors counts no more"


def test_a_stage_whose_input_is_missing_names_the_command_that_makes_it(
    small_config: RunConfig, tmp_path: Path
) -> None:
    config = small_config.model_copy(update={"root": str(tmp_path / "new")})
    for verb, command in [
        (verbs.embed, "leaf texts"),
        (verbs.distill, "leaf embed"),
        (verbs.index, "leaf embed"),
        (verbs.evaluate, "leaf texts"),
    ]:
        with pytest.raises(MissingStage, match=command):
            verb(config)
