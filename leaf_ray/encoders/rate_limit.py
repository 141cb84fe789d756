"""When an endpoint may be asked, and whether and when again after a fault; nothing is sent here."""

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

FaultKind = Literal["busy", "unusable", "rejected", "refused"]
"""busy: it may answer later; unusable: its answer holds no vectors for the texts;
rejected: it does not take these texts; refused: it takes nothing from us."""

RETRIED: tuple[FaultKind, ...] = ("busy", "unusable")
OF_THE_TEXTS: tuple[FaultKind, ...] = ("unusable", "rejected")


class Fault(Exception):
    """What went wrong in one exchange; the client tells it as one of leaf_ray's errors."""

    def __init__(
        self, kind: FaultKind, said: str, *, status: int | None = None, asked: float = 0.0
    ) -> None:
        super().__init__(said)
        self.kind = kind
        self.status = status
        self.asked = asked


def kind_of(status: int) -> FaultKind:
    """What an HTTP status that is no success means."""
    if status in (400, 413, 422):
        return "rejected"
    return "busy" if status in (408, 409, 425, 429) or status >= 500 else "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Full jitter: waits are drawn from a range that doubles with every fault, up to a cap.

    A wait that the endpoint asks for goes before the drawn one, up to a cap of its own.
    """

    base_seconds: float = 0.5
    cap_seconds: float = 30.0
    asked_cap_seconds: float = 300.0

    def seconds(self, attempt: int, *, drawn: float, asked: float = 0.0) -> float:
        """How long to wait after fault number `attempt`, from 0.

        drawn: uniform in [0, 1]. asked: what the endpoint wants, 0 where it says nothing.
        """
        # 2**32 is over any cap, and a larger power would overflow a float in the end.
        widest = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt, 32))
        # Added and not the larger of both: those told to wait alike do not come back at once.
        return min(asked, self.asked_cap_seconds) + drawn * widest


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how long one request is tried. timeout_seconds: of a whole exchange."""

    attempts: int
    timeout_seconds: float
    backoff: Backoff

    def wait(self, fault: Fault, *, attempt: int, drawn: float) -> float | None:
        """Seconds until the next attempt, or None to give up. attempt: the failed one, from 0."""
        if fault.kind not in RETRIED or attempt + 1 >= self.attempts:
            return None
        return self.backoff.seconds(attempt, drawn=drawn, asked=fault.asked)


def retry_after_seconds(header: str | None, *, now: datetime) -> float:
    """Read a Retry-After of seconds or of a date; 0 where there is none that can be read."""
    text = (header or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


class Pace:
    """Turns that are evenly spaced: a token bucket that holds one token."""

    def __init__(self, requests_per_minute: float | None) -> None:
        self._interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next = 0.0

    def reserve(self, now: float) -> float:
        """Take the next free turn; how many seconds after `now` it is."""
        turn = max(now, self._next)
        self._next = turn + self._interval
        return turn - now


class Gate:
    """At most `concurrency` at once, and so many a minute; for the tasks of one event loop."""

    def __init__(self, *, concurrency: int, requests_per_minute: float | None) -> None:
        self.slots = asyncio.Semaphore(concurrency)
        self._pace = Pace(requests_per_minute)

    async def turn(self) -> None:
        """Wait until the next request may be sent."""
        await asyncio.sleep(self._pace.reserve(time.monotonic()))
