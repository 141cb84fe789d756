"""The error at the end of a traceback that came as text."""

import re

# A line such as `leaf_ray.errors.InputError: the file is empty`; those of frames are indented.
_ERROR = re.compile(r"^(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*): (\S.*)$", re.MULTILINE)
# How tracebacks begin, and what Serve puts in front of them.
_NO_ERRORS = ("Traceback", "Error")


def last_error(text: str) -> str | None:
    """Return kind and message of the last error in `text`, such as `InputError: it is empty`."""
    named = [match for match in _ERROR.finditer(text) if match[1] not in _NO_ERRORS]
    return f"{named[-1][1]}: {named[-1][2]}" if named else None
