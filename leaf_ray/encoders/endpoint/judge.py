"""Whether a request that failed is sent again, divided, or given up; nothing is sent here.

A request's texts are at fault if they fail while other requests are answered. The endpoint is at
fault if no request is answered. The requests under way show which it is; if there are none, a
canary shows it: a request for one short text.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from leaf_ray.encoders.endpoint.faults import FaultKind

Verdict = Literal["again", "canary", "texts", "stop"]
"""again: send the request once more. canary: test whether the endpoint answers at all, and stop if
it does not. texts: the request's texts are at fault. stop: the endpoint is at fault."""

# How many tries fail, with no other request answered, before a canary is sent.
PATIENCE = 3
# A text that an endpoint answers by chance is lost once in a million.
LOST = 1e-6
# An endpoint that limits the rate of requests says nothing about the texts.
BUSY_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How often one request has failed so far.

    texts: how many texts it holds. suspect: whether it is part of a request that failed.
    tries: failures in all. counted: failures while other requests were answered.
    silent: the latest failures in a row during which no request was answered.
    """

    texts: int
    suspect: bool = False
    tries: int = 0
    counted: int = 0
    silent: int = 0

    def again(self, *, others_answered: bool) -> "Failures":
        """The counts after one more failure."""
        failures = replace(self, tries=self.tries + 1, silent=self.silent + 1)
        return failures.seen_answered() if others_answered else failures

    def seen_answered(self) -> "Failures":
        """The counts after other requests proved to be answered."""
        return replace(self, counted=self.counted + 1, silent=0)


def judge(kind: FaultKind, failures: Failures, *, attempts: int, failing_share: float) -> Verdict:
    """What to do after a try that failed.

    attempts: the most tries of a request that is not known to be at fault.
    failing_share: the share of all requests that fail, between 0 and 1.
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
    """The number of tries after which a text that alone fails is at fault, rather than unlucky.

    An endpoint that fails on a tenth of all requests fails six times in a row once in a million.
    """
    most = BUSY_TRIES * attempts
    if failing_share >= 1:
        return most
    tries = math.ceil(math.log(LOST) / math.log(max(failing_share, LOST)) - 1e-9)
    return min(most, max(min(PATIENCE, attempts), tries))


class FailingShare:
    """The share of recent requests that fail, measured on first tries of unsuspected requests."""

    # The prior, failures and requests: one of ten fails.
    BEFORE = (1.0, 10.0)
    REMEMBERED = 200.0

    def __init__(self) -> None:
        self._failed, self._sent = self.BEFORE

    @property
    def value(self) -> float:
        """Between 0 and 1."""
        return self._failed / self._sent

    def note(self, *, failed: bool) -> None:
        """Add a request, and halve the weight of old ones once there are many."""
        if self._sent >= self.REMEMBERED:
            self._failed, self._sent = self._failed / 2, self._sent / 2
        self._failed += failed
        self._sent += 1
