"""What an answer that holds no vectors means: for its texts, for the endpoint, and for how long."""

import re
from typing import Literal

FaultKind = Literal["busy", "failing", "rejected", "refused"]
"""busy: it asks for fewer requests. failing: an error of the server, a lost connection or an
unusable answer, which may pass. rejected: it does not take these texts. refused: it takes nothing
that is sent with this key, model and url."""

# Statuses that concern the key, the account, the model or the url, whatever the texts are. The
# other statuses of 4xx may be caused by one text: a firewall answers 403 to a text of SQL.
_REFUSED = (401, 402, 404, 405, 410)
_BUSY = (409, 425, 429)
_FAILING = (408, 424)

# The fields of an error that name its kind hold no text of the user, so they can be trusted.
_LABELS = (
    (re.compile(r"quota|billing|payment|credit"), 402),
    (re.compile(r"auth|api.?key|permission|forbidden"), 401),
    (re.compile(r"model.*(not.?found|unknown|missing)|not.?found"), 404),
    (re.compile(r"rate.?limit|too.?many.?requests|throttl"), 429),
    (re.compile(r"overload|unavailable|server|internal|timeout"), 503),
    (re.compile(r"context|length|invalid|bad.?request|validation|too.?large"), 400),
)
_OF_THE_TEXTS = re.compile(
    r"too (long|large|many)|maximum|exceed|limit|context length|invalid|api.?key|authenti|authori"
    r"|forbidden|denied",
    re.IGNORECASE,
)
_OF_THE_MOMENT = re.compile(
    r"rate.?limit|too many requests|overload|try again|is loading|capacity|temporar", re.IGNORECASE
)
_TOO_LARGE_FOR_A_MINUTE = re.compile(
    r"(request|input)s? (is |are )?too (large|long)", re.IGNORECASE
)


class Fault(Exception):
    """What went wrong in one exchange; the client tells it as one of leaf_ray's errors.

    status: of HTTP, or what stands for it in the body of an answer; None without an answer.
    asked: seconds that the endpoint wants us to wait. advice: what to do, where that is known.
    sent: when the request was sent, by time.monotonic; the exchange sets it. waited: for how many
    seconds an answer was waited for in vain; None for other faults.
    """

    def __init__(
        self,
        kind: FaultKind,
        said: str,
        *,
        status: int | None = None,
        asked: float = 0.0,
        advice: str = "",
        waited: float | None = None,
    ) -> None:
        super().__init__(said)
        self.kind = kind
        self.status = status
        self.asked = asked
        self.advice = advice
        self.sent = 0.0
        self.waited = waited


def kind_of(status: int) -> FaultKind:
    """What an HTTP status that is no success means."""
    if status in _BUSY:
        return "busy"
    if status in _FAILING or status >= 500:
        return "failing"
    return "refused" if status < 400 or status in _REFUSED else "rejected"


def status_meant(status: int, *, label: str, said: str) -> int:
    """The status that an error would have, if its endpoint chose statuses well.

    status: of HTTP, or a code in the body. label: what the body names as the kind of the error.
    said: its message, which may repeat a text, so that it never decides against the endpoint.
    """
    if status == 429:
        if _TOO_LARGE_FOR_A_MINUTE.search(said):
            return 413
        return 402 if _LABELS[0][0].search(label.lower()) else status
    if status >= 300:
        return status
    for pattern, meant in _LABELS:
        if pattern.search(label.lower()):
            return meant
    if _OF_THE_MOMENT.search(said):
        return 503
    return 400 if _OF_THE_TEXTS.search(said) else 500
