"""Whether a request that failed is sent again, divided, or given up; nothing is sent here.

Texts are at fault where they fail while others are answered; the endpoint is at fault where nobody
is answered. Whoever is answered is seen by the requests that are under way anyway, and where there
are none, by a canary: a short text that the endpoint is asked for.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from leaf_ray.encoders.endpoint.faults import FaultKind

Verdict = Literal["again", "canary", "texts", "stop"]
"""again: send the request once more. canary: see whether the endpoint answers at all, and stop
where it does not. texts: the texts of the request are at fault. stop: the endpoint is."""

# Tries without an answer to anybody, before a canary is worth its request.
PATIENCE = 3
# A text that an endpoint answers by chance is lost once in a million.
LOST = 1e-6
# An endpoint that limits the rate of requests says nothing about the texts.
BUSY_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What became of one request until now.

    texts: how many it holds. suspect: it is part of a request that failed. tries: how often it
    failed. counted: how often it failed while others were answered. silent: how often in a row
    nobody was answered meanwhile.
    """

    texts: int
    suspect: bool = False
    tries: int = 0
    counted: int = 0
    silent: int = 0

    def again(self, *, others_answered: bool) -> "Failures":
        """The same after one more try."""
        failures = replace(self, tries=self.tries + 1, silent=self.silent + 1)
        return failures.seen_answered() if others_answered else failures

    def seen_answered(self) -> "Failures":
        """The same after it was seen that others are answered."""
        return replace(self, counted=self.counted + 1, silent=0)


def judge(kind: FaultKind, failures: Failures, *, attempts: int, failing_share: float) -> Verdict:
    """What to do after a try that failed.

    attempts: tries of a request that is not known to be at fault. failing_share: of requests,
        whatever their texts are.
    """
    if kind == "refused":
        return "stop"
    if failures.silent == 0:
        at_fault = _is_enough(kind, failures, attempts, failing_share)
        return "texts" if at_fault else "again"
    return "canary" if _is_doubtful(kind, failures, attempts) else "again"


def _is_enough(kind: FaultKind, failures: Failures, attempts: int, failing_share: float) -> bool:
    if kind == "rejected":
        return True
    if kind == "busy":
        return failures.counted >= attempts * (1 if failures.texts > 1 else BUSY_TRIES)
    if failures.texts > 1:
        # Nothing is lost by dividing a request too early.
        return failures.suspect or failures.tries > 1
    return failures.counted >= tries_of_one_text(failing_share, attempts=attempts)


def _is_doubtful(kind: FaultKind, failures: Failures, attempts: int) -> bool:
    if kind == "busy":
        return failures.silent >= attempts
    was_seen = kind == "rejected" or failures.suspect or failures.counted > 0
    return was_seen or failures.silent >= min(PATIENCE, attempts)


def tries_of_one_text(failing_share: float, *, attempts: int) -> int:
    """Tries after which a text that is the only one to fail is at fault, and not chance.

    An endpoint that fails on a tenth of all requests fails six times in a row once in a million.
    """
    most = BUSY_TRIES * attempts
    if failing_share >= 1:
        return most
    tries = math.ceil(math.log(LOST) / math.log(max(failing_share, LOST)) - 1e-9)
    return min(most, max(min(PATIENCE, attempts), tries))


class FailingShare:
    """The share of requests that fail lately, by the first tries of requests not suspected."""

    # What is taken for known before anything is: one of ten fails.
    BEFORE = (1.0, 10.0)
    REMEMBERED = 200.0

    def __init__(self) -> None:
        self._failed, self._sent = self.BEFORE

    @property
    def value(self) -> float:
        """Between 0 and 1."""
        return self._failed / self._sent

    def note(self, *, failed: bool) -> None:
        """Add a request, and let those long ago count less."""
        if self._sent >= self.REMEMBERED:
            self._failed, self._sent = self._failed / 2, self._sent / 2
        self._failed += failed
        self._sent += 1
