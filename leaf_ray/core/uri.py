"""URIs as they may be shown and stored: without what may be a key."""

import re

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def redacted(path: str) -> str:
    """Return how errors and manifests name `path`: a URI without its query and user."""
    scheme = _SCHEME.match(path)
    if scheme is None:
        return path
    return scheme[0] + path.removeprefix(scheme[0]).partition("?")[0].rpartition("@")[2]


def has_user(path: str) -> bool:
    """Tell whether a URI names a user, and with it a key perhaps."""
    scheme = _SCHEME.match(path)
    return scheme is not None and "@" in path.removeprefix(scheme[0]).partition("/")[0]
