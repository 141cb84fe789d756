"""Our own errors out of Ray's: what failed in a worker is told as if it had failed here."""

from collections.abc import Iterator
from contextlib import contextmanager

from leaf_ray.errors import LeafRayError


@contextmanager
def own_errors() -> Iterator[None]:
    """Raise the LeafRayError that an error of Ray's was caused by, instead of Ray's.

    Other errors pass unchanged.
    """
    try:
        yield
    except Exception as error:
        ours = _find(error)
        if ours is None or ours is error:
            raise
        raise _without_advice(ours) from error


def _without_advice(error: LeafRayError) -> LeafRayError:
    # Ray Data puts its own on retries behind the message of what failed in a task.
    message, added, _ = str(error).partition("\nFailed to ")
    return type(error)(message) if added else error


def _find(error: BaseException) -> LeafRayError | None:
    found = next((cause for cause in all_causes(error) if isinstance(cause, LeafRayError)), None)
    # Ray raises a class made of its own and ours; only ours says it in one line.
    cause = getattr(found, "cause", None)
    return cause if isinstance(cause, LeafRayError) else found


def all_causes(error: BaseException, *, contexts: bool = True) -> Iterator[BaseException]:
    """An error and all that it was caused by, the nearest first, Ray's wrappings among them.

    contexts: those too that were being handled when another was raised, though not as its cause.
    """
    queue: list[BaseException] = [error]
    seen: set[int] = set()
    while queue:
        candidate = queue.pop(0)
        if id(candidate) not in seen:
            seen.add(id(candidate))
            yield candidate
            queue.extend(_causes(candidate, contexts=contexts))


def _causes(error: BaseException, *, contexts: bool) -> list[BaseException]:
    # Ray keeps the cause of a task's error in `cause`, those of workers in `worker_failures`.
    failures = getattr(error, "worker_failures", None)
    named = [error.__cause__, error.__context__ if contexts else None]
    # A task of Ray keeps what it failed with in the one, a worker of Ray Train in the other.
    named += [getattr(error, "cause", None), getattr(error, "_base_exc", None)]
    named += [getattr(error, "controller_failure", None)]
    # Ray Train keeps the loss of a worker here.
    named += [getattr(error, "health_check_failure", None)]
    if isinstance(failures, dict):
        named.extend(failures.values())
    return [cause for cause in named if isinstance(cause, BaseException)]
