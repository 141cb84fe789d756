"""distill on real Ray: what it trains on, who shares the work, and what goes wrong early."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
import yaml
from sentence_transformers import SentenceTransformer

from leaf_ray.config import RunConfig
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.errors import ConfigError, InputError, MissingStage, SpaceMismatch
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_json
from leaf_ray.stages import verbs
from tests.stages.distill.runs import distilling, training_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def vectors_by(config: RunConfig, *, name: str = "model") -> np.ndarray:
    leaf = SentenceTransformer(str(Path(config.root) / "leaf" / name), device="cpu")
    vectors_ND: np.ndarray = leaf.encode_query(["a loud noise", "weather maps", "what is a leaf?"])
    return vectors_ND


def test_two_workers_train_the_leaf_that_one_with_twice_the_passes_trains(
    small_run: RunConfig, tmp_path: Path
) -> None:
    shared = distilling(small_run, tmp_path / "shared", workers=2, epochs=2)
    alone = distilling(small_run, tmp_path / "alone", accumulate=2, epochs=2)
    for config in (shared, alone):
        verbs.distill(config)
    theirs, its = training_of(shared), training_of(alone)
    assert theirs["curve"][-1]["texts"] == its["curve"][-1]["texts"] > 0
    assert vectors_by(shared) == pytest.approx(vectors_by(alone), abs=1e-3)
    # The mean over both workers, not of one's own texts.
    assert theirs["curve"][-1]["loss"] == pytest.approx(its["curve"][-1]["loss"], rel=1e-3)
    assert (Path(shared.root) / "leaf/training.png").read_bytes()[1:4] == b"PNG"
    assert not any((Path(shared.root) / "training").iterdir()), "finished work leaves nothing"


def test_a_leaf_that_exists_is_taken_as_it_is_or_trained_on(
    small_run: RunConfig, tmp_path: Path
) -> None:
    published = str(Path(small_run.root) / "leaf/model")
    given = {"init": published, "head": "init"}
    as_it_is = distilling(small_run, tmp_path / "as-it-is", **given, epochs=0)
    manifest = verbs.distill(as_it_is)
    assert manifest.counts["steps"] == 0
    assert vectors_by(as_it_is) == pytest.approx(vectors_by(small_run), abs=1e-6)
    # Rows of what it came from would be its own again.
    verbs.evaluate(as_it_is)
    (report,) = read_json(Run.open(as_it_is.root).evaluation, "evaluation.json")["reports"]
    assert [row["role"] for row in report["rows"]] == ["teacher", "asymmetric", "symmetric"]
    trained_on = distilling(small_run, tmp_path / "trained-on", **given, epochs=1)
    before = verbs.distill(trained_on).counts["overlap_before"]
    assert before == pytest.approx(manifest.counts["overlap_after"])


def test_a_table_and_another_runs_vectors_are_trained_on_by_the_weights_of_their_sources(
    small_run: RunConfig, tmp_path: Path
) -> None:
    table = f"{small_run.root}/index/documents.lance"
    config = distilling(
        small_run,
        tmp_path / "run",
        vectors=(small_run.root, table),
        weights={"documents": 2.0},
        documents_per_query=10.0,
        epochs=1,
        init_layers=(2,),
        head="random",
        prefix_weights={8: 0.5},
        similarity_weight=1.0,
        loss="squared_l2",
    )
    shutil.rmtree(Path(config.root) / "vectors")
    manifest = verbs.distill(config)
    assert set(manifest.inputs) == {small_run.root, table}
    vectors = Run.open(small_run.root).vectors.require(command="")
    documents = Run.open(small_run.root).index.require(command="").counts["rows"]
    assert manifest.counts["texts"] + manifest.counts["validation_texts"] > documents
    assert manifest.inputs[small_run.root] == vectors.id
    leaf = Path(config.root) / "leaf/model"
    assert json.loads((leaf / "config.json").read_text())["num_hidden_layers"] == 1
    assert verbs.distill(config) == manifest, "finished, and nothing outside has changed"


def test_a_range_of_workers_trains_with_those_there_is_room_for_and_keeps_the_best_leaf(
    small_run: RunConfig, tmp_path: Path
) -> None:
    # A rate at which nothing is learned, so that validation stops the training.
    config = distilling(
        small_run,
        tmp_path / "run",
        workers=(1, 3),
        learning_rate=1.0,
        epochs=50,
        checkpoint_steps=2,
        patience=2,
    )
    manifest = verbs.distill(config)
    training = training_of(config)
    assert training["workers"] == 3
    overlaps = {point["step"]: point["overlap"] for point in training["curve"]}
    assert overlaps[training["best_step"]] == max(overlaps.values())
    assert manifest.counts["steps"] == training["curve"][-1]["step"] < 100
    assert manifest.counts["overlap_after"] == max(overlaps.values())
    assert training["best_step"] == 0, "such a rate only ruins"
    assert vectors_by(config) == pytest.approx(vectors_by(config, name="untrained"), abs=1e-6)


def test_a_run_on_object_storage_is_distilled_by_two_workers(
    small_run: RunConfig, bucket: str, tmp_path: Path
) -> None:
    run = Run.open(f"{bucket}/runs/mine")
    for part in (run.texts, run.vectors):
        pafs.copy_files(
            f"{small_run.root}/{part.name}", part.path, destination_filesystem=run.filesystem
        )
    fields = json.loads(small_run.model_dump_json())
    fields["root"] = run.root
    fields["distill"] |= {"workers": 2, "epochs": 1}
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(fields), "utf-8")
    # A Ray of its own, whose processes know where the bucket is.
    command = [sys.executable, "-m", "leaf_ray", "distill", str(file)]
    subprocess.run(command, check=True, timeout=400)
    manifest = run.leaf.require(command="")
    leaf = SentenceTransformer(str(run.leaf.fetch("model", tmp_path / "leaf")), device="cpu")
    assert leaf.encode_query(["a leaf"]).shape == (1, 32)
    assert manifest.counts["overlap_after"] >= manifest.counts["overlap_before"]
    left = pafs.FileSelector(run.work("training").path, recursive=True, allow_not_found=True)
    assert not [info for info in run.filesystem.get_file_info(left) if info.is_file]


def rewritten(config: RunConfig, vectors_ND: np.ndarray) -> None:
    """Put other vectors in the place of a run's."""
    run = Run.open(config.root)
    (file,) = Path(run.vectors.path).glob("*.parquet")
    rows = pq.read_table(file)
    flat = pa.array(vectors_ND.reshape(-1).astype(np.float32))
    column = pa.FixedSizeListArray.from_arrays(flat, vectors_ND.shape[1])
    pq.write_table(rows.drop_columns(["vector"]).append_column("vector", column), file)


