"""One line that says why something failed, out of an error that may be pages long."""

import re

LONGEST = 300
# A line of OpenVINO's that only says where in its own source something was raised.
_PLACE = re.compile(r"\w+\.(?:cpp|hpp|cc|h):\d+:$")


def one_line(error: BaseException) -> str:
    """What an error says first, without the places in a library's source that lead up to it.

    -> at most LONGEST characters; the error's class where it says nothing.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    places = [number for number, line in enumerate(lines) if _PLACE.search(line)]
    said = lines[places[-1] + 1 :] if places else lines
    line = next(iter(said or lines), type(error).__name__)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
