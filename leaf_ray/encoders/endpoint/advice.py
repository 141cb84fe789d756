"""What to do when an endpoint answers no request: each advice names a setting or a variable."""

from leaf_ray.encoders.endpoint.address import Address
from leaf_ray.encoders.endpoint.faults import Fault, FaultKind

_KEY = (
    "{key}: set it to one that it accepts; embed.endpoint.key_header and key_scheme say how it is "
    "sent"
)
_BY_STATUS = {
    200: "check the url, the model, {model}, and space.dimensions if that is set",
    401: _KEY,
    402: "check the account's quota and billing",
    403: _KEY,
    404: "check the url and the model, {model}",
    429: "lower embed.endpoint.concurrency or requests_per_minute",
    None: "check the url and that the endpoint runs, or raise embed.endpoint.timeout_seconds",
}
_BY_KIND: dict[FaultKind, str] = {
    "busy": "try again later, or lower embed.endpoint.concurrency",
    "failing": "try again later, or lower embed.endpoint.concurrency",
    "rejected": "it takes not even a short text: check the url, the model, {model}, and "
    "space.dimensions if that is set",
    "refused": "check the url",
}


def advice_of(fault: Fault, address: Address, *, model: str) -> str:
    """One clause that says what to change. model: the name that requests ask the endpoint for."""
    if fault.advice:
        return fault.advice
    wrong = "holds a key that it does not accept" if address.key else "is not set"
    advice = _BY_STATUS.get(fault.status) or _BY_KIND[fault.kind]
    return advice.format(key=f"{address.key_variable} {wrong}", model=model)
