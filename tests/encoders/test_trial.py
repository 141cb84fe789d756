"""A backend that cannot compute a model is found out once, and another computes it."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer

from leaf_ray.core.encoding.backend import Backend
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders import verdicts
from leaf_ray.encoders.choose import _tell
from leaf_ray.encoders.load import EncoderSpec, automatic_backend
from leaf_ray.encoders.openvino import trial as openvino_trial
from leaf_ray.encoders.openvino.model import NotTraced, openvino_ir
from leaf_ray.encoders.openvino.quiet import import_openvino
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.encoders.trial import Trial
from leaf_ray.errors import EncodingError, StorageError
from leaf_ray.models.folder import ModelFolder
from tests.examples.tiny_models import TEXTS, a_copy

Family = Callable[[str], Path]
NOT_FINITE = "gives a padded text a vector that is not finite"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(folder: Path, backend: Backend) -> SentenceEncoder:
    return EncoderSpec(folder=str(folder), backend=backend, threads=1).load()


def alone(folder: Path) -> np.ndarray:
    """The vectors of TEXTS, each alone, by sentence-transformers."""
    model = SentenceTransformer(str(folder), device="cpu")
    return np.concatenate([model.encode([text], show_progress_bar=False) for text in TEXTS])


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("this was found before")


@pytest.mark.skipif(
    automatic_backend() == "torch-bf16", reason="with a card torch computes in any case"
)
@pytest.mark.parametrize(
    ("name", "fault"), [("modernbert", NOT_FINITE), ("gemma3", "cannot trace the model (")]
)
def test_torch_takes_over_what_openvino_cannot_compute_and_says_so_once(
    family: Family, name: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    _tell.cache_clear()
    folder = family(name)
    usual = automatic_backend()
    encoder = load(folder, "auto")
    load(folder, "auto")
    assert encoder.name == usual.replace("openvino", "torch")
    assert encoder.note.startswith(f"{usual} {fault}")
    (said,) = [record.getMessage() for record in caplog.records if "computes" in record.message]
    assert said == f"{encoder.name} computes {name}, since {encoder.note}"
    np.testing.assert_allclose(encoder.encode(TEXTS, kind=DOCUMENT), alone(folder), atol=0.02)


@pytest.mark.parametrize("backend", ["openvino-f32", "torch-f32"])
def test_a_model_of_which_openvino_returns_no_vectors_runs_on_torch(
    family: Family, backend: Backend
) -> None:
    folder = family("mamba")
    encoder = load(folder, backend)
    assert encoder.name == "torch-f32"
    assert (
        encoder.note
        == {
            "openvino-f32": "openvino-f32 gives 0 vectors for 2 texts",
            "torch-f32": "",
        }[backend]
    )
    np.testing.assert_allclose(encoder.encode(TEXTS, kind=DOCUMENT), alone(folder), atol=1e-5)


@pytest.mark.parametrize("backend", ["openvino-f32", "torch-f32"])
def test_a_model_whose_vectors_depend_on_the_order_of_texts_is_refused(
    family: Family, backend: Backend
) -> None:
    folder = family("bigbird")
    for _ in range(2):
        with pytest.raises(EncodingError, match=r"another vector once .*original_full"):
            load(folder, backend)


def test_the_same_model_is_computed_once_its_attention_does_not_change(
    family: Family, tmp_path: Path
) -> None:
    full = {"attention_type": "original_full"}
    folder = a_copy(family("bigbird"), tmp_path / "bigbird", config=full)
    encoder = load(folder, "torch-f32")
    assert (encoder.note, encoder.pads) == ("", True)
    np.testing.assert_allclose(encoder.encode(TEXTS, kind=DOCUMENT), alone(folder), atol=1e-5)


def test_what_was_found_is_kept_for_other_processes(
    family: Family, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [load(family(name), "openvino-f32") for name in ("modernbert", "gemma3")]
    monkeypatch.setattr("leaf_ray.encoders.trial.try_openvino", never)
    monkeypatch.setattr(import_openvino(), "convert_model", never)
    again = [load(family(name), "openvino-f32") for name in ("modernbert", "gemma3")]
    assert [one.note for one in first] == [one.note for one in again]
    assert [one.name for one in again] == ["torch-f32", "torch-f32"]


def test_another_version_or_another_model_is_tried_anew(
    family: Family, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(family("modernbert"), "openvino-f32")
    monkeypatch.setattr("leaf_ray.encoders.trial.try_openvino", lambda *_, **__: "fails (anew)")
    assert load(family("bert"), "openvino-f32").note == "openvino-f32 fails (anew)"
    assert NOT_FINITE in load(family("modernbert"), "openvino-f32").note
    with_others = {**verdicts._found_with(), "openvino": "another"}
    monkeypatch.setattr(verdicts, "_found_with", lambda: with_others)
    assert load(family("modernbert"), "openvino-f32").note == "openvino-f32 fails (anew)"


@pytest.mark.parametrize("half", ["", "{", "[]", "{}"])
def test_half_a_verdict_is_none(cache: Path, half: str) -> None:
    kept = verdicts.Verdicts("0" * 64)
    kept.keep(NOT_FINITE, "openvino-f32", "openvino-bf16")
    assert (kept.of("openvino-f32"), kept.of("openvino-int8")) == (NOT_FINITE, None)
    (file,) = cache.glob("backends/*/openvino-f32-*.json")
    file.write_text(half, "utf-8")
    assert kept.of("openvino-f32") is None


def test_a_cache_that_nothing_can_be_written_to_hides_nothing(
    family: Family, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino_ir(ModelFolder.read(family("modernbert")))
    # A file where the folder would be, since root may write into any folder.
    (cache / "backends").write_text("", "utf-8")
    for _ in range(2):
        assert load(family("modernbert"), "openvino-f32").name == "torch-f32"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    ],
    ids=["memory", "allocation", "disk"],
)
def test_a_failure_that_may_pass_is_neither_hidden_nor_kept(
    family: Family, cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(import_openvino(), "convert_model", fails)
    with pytest.raises(type(error)):
        load(family("bert"), "openvino-f32")
    assert not list(cache.glob("backends/*/openvino*"))


def test_a_conversion_that_cannot_be_written_is_one_line_with_what_to_do(
    family: Family, cache: Path
) -> None:
    # A folder in the place of the file stops root too.
    converted = import_openvino().save_model
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            import_openvino(),
            "save_model",
            lambda model, file, **how: (file.mkdir(), converted(model, file, **how)),
        )
        with pytest.raises(StorageError, match="bytes are free: make room, or let LEAF_RAY_CACHE"):
            load(family("bert"), "openvino-f32")
    assert not list(cache.glob("backends/*/openvino*"))
    assert not list(cache.glob("openvino/*"))


def test_a_model_that_cannot_be_traced_is_refused_in_one_line_with_what_to_do(
    family: Family,
) -> None:
    with pytest.raises(NotTraced, match=r"cannot convert .*gemma3 \(.+\): compute it") as refused:
        openvino_ir(ModelFolder.read(family("gemma3")))
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.skipif(
    automatic_backend() != "openvino-bf16", reason="this chip does not compute in bfloat16"
)
def test_a_backend_that_ends_its_process_is_told_of_by_a_trial(family: Family) -> None:
    encoder = load(family("qwen3"), "openvino-bf16")
    assert encoder.name in ("torch-bf16", "openvino-bf16")
    if encoder.note:
        assert encoder.note.startswith("openvino-bf16 ends its process (SIG")
    assert np.isfinite(encoder.encode(TEXTS, kind=DOCUMENT)).all()


@pytest.mark.parametrize("signal", ["SIGFPE", "SIGSEGV", "SIGILL", "SIGABRT"])
def test_a_crash_is_a_fault_of_the_backend(signal: str) -> None:
    code = -getattr(openvino_trial.signal, signal)
    assert openvino_trial._crash(code, "") == f"ends its process ({signal})"


@pytest.mark.parametrize(
    ("signal", "stderr"),
    [("SIGKILL", ""), ("SIGTERM", "waiting"), ("SIGABRT", "what(): std::bad_alloc"), ("", "why")],
)
def test_a_trial_that_was_ended_from_outside_says_nothing_of_the_backend(
    signal: str, stderr: str
) -> None:
    code = -getattr(openvino_trial.signal, signal) if signal else 1
    with pytest.raises(EncodingError, match="see that there is memory") as refused:
        openvino_trial._crash(code, stderr)
    assert (signal or "exit code 1") in str(refused.value)
    assert stderr in str(refused.value)


def test_a_model_that_overflows_in_float16_is_computed_in_float32(
    family: Family, tmp_path: Path
) -> None:
    folder = a_copy(family("t5"), tmp_path / "t5")
    weights = load_file(folder / "model.safetensors")
    large = {n: 30_000 * w if "wo.weight" in n else w for n, w in weights.items()}
    save_file(large, folder / "model.safetensors", metadata={"format": "pt"})
    encoder = load(folder, "torch-f16")
    assert encoder.name == "torch-f32"
    assert encoder.note.startswith("torch-f16 gives a text ")
    np.testing.assert_allclose(encoder.encode(TEXTS, kind=DOCUMENT), alone(folder), atol=1e-4)


@pytest.mark.parametrize("name", ["convbert", "fnet"])
@pytest.mark.parametrize("backend", ["auto", "torch-f32"])
def test_a_model_that_padding_changes_is_given_none(
    family: Family, name: str, backend: Backend
) -> None:
    folder = family(name)
    encoder = load(folder, backend)
    assert (encoder.name, encoder.pads) == ("torch-f32", False)
    assert "gives a padded text another vector" in encoder.note
    np.testing.assert_allclose(encoder.encode(TEXTS, kind=DOCUMENT), alone(folder), atol=1e-5)
    for rows, _ in encoder.batches(TEXTS * 3, kind=DOCUMENT):
        assert len({len(ids) for ids in encoder.tokenizer([(TEXTS * 3)[i] for i in rows])}) == 1


def test_a_folder_that_says_more_tokens_than_there_are_positions_is_tried_with_fewer(
    family: Family,
) -> None:
    longer = replace(ModelFolder.read(family("xlm-roberta")), limit=600)
    assert Trial(longer, threads=1, keeps=False).openvino("f32") == ""