def stored(config: RunConfig) -> np.ndarray:
    (file,) = Path(Run.open(config.root).vectors.path).glob("*.parquet")
    return vectors_of(pq.read_table(file))


def is_refused(config: RunConfig, small_run: RunConfig, error: type[Exception], said: str) -> bool:
    """Whether it is, by these words, and the leaf that is there stays finished."""
    shutil.copytree(Path(small_run.root) / "leaf", Path(config.root) / "leaf")
    finished = Run.open(config.root).leaf.manifest()
    with pytest.raises(error, match=said):
        verbs.distill(config, again=True)
    return Run.open(config.root).leaf.manifest() == finished


def test_a_vector_that_is_not_finite_is_refused_by_the_name_of_its_text(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(small_run, tmp_path / "run")
    vectors_ND = stored(config)
    vectors_ND[:, 3] = np.nan
    rewritten(config, vectors_ND)
    said = r"texts .* a vector that is not finite, such as '"
    assert is_refused(config, small_run, InputError, said)


def test_vectors_of_another_dimension_than_their_spaces_are_refused(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(small_run, tmp_path / "run")
    rewritten(config, stored(config)[:, :8])
    said = r"have 8 dimensions, but their space .* has 32"
    assert is_refused(config, small_run, InputError, said)


def test_fewer_texts_than_a_step_takes_are_refused(small_run: RunConfig, tmp_path: Path) -> None:
    config = distilling(small_run, tmp_path / "run", batch_size=32, workers=4, accumulate=8)
    said = r"training texts are too few: a step of 32 batches"
    assert is_refused(config, small_run, InputError, said)


def test_vectors_of_two_spaces_are_refused(
    small_run: RunConfig, rotated_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(small_run, tmp_path / "run", vectors=(small_run.root, rotated_run.root))
    assert is_refused(config, small_run, SpaceMismatch, r"distill.vectors .*rotation")


def test_vectors_of_another_space_than_the_run_describes_are_refused(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(small_run, tmp_path / "run", vectors=(small_run.root,))
    space = config.space.model_copy(update={"max_length": 16})
    config = config.model_copy(update={"space": space})
    said = r"the run file describes another \(max_length: 16 against 32\)"
    assert is_refused(config, small_run, SpaceMismatch, said)


def test_weights_of_a_source_that_is_not_there_are_refused_with_those_that_are(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(small_run, tmp_path / "run", weights={"msmarco": 2.0})
    with pytest.raises(ConfigError, match=r"no text is from 'msmarco'; there are texts from run"):
        verbs.distill(config)


def test_an_init_without_a_padding_token_is_refused(
    small_run: RunConfig, tiny_init: Path, tmp_path: Path
) -> None:
    init = tmp_path / "init"
    shutil.copytree(tiny_init, init)
    # A BERT's tokenizer has one though no file says so; this kind has what is said.
    (init / "special_tokens_map.json").unlink(missing_ok=True)
    said = json.loads((init / "tokenizer_config.json").read_text())
    said.pop("pad_token")
    said["tokenizer_class"] = "PreTrainedTokenizerFast"
    (init / "tokenizer_config.json").write_text(json.dumps(said))
    config = distilling(small_run, tmp_path / "run", init=str(init))
    expected = r"no padding token.*pad_token in its tokenizer_config"
    assert is_refused(config, small_run, ConfigError, expected)


def test_a_layer_that_the_init_has_not_is_refused_at_once_and_in_one_line(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(small_run, tmp_path / "run", init_layers=(7,))
    said = r"names layer 7, but the encoder has layers 1 to 2"
    assert is_refused(config, small_run, ConfigError, said)


def test_a_prefix_that_is_longer_than_the_vectors_is_refused(
    small_run: RunConfig, tmp_path: Path
) -> None:
    config = distilling(small_run, tmp_path / "run", prefix_weights={64: 1.0})
    with pytest.raises(ConfigError, match=r"prefix_weights: 64 is more than the 32 dimensions"):
        verbs.distill(config)


def test_what_is_no_table_and_no_finished_run_is_named(
    small_run: RunConfig, tmp_path: Path
) -> None:
    for place, error in (
        (f"{small_run.root}/index/other.lance", InputError),
        (str(tmp_path / "nothing"), MissingStage),
    ):
        config = distilling(small_run, tmp_path / "run", vectors=(place,))
        with pytest.raises(error, match=place.rsplit("/", 1)[-1]):
            verbs.distill(config)
