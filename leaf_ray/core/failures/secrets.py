"""Text without keys and passwords, for the terminal and for log files."""

import re
from collections.abc import Mapping

STRUCK = "***"
# A shorter value is a mode or a name, and would strike out ordinary words.
_SHORTEST_SECRET = 8
_NAME = r"[\w.-]*(?:api[_-]?key|access[_-]?key|secret|passw(?:or)?d|token|credentials?)[\w-]*"
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_FORMS = (
    # User and password of a URI, then its query, which may be signed.
    (re.compile(r"(://)[^/\s@'\"]+@"), rf"\1{STRUCK}@"),
    (re.compile(r"(\w://[^\s?'\"]+\?)[^\s'\"]+"), rf"\1{STRUCK}"),
    (re.compile(rf"({_NAME}['\"]?\s*=\s*['\"]?)[^\s'\",;]+", re.IGNORECASE), rf"\1{STRUCK}"),
    (re.compile(rf"({_NAME}['\"]\s*:\s*['\"])[^'\"]+", re.IGNORECASE), rf"\1{STRUCK}"),
    (re.compile(r"(Bearer\s+)[\w.~+/=-]+", re.IGNORECASE), rf"\1{STRUCK}"),
    (re.compile(r"\b(?:hf_|sk-)\w[\w-]{7,}"), STRUCK),
)


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """Return `text` with what is or may be a secret struck out.

    Secrets are the values of variables whose name says so (`..._KEY`, `..._TOKEN`), users and
    queries of URIs, values that are assigned to such names, and keys of well-known forms.
    """
    for value in sorted(_secret_values(environment), key=len, reverse=True):
        text = text.replace(value, STRUCK)
    for pattern, replacement in _FORMS:
        text = pattern.sub(replacement, text)
    return text


def _secret_values(environment: Mapping[str, str]) -> list[str]:
    return [
        value
        for name, value in environment.items()
        if len(value) >= _SHORTEST_SECRET
        # A path to a file of credentials is no secret itself.
        and not value.startswith(("/", "~"))
        and (_SECRET_NAME.search(name) or name.upper().endswith("KEY"))
    ]
