"""The URL of an endpoint and its key; no text made from them shows a secret."""

import re
from dataclasses import dataclass, field

import httpx

from leaf_ray.errors import ConfigError

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# Headers that the client sets itself.
_OWN = ("content-type", "content-length", "host", "transfer-encoding", "connection")
USUAL_HEADER, USUAL_SCHEME = "Authorization", "Bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an endpoint is, and the key to it; str() shows neither key nor query.

    header, scheme: the key is sent as `header: scheme key`, or alone where the scheme is "".
    """

    url: httpx.URL = field(repr=False)
    key: str = field(repr=False)
    key_variable: str
    header: str = USUAL_HEADER
    scheme: str = USUAL_SCHEME

    def __str__(self) -> str:
        return str(self.url.copy_with(query=None, fragment=None))

    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        json_type = {"Content-Type": "application/json"}
        return (
            {**json_type, self.header: f"{self.scheme} {self.key}".strip()}
            if self.key
            else json_type
        )

    def without_key(self, text: str) -> str:
        """`text` with the key struck out: some endpoints repeat it in their errors."""
        return text.replace(self.key, "***") if self.key else text


def check_header(header: str, scheme: str) -> None:
    """Check that a key can be sent as `header: scheme key`.

    header: the name of an HTTP header. scheme: the word before the key, or "".

    Raises:
        ConfigError: it cannot. The values are not shown, since a user may have put the key there.
    """
    if not _HEADER.fullmatch(header) or header.lower() in _OWN:
        raise ConfigError(
            "embed.endpoint.key_header is not the name of an HTTP header: set it to a name such as "
            "Authorization or api-key, without a colon and without the key"
        )
    if not re.fullmatch(r"[\x21-\x7e]*", scheme):
        raise ConfigError(
            "embed.endpoint.key_scheme has to be one ASCII word such as Bearer or Basic, or '' to "
            "send the key alone: the key itself comes from the environment"
        )


def embeddings_url(base: str) -> httpx.URL:
    """`base` with `/embeddings` at the end of its path, and its own query.

    Raises:
        ConfigError: `base` is no URL of HTTP, or holds a password. The message does not show it.
    """
    try:
        url = httpx.URL(base)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise ConfigError(
            "the URL of an endpoint has to be http:// or https://, a host and a path, such as "
            "https://host/v1, without a user or password: put the key into the environment instead"
        )
    path = url.path.rstrip("/").removesuffix("/embeddings")
    return url.copy_with(path=path + "/embeddings")
