"""When an endpoint may be asked, and how long to wait after a fault; nothing is sent here."""

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# An endpoint that asks for a longer wait is asked again after this one.
ASKED_CAP_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Full jitter: waits are drawn from a range that doubles with every fault, up to a cap.

    A wait that the endpoint asks for goes before the drawn one, up to a cap of its own.
    """

    base_seconds: float = 0.5
    cap_seconds: float = 30.0
    asked_cap_seconds: float = ASKED_CAP_SECONDS

    def seconds(self, attempt: int, *, drawn: float, asked: float = 0.0) -> float:
        """How long to wait after fault number `attempt`, from 0.

        drawn: uniform in [0, 1]. asked: what the endpoint wants, 0 where it says nothing.
        """
        # 2**32 is over any cap, and a larger power would overflow a float in the end.
        widest = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt, 32))
        # Added and not the larger of both: those told to wait alike do not come back at once.
        return min(asked, self.asked_cap_seconds) + drawn * widest


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


class Patience:
    """How long an answer is waited for.

    A request that is suspected to get none is not waited for as long as others, but many times as
    long as the slowest answer took.
    """

    SHORTEST_SECONDS = 5.0
    TIMES_THE_SLOWEST = 20.0

    def __init__(self, timeout_seconds: float) -> None:
        self.full = timeout_seconds
        self._slowest: float | None = None

    def answered(self, seconds: float) -> None:
        """Note an answer, and how long it took."""
        self._slowest = max(seconds, self._slowest or 0.0)

    @property
    def short(self) -> float:
        """Seconds to wait for what is suspected."""
        if self._slowest is None:
            return self.full
        return min(self.full, max(self.SHORTEST_SECONDS, self.TIMES_THE_SLOWEST * self._slowest))


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


class Admission:
    """How many requests may be under way: fewer where the endpoint says that it is busy.

    Each request that is turned away takes one place; places come back one by one. A place that is
    lost at once again was one too many, so the next trial waits twice as long.
    """

    FIRST_TRIAL = 32

    def __init__(self, most: int) -> None:
        self._most = most
        self.places = most
        self._trial = self.FIRST_TRIAL
        self._answered = 0
        self._is_trial = False

    def turned_away(self) -> None:
        """Note a request that came in too early."""
        if self._is_trial:
            self._trial, self._is_trial = 2 * self._trial, False
        self._answered = 0
        self.places = max(1, self.places - 1)

    def answered(self) -> None:
        """Note a request that was answered."""
        self._answered += 1
        if self.places < self._most and self._answered >= self._trial:
            self._answered, self._is_trial = 0, True
            self.places += 1


class Gate:
    """Limits requests at once and requests a minute, for the tasks of one event loop."""

    def __init__(self, *, concurrency: int, requests_per_minute: float | None) -> None:
        self._admission = Admission(concurrency)
        self._pace = Pace(requests_per_minute)
        self._inside = 0
        self._opens = 0.0
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Wait for a place; `leave` gives it back."""
        while self._inside >= self._admission.places:
            self._changed.clear()
            await self._changed.wait()
        self._inside += 1

    def leave(self) -> None:
        """Give a place back."""
        self._inside -= 1
        self._changed.set()

    async def turn(self) -> None:
        """Wait until the next request may be sent."""
        while (seconds := self._opens - time.monotonic()) > 0:
            await asyncio.sleep(seconds)
        await asyncio.sleep(self._pace.reserve(time.monotonic()))

    def answered(self) -> None:
        """Note a request that was answered."""
        self._admission.answered()

    def turned_away(self, *, seconds: float) -> None:
        """Note a request for which the endpoint was too busy.

        seconds: until anybody may ask again, where the endpoint told so; else 0.
        """
        if seconds > 0:
            seconds = min(seconds, ASKED_CAP_SECONDS)
            self._opens = max(self._opens, time.monotonic() + seconds)
        else:
            self._admission.turned_away()
