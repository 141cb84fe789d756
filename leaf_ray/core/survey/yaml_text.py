"""Strings as YAML, and as comments in it."""

import re

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
# Words that YAML takes for something else than strings.
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def quoted(text: str) -> str:
    """Return a string as a value of YAML: plain where that says the same, else in double quotes."""
    is_word = text.casefold() in _WORDS
    return text if _PLAIN.fullmatch(text) and not is_word else f'"{_escaped(text)}"'


def comment(text: str, *, width: int) -> str:
    """Return a string as a comment on one line of at most `width` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= width else f"{line[: width - 3].rstrip()}..."


def _escaped(text: str) -> str:
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
