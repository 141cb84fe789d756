"""The meaning of errors of the system and of libraries in plain words, with what mends them.

Classes of libraries are matched by module and name, so that no library is imported here. This also
works for a library that failed to load.
"""

import re
import shutil

from leaf_ray.core.failures.plain_system import AGAIN, OS_ERRORS
from leaf_ray.core.failures.plain_tables import CLASSES, EXTRAS, TEXTS
from leaf_ray.errors import ConfigError, LeafRayError, StorageError

_LONGEST_DETAIL = 300
# What Python and Arrow put around the name of what failed.
_FRAME = re.compile(r"^\[Errno \d+\] |\. Detail: \[errno \d+\].*$")


def plain_error(error: BaseException) -> LeafRayError | None:
    """An error of ours that says the same in plain words; None where its meaning is not known."""
    if isinstance(error, LeafRayError):
        return error
    # A RayTaskError only carries the error of a worker, which is looked at by itself.
    if _is_of(error, "ray", "RayTaskError"):
        return None
    for tell in (_from_text, _from_class, _from_errno, _from_import):
        if told := tell(error):
            return told
    return None


def first_line(error: BaseException) -> str:
    """The first line of an error that says something, of at most 300 characters."""
    lines = [_FRAME.sub("", line.strip()) for line in str(error).splitlines()]
    said = next((line for line in lines if line), type(error).__name__).rstrip(".:")
    return said if len(said) <= _LONGEST_DETAIL else f"{said[:_LONGEST_DETAIL]}..."


def _from_text(error: BaseException) -> LeafRayError | None:
    if not isinstance(error, (RuntimeError, OSError, ValueError)) and not _is_of(error, "ray", ""):
        return None
    text = str(error)
    # Rust libraries write the system's error number into the message.
    if number := re.search(r"\(os error (\d+)\)|\[?errno (\d+)\]?", text, re.IGNORECASE):
        told = _os_error(int(number[1] or number[2]), error)
        if told is not None:
            return told
    for pattern, (kind, words) in TEXTS:
        if pattern.search(text):
            return kind(words.format(said=first_line(error)))
    return None


def _from_class(error: BaseException) -> LeafRayError | None:
    for parent in type(error).__mro__:
        told = CLASSES.get((parent.__module__.partition(".")[0], parent.__name__))
        if told is not None:
            kind, words = told
            return kind(words.replace("{said}", first_line(error)))
    return None


def _from_errno(error: BaseException) -> LeafRayError | None:
    if not isinstance(error, OSError):
        return None
    if error.errno is not None and (told := _os_error(error.errno, error)):
        return told
    return StorageError(
        f"the system or the storage failed ({first_line(error)}): check it, {AGAIN}"
    )


def _os_error(number: int, error: BaseException) -> LeafRayError | None:
    if number not in OS_ERRORS:
        return None
    found, fix = OS_ERRORS[number]
    return StorageError(f"{found}: {what_failed(error)}; {fix}")


def what_failed(error: BaseException) -> str:
    """The files that an error of the system names, or else its first line."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        # It lists every file that was not copied, from where, to where and why.
        return str(error.args[0][0][1])
    names = [getattr(error, name, None) for name in ("filename", "filename2")]
    # Ray Data puts its own advice on retries in a file's place.
    files = [str(name) for name in names if name is not None and "\n" not in str(name)]
    return " and ".join(files) or first_line(OSError(getattr(error, "strerror", None) or error))


def _from_import(error: BaseException) -> LeafRayError | None:
    if not isinstance(error, ImportError):
        return None
    missing = isinstance(error, ModuleNotFoundError)
    package = (error.name or "a package").partition(".")[0]
    extra = EXTRAS.get(package)
    install = f"`pip install 'leaf-ray[{extra}]'`" if extra else "install leaf-ray again (pip)"
    found = "is not installed" if missing else f"does not load ({first_line(error)})"
    return ConfigError(f"the package {package} {found}: {install}")


def _is_of(error: BaseException, package: str, name: str) -> bool:
    return any(
        parent.__module__.partition(".")[0] == package and name in ("", parent.__name__)
        for parent in type(error).__mro__
    )
