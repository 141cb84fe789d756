"""A model is a folder, a name in the models folder, or an id on the hub, in that order."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

from leaf_ray.errors import ModelNotFound
from leaf_ray.models.resolve import cache_folder, resolve_model
from leaf_ray.models.wheels import default_folder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub, an empty working folder, and an empty models folder."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("LEAF_RAY_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)


def a_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text("[]", "utf-8")
    return folder


def test_a_folder_is_itself(tmp_path: Path) -> None:
    model = a_model(tmp_path / "mine")
    assert resolve_model(str(model)) == model
    assert resolve_model("mine") == resolve_model("./mine") == model


def test_a_folder_may_be_named_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model = a_model(tmp_path / "mine")
    assert resolve_model("~/mine") == model


def test_a_folder_of_transformers_alone_is_a_model_too(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}", "utf-8")
    assert resolve_model("bare") == tmp_path / "bare"


@pytest.mark.parametrize(
    ("there", "left_out"),
    [
        (["model.safetensors", "pytorch_model.bin"], ["pytorch_model.bin"]),
        (["pytorch_model.bin", "onnx/model.onnx"], ["onnx/model.onnx"]),
        (["model.safetensors", "2_Dense/config.json", "2_Dense/pytorch_model.bin"], []),
    ],
)
def test_a_hub_gives_the_weights_of_each_part_in_one_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: list[str], left_out: list[str]
) -> None:
    snapshot = a_model(tmp_path / "snapshot")

    def fetch(model_id: str, *, allow_patterns: list[str], revision: str | None = None) -> str:
        assert model_id == "someone/tiny"
        for name in there:
            if any(fnmatch(name, pattern) for pattern in allow_patterns):
                (snapshot / name).parent.mkdir(exist_ok=True)
                (snapshot / name).write_text("{}", "utf-8")
        return str(snapshot)

    # There is no hub to ask in a test.
    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    model = resolve_model("someone/tiny")
    found = {str(file.relative_to(model)) for file in model.rglob("*") if file.is_file()}
    assert found == {"modules.json", *there} - set(left_out)


@pytest.mark.parametrize("name", ["tiny", "sentence-transformers/tiny"])
def test_an_id_is_found_in_the_models_folder_with_or_without_its_owner(
    tmp_path: Path, name: str
) -> None:
    model = a_model(tmp_path / "models" / "tiny")
    assert resolve_model(name) == model


def test_a_folder_goes_before_the_models_folder(tmp_path: Path) -> None:
    a_model(tmp_path / "models" / "tiny")
    model = a_model(tmp_path / "tiny")
    assert resolve_model("tiny") == model


@pytest.mark.parametrize("name", ["./no", "/no/such/model", "~/no", "runs/a/leaf/model"])
def test_a_path_that_is_not_there_is_refused_without_asking_a_hub(name: str) -> None:
    with pytest.raises(ModelNotFound, match=r"is not the folder of a model \(neither"):
        resolve_model(name)


def test_a_folder_of_something_else_is_refused_without_asking_a_hub(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    with pytest.raises(ModelNotFound, match="tiny is not the folder of a model"):
        resolve_model("tiny")


@pytest.mark.parametrize("name", ["no-such-model", "nobody/no-such-model", "no such model!"])
def test_without_a_hub_a_model_is_refused_with_what_was_tried_and_what_to_do(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ModelNotFound) as refused:
        resolve_model(name)
    message = str(refused.value)
    assert message.startswith(f"no model {name}: there is no folder {name}, none at {tmp_path}")
    assert "Run `leaf models`" in message


def test_an_id_without_an_owner_is_one_of_sentence_transformers() -> None:
    with pytest.raises(ModelNotFound, match="hub did not give sentence-transformers/no-such-model"):
        resolve_model("no-such-model")


def test_a_model_that_was_fetched_into_the_cache_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEAF_RAY_MODELS")
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path / "cache"))
    assert default_folder().is_relative_to(cache_folder())
    model = a_model(default_folder() / "tiny")
    assert resolve_model("tiny") == model


@pytest.mark.parametrize("named", [None, ""])
def test_an_unnamed_cache_is_in_the_home_folder_and_never_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LEAF_RAY_CACHE", raising=False)
    if named is not None:
        monkeypatch.setenv("LEAF_RAY_CACHE", named)
    assert cache_folder() == tmp_path / "home" / ".cache" / "leaf_ray"
