import errno
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors
import yaml

from leaf_ray.core.failures.plain_errors import first_line, plain_error
from leaf_ray.core.failures.plain_system import OS_ERRORS
from leaf_ray.core.failures.plain_tables import CLASSES
from leaf_ray.errors import (
    ClusterError,
    ConfigError,
    DamagedPart,
    EndpointError,
    InputError,
    LeafRayError,
    MemoryExhausted,
    MissingStage,
    ModelNotFound,
    StorageError,
)


def of_module(module: str, name: str, *, base: type[Exception] = Exception) -> type[Exception]:
    """A class that has the name of a library's and stands in its module."""
    return type(name, (base,), {"__module__": module})


def raised(action: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:
        action()
    return caught.value


@pytest.mark.parametrize("number", sorted(OS_ERRORS))
def test_each_error_of_the_system_says_where_and_what_to_do(number: int) -> None:
    told = plain_error(OSError(number, "as the system says", "/some/file"))
    assert isinstance(told, StorageError)
    found, _, fix = str(told).partition(": /some/file; ")
    assert found and fix and "as the system says" not in str(told)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left"),
        RuntimeError("lance error: LanceError(IO): No space left on device (os error 28), a.rs:1"),
        ValueError("External: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_one_in_the_words_of_each_library(error: Exception) -> None:
    told = plain_error(error)
    assert isinstance(told, StorageError)
    assert str(told).startswith("there is no space left on the disk") and "free some" in str(told)


def test_advice_of_ray_data_in_the_place_of_a_file_is_left_out() -> None:
    advice = "Failed to apply UDF transform.\nTo change retry attempts, configure"
    told = plain_error(OSError(errno.ENOSPC, "Error writing bytes to file", advice))
    assert "the disk: Error writing bytes to file; free some" in str(told)


def test_a_path_in_the_way_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for action in (lambda: (file / "below").mkdir(), lambda: tmp_path.read_text()):
        told = plain_error(raised(action))
        assert isinstance(told, StorageError) and str(tmp_path) in str(told)
        assert "stands where a" in str(told)


@pytest.mark.parametrize(
    ("action", "kind", "part"),
    [
        (lambda: json.loads('{"a": '), InputError, "JSON"),
        (lambda: yaml.safe_load("a: [\nb: }"), ConfigError, "YAML"),
        (lambda: b"\xff".decode(), InputError, "UTF-8"),
        (lambda: "\ud800".encode(), InputError, "encoding"),
        (lambda: pq.read_table(io.BytesIO(b"PAR1 cut short")), DamagedPart, "--again"),
        (
            lambda: pq.read_table(io.BytesIO(b"no parquet at all, only text")),
            DamagedPart,
            "--again",
        ),
        (lambda: pa.array([{"a": 1}, 2]), InputError, "cannot be held"),
        (lambda: zipfile.ZipFile(io.BytesIO(b"no zip")), InputError, "fetch it again"),
        (lambda: bytearray(1 << 62), MemoryExhausted, "memory is used up"),
        (lambda: __import__("no_such_package_at_all"), ConfigError, "no_such_package_at_all"),
    ],
)
def test_what_libraries_raise_is_told_in_plain_words(
    action: Callable[[], object], kind: type[LeafRayError], part: str
) -> None:
    told = plain_error(raised(action))
    assert type(told) is kind and part in str(told)


def test_a_parquet_file_that_is_cut_anywhere_is_a_damaged_one() -> None:
    whole = io.BytesIO()
    pq.write_table(pa.table({"text": [f"a text {i}" for i in range(1000)]}), whole)
    content = whole.getvalue()
    for share in (0.0, 0.3, 0.9, 0.999):
        cut = io.BytesIO(content[: int(len(content) * share)])
        assert isinstance(plain_error(raised(lambda cut=cut: pq.read_table(cut))), DamagedPart)


@pytest.mark.parametrize(("package", "name"), sorted(CLASSES))
def test_each_class_of_a_library_is_known_by_its_module(package: str, name: str) -> None:
    kind, words = CLASSES[package, name]
    if package == "builtins":
        return
    error = of_module(f"{package}.inner", name)("{odd} first\nsecond")
    told = plain_error(error)
    assert type(told) is kind
    assert str(told) == words.replace("{said}", "{odd} first")


@pytest.mark.parametrize(
    ("error", "kind", "part"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryExhausted, "GPU"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), MemoryExhausted, "memory"),
        (ModuleNotFoundError("No", name="datasets.x"), ConfigError, "pip install 'leaf-ray[hf]'"),
        (ImportError("libodd.so: cannot open", name="torch"), ConfigError, "libodd.so"),
        (RuntimeError("can't start new thread"), MemoryExhausted, "ulimit -u"),
        (
            OSError("When reading: AWS Error ACCESS_DENIED during HeadObject operation"),
            StorageError,
            "AWS_ACCESS_KEY_ID",
        ),
        (
            OSError("When: AWS Error UNKNOWN (HTTP status 403) during HeadObject"),
            StorageError,
            "AWS_ACCESS_KEY_ID",
        ),
        (
            OSError("When: AWS Error NETWORK_CONNECTION during ListObjectsV2: curlCode: 7"),
            StorageError,
            "AWS_ENDPOINT_URL",
        ),
        (RuntimeError("LanceError(IO): Object at x/data/a.lance not found"), DamagedPart, "index"),
        (
            OSError("Couldn't deserialize thrift: TProtocolException: Invalid data"),
            DamagedPart,
            "--again",
        ),
        (
            of_module("httpx", "ConnectTimeout", base=of_module("httpx", "TimeoutException"))("x"),
            EndpointError,
            "in time",
        ),
        (
            raised(lambda: safetensors.deserialize(b"")),
            ModelNotFound,
            "weights",
        ),
    ],
)
def test_what_is_known_by_its_words_is_told(
    error: Exception, kind: type[LeafRayError], part: str
) -> None:
    told = plain_error(error)
    assert type(told) is kind and part in str(told)


def test_the_nearest_class_of_ray_tells_more_than_its_base() -> None:
    base = of_module("ray.exceptions", "RayError")
    full = of_module("ray.exceptions", "ObjectStoreFullError", base=base)
    other = of_module("ray.exceptions", "SomethingNew", base=base)
    assert isinstance(plain_error(full("x")), MemoryExhausted)
    assert isinstance(plain_error(other("x")), ClusterError)


def test_what_only_carries_another_error_and_what_is_unknown_say_nothing() -> None:
    assert plain_error(of_module("ray.exceptions", "RayTaskError")("OSError: [Errno 28]")) is None
    for error in (KeyError("a"), RuntimeError("odd"), AssertionError(), TypeError("x")):
        assert plain_error(error) is None


def test_our_own_errors_stay_what_they_are() -> None:
    error = MissingStage("run `leaf texts FILE` first")
    assert plain_error(error) is error


def test_the_first_line_is_one_that_says_something_and_is_short() -> None:
    assert first_line(ValueError("\n  \n said here.\nand more")) == "said here"
    assert first_line(ValueError("")) == "ValueError"
    assert len(first_line(ValueError("x" * 10_000))) < 310


def test_of_many_files_that_were_not_copied_the_first_is_named() -> None:
    full = "[Errno 28] No space left on device: 'a' -> 'b'"
    told = plain_error(shutil.Error([("a", "b", full), ("c", "d", full)]))
    assert isinstance(told, StorageError)
    assert str(told).startswith("there is no space left on the disk: b; free some space")
