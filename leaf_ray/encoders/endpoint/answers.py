"""The bodies of an endpoint's answers: vectors, or what it says instead.

Shapes: B = texts of one request, D = dimensions.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from leaf_ray.encoders.endpoint.faults import Fault, kind_of, status_meant

MAX_SAID = 200
_NAMES = ("error", "errors", "message", "detail", "msg", "error_description", "reason")
_LABELS = ("code", "type", "error_type", "status")


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """vectors_BD: float32 in the order of the texts, NaN where a text got none.

    reasons: why a text got none, by position. doubtful: the order is that in which the vectors
    came, since the answer does not number them as it should.
    """

    vectors_BD: npt.NDArray[np.float32]
    reasons: dict[int, str] = field(default_factory=dict)
    doubtful: bool = False


def read_answer(
    content: bytes, num_texts: int, *, d: int | None, hide: Callable[[str], str] = str
) -> Answer:
    """Read the body of a success.

    d: the dimension that vectors have to have; None takes what the first vector has.
    hide: takes secrets out of what the endpoint says.

    Raises:
        Fault: the body holds an error, or not as many vectors as texts, or none that is usable.
    """
    body = _json_of(content)
    items = body.get("data") if isinstance(body, dict) else None
    if not isinstance(items, list) or (not items and _message(body)):
        raise _instead_of_vectors(body, content, hide)
    if len(items) != num_texts:
        raise _unusable(f"{len(items)} vectors for {num_texts} texts")
    places = places_of([_index(item) for item in items])
    if places is None:
        raise _unusable("vectors that are numbered neither by their texts nor in a row")
    order, doubtful = places
    found = [_vector(items[i]) for i in order]
    wanted = d or next((len(vector) for vector in found if not isinstance(vector, str)), 0)
    reasons = {row: said for row, vector in enumerate(found) if (said := _wrong(vector, wanted))}
    if len(reasons) == num_texts:
        raise _unusable(reasons[0])
    vectors_BD = np.full((num_texts, wanted), np.nan, dtype=np.float32)
    for row, vector in enumerate(found):
        if row not in reasons:
            vectors_BD[row] = vector
    told = {row: f"answered with {said}" for row, said in reasons.items()}
    return Answer(vectors_BD, told, doubtful)


def _unusable(found: str) -> Fault:
    return Fault("failing", f"answered with {found}", status=200)


def places_of(indices: Sequence[int | None]) -> tuple[list[int], bool] | None:
    """Which item is each text's, and whether that is in doubt; None where it cannot be known.

    The numbers of a good answer are 0 to B - 1 in any order. Some servers count from another
    number, begin anew for each part of a request, or give every item the same number or none:
    their items are in the order of the texts.
    """
    n = len(indices)
    given = [index for index in indices if index is not None]
    in_order = list(range(n))
    if len(given) < n:
        return (in_order, n > 1) if not given else None
    if n == 1:
        return in_order, False
    if len(set(given)) == n:
        order = sorted(in_order, key=lambda i: given[i])
        whole = given[order[-1]] - given[order[0]] == n - 1
        standard = whole and given[order[0]] == 0
        return (order, not standard) if whole or order == in_order else None
    first = given[0]
    in_a_row = all(b in (a + 1, first) for a, b in pairwise(given))
    return (in_order, True) if in_a_row else None


def _index(item: Any) -> int | None:
    index = item.get("index") if isinstance(item, dict) else None
    if isinstance(index, str) and index.strip().isdecimal():
        return int(index)
    if isinstance(index, float) and index.is_integer():
        return int(index)
    return index if isinstance(index, int) else None


def _vector(item: Any) -> npt.NDArray[np.float32] | str:
    """The vector of an item, or what is there in its place."""
    embedding = item.get("embedding") if isinstance(item, dict) else item
    if embedding is None:
        return "null in place of a vector"
    try:
        if isinstance(embedding, str):
            decoded = base64.b64decode(embedding, validate=True)
            return np.frombuffer(decoded, dtype="<f4").astype(np.float32)
        with np.errstate(over="ignore"):
            vector_D = np.asarray(embedding, dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        return "something that is no vector"
    # Some servers wrap each vector in a list of its own.
    flat = vector_D.ndim == 2 and len(vector_D) == 1
    if vector_D.ndim != 1 and not flat:
        return f"an array of shape {list(vector_D.shape)} in place of a vector"
    return vector_D.reshape(-1)


def _wrong(vector: npt.NDArray[np.float32] | str, wanted: int) -> str:
    if isinstance(vector, str):
        return vector
    if len(vector) != wanted or not wanted:
        return f"a vector of dimension {len(vector)}" + (f", not {wanted}" if wanted else "")
    return "" if np.isfinite(vector).all() else "a vector that is not finite"


def _json_of(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _instead_of_vectors(body: Any, content: bytes, hide: Callable[[str], str]) -> Fault:
    label, said = _labels(body), _message(body) if isinstance(body, dict) else ""
    if not said:
        shown = shortened(hide(_plain(content.decode("utf-8", "replace"))), none="an empty body")
        return _unusable(f"something that is no list of vectors: {shown}")
    codes = [int(word) for word in label.split() if re.fullmatch(r"[1-5]\d\d", word)]
    status = status_meant(codes[0] if codes else 200, label=label, said=said)
    return Fault(
        kind_of(status), f"answered 200 with an error: {shortened(hide(said))}", status=status
    )


def fault_of(response: httpx.Response, *, hide: Callable[[str], str] = str) -> Fault:
    """What an answer that is no success means. hide: takes secrets out of what it says."""
    said, label = message_of(response), _labels(_json_of(response.content))
    status = status_meant(response.status_code, label=label, said=said)
    shown = f"answered {response.status_code}: {shortened(hide(said))}"
    return Fault(kind_of(status), shown, status=status)


def _labels(body: Any) -> str:
    parts = [body, *(body.get(name) for name in _NAMES)] if isinstance(body, dict) else []
    labels = [part.get(name) for part in parts if isinstance(part, dict) for name in _LABELS]
    return " ".join(str(label) for label in labels if isinstance(label, str | int))


def message_of(response: httpx.Response) -> str:
    """What an answer that is no success says of the reason, in whichever form."""
    if response.has_redirect_location:
        return f"moved to {response.headers['Location'].partition('?')[0]}"
    body = _json_of(response.content)
    if body is None:
        return _plain(response.text)
    return _message(body) or json.dumps(body)


def _message(body: Any) -> str:
    """The messages of an error, from the outermost to the innermost; "" where there is none."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(said for part in body[:3] if (said := _message(part)))
    if not isinstance(body, dict):
        return ""
    # FastAPI repeats the whole request beside the place and the message of each mistake.
    where = body.get("loc")
    place = ".".join(map(str, where)) + ": " if isinstance(where, list) else ""
    found = [said for name in _NAMES if (said := _message(body.get(name)))]
    return place + ": ".join(dict.fromkeys(found)) if found else ""


def _plain(page: str) -> str:
    """The words of a page of HTML; other texts as they are."""
    if not re.match(r"\s*<(!doctype|html|head|body|\?xml)", page, re.IGNORECASE):
        return page
    hidden = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
    return "a page of HTML, " + re.sub(r"<[^>]*>", " ", hidden.sub(" ", page))


def shortened(text: str, *, none: str = "no reason given") -> str:
    """`text` on one line, cut to MAX_SAID characters."""
    line = " ".join(text.split()) or none
    return line if len(line) <= MAX_SAID else f"{line[:MAX_SAID]} ..."
