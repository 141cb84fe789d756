"""Our own errors out of Ray's: what failed in a worker is told as if it had failed here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from leaf_ray import errors
from leaf_ray.errors import LeafRayError

E = TypeVar("E", bound=BaseException)


@contextmanager
def own_errors() -> Iterator[None]:
    """Raise the LeafRayError that an error of Ray's was caused by, instead of Ray's.

    Other errors pass unchanged.
    """
    try:
        yield
    except Exception as error:
        ours = caused_by(error, LeafRayError)
        if ours is None or ours is error:
            raise
        raise _without_advice(ours) from error


def error_to_json(error: LeafRayError) -> str:
    """An error of ours as text, to be raised again by another process."""
    return json.dumps({"kind": type(error).__name__, "message": str(error)})


def error_from_json(text: str) -> LeafRayError:
    """What `error_to_json` was given."""
    fields = json.loads(text)
    kind = getattr(errors, fields["kind"], LeafRayError)
    error: LeafRayError = kind(fields["message"])
    return error


def _without_advice(error: LeafRayError) -> LeafRayError:
    # Ray Data puts its own on retries behind the message of what failed in a task.
    message, added, _ = str(error).partition("\nFailed to ")
    return type(error)(message) if added else error


def caused_by(error: BaseException, kind: type[E]) -> E | None:
    """The first among an error and its causes that is of a kind."""
    found = next((cause for cause in _all_causes(error) if isinstance(cause, kind)), None)
    # Ray raises a class made of its own and of what failed; only the latter says it in one line,
    # and has its errno.
    cause = getattr(found, "cause", None)
    return cause if isinstance(cause, kind) else found


def _all_causes(error: BaseException) -> Iterator[BaseException]:
    queue: list[BaseException] = [error]
    seen: set[int] = set()
    while queue:
        candidate = queue.pop(0)
        if id(candidate) not in seen:
            seen.add(id(candidate))
            yield candidate
            queue.extend(_causes(candidate))


def _causes(error: BaseException) -> list[BaseException]:
    # Ray keeps the cause of a task's error in `cause`, those of workers in `worker_failures`.
    failures = getattr(error, "worker_failures", None)
    named = [error.__cause__, error.__context__]
    # A task of Ray keeps what it failed with in the one, a worker of Ray Train in the other.
    named += [getattr(error, "cause", None), getattr(error, "_base_exc", None)]
    if isinstance(failures, dict):
        named.extend(failures.values())
    return [cause for cause in named if isinstance(cause, BaseException)]
