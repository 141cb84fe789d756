import re
from io import StringIO

import pytest
from rich.console import Console

from leaf_ray.cli import console as console_module
from leaf_ray.cli.console import LOG_EVERY, ConsoleProgress


class Clock:
    """Time that passes when told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(console_module, "time", clock)
    return clock


def console(*, terminal: bool) -> tuple[Console, StringIO]:
    written = StringIO()
    return Console(file=written, force_terminal=terminal, width=120, soft_wrap=True), written


def test_a_log_gets_a_line_now_and_then_with_the_time_left(clock: Clock) -> None:
    target, written = console(terminal=False)
    progress = ConsoleProgress(target)
    progress.stage("embed", about="the teacher over all texts")
    for second in range(601):
        clock.now = 1000.0 + second
        progress.update(second * 10, 12_000, note="10 texts/s")
    progress.end("6,010 texts in 601 s")
    first, *lines, last = written.getvalue().splitlines()
    assert first == "embed: the teacher over all texts"
    assert last == "embed     6,010 texts in 601 s"
    assert len(lines) == 600 / LOG_EVERY
    assert lines[0] == "  embed 150 of 12,000, 10 texts/s, 19:45 left"
    assert lines[-1] == "  embed 6,000 of 12,000, 10 texts/s, 10:00 left"


def test_time_left_counts_from_where_a_resumed_stage_began(clock: Clock) -> None:
    target, written = console(terminal=False)
    progress = ConsoleProgress(target)
    progress.stage("embed", about="")
    progress.update(9_000, 10_000)
    clock.now += 20
    progress.update(9_500, 10_000)
    assert written.getvalue().splitlines()[-1] == "  embed 9,500 of 10,000, 0:20 left"


def test_nothing_is_said_of_time_before_there_is_a_pace(clock: Clock) -> None:
    target, written = console(terminal=False)
    progress = ConsoleProgress(target)
    progress.stage("embed", about="")
    clock.now += LOG_EVERY
    progress.update(0, 0)
    clock.now += LOG_EVERY
    progress.update(0, 100)
    assert written.getvalue().splitlines()[1:] == ["  embed", "  embed 0 of 100"]


def test_of_work_without_a_known_end_only_the_note_is_said(clock: Clock) -> None:
    target, written = console(terminal=False)
    progress = ConsoleProgress(target)
    progress.stage("texts", about="")
    for rows in (0, 1000):
        progress.update(0, 0, note=f"{rows:,} rows read")
        clock.now += 20
    assert written.getvalue().splitlines()[1:] == ["  texts 1,000 rows read"]


def test_time_left_starts_anew_when_other_work_begins(clock: Clock) -> None:
    target, written = console(terminal=False)
    progress = ConsoleProgress(target)
    progress.stage("texts", about="")
    for total, half in ((1000, 100), (10, 20), (10, 40)):
        progress.update(0, total)
        clock.now += half
        progress.update(total / 2, total)
        assert written.getvalue().splitlines()[-1].endswith(f", {half // 60}:{half % 60:02} left")
        progress.update(total, total)


def test_no_time_is_left_where_more_is_done_than_there_was_to_do(clock: Clock) -> None:
    target, written = console(terminal=False)
    progress = ConsoleProgress(target)
    progress.stage("evaluate", about="")
    progress.update(0, 100)
    clock.now += LOG_EVERY
    progress.update(120, 100)
    assert written.getvalue().splitlines()[-1].endswith(", 0:00 left")


@pytest.mark.parametrize("terminal", [False, True], ids=["log", "terminal"])
def test_what_stages_say_is_no_markup(clock: Clock, *, terminal: bool) -> None:
    target, written = console(terminal=terminal)
    progress = ConsoleProgress(target)
    progress.stage("index", about="into runs/[v1]/index [/]")
    clock.now += LOG_EVERY
    progress.update(1, 2, note="[/red] at 3/s")
    progress.end("finished before, runs/[v2]/index")
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.getvalue())
    for text in ("runs/[v1]/index [/]", "[/red] at 3/s", "runs/[v2]/index"):
        assert text in plain


def test_a_terminal_is_left_with_one_line_for_each_stage() -> None:
    target, written = console(terminal=True)
    progress = ConsoleProgress(target)
    for name in ("texts", "embed"):
        progress.stage(name, about=f"about {name}")
        for done in range(5):
            progress.update(done, 5, note=f"{done} done")
        progress.end(f"made {name}")
    assert screen(written.getvalue()) == ["texts     made texts", "embed     made embed"]


def test_a_stage_that_was_never_ended_is_closed_by_the_next() -> None:
    target, written = console(terminal=True)
    progress = ConsoleProgress(target)
    progress.stage("texts", about="about texts")
    progress.stage("embed", about="about embed")
    progress.end("made embed")
    assert screen(written.getvalue()) == ["embed     made embed"]


def screen(written: str) -> list[str]:
    """The lines that a terminal shows in the end: carriage returns, cursor up, erase line."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+", written):
        if token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            lines.extend([""] * (row + 1 - len(lines)))
        elif token.startswith("\x1b"):
            number = re.sub(r"\D", "", token)
            if token.endswith("A"):
                row -= int(number or 1)
            elif token == "\x1b[2K":
                lines[row] = ""
        else:
            lines[row] = lines[row][:column].ljust(column) + token
            column += len(token)
    return [line.rstrip() for line in lines if line.strip()]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_remark_stays_on_the_terminal_and_in_a_log(*, terminal: bool) -> None:
    target, written = console(terminal=terminal)
    with ConsoleProgress(target) as progress:
        progress.stage("embed", about="the teacher over all texts")
        progress.tell("set space.normalize: true [y/n]")
        progress.end("done")
    assert "note: set space.normalize: true [y/n]" in written.getvalue()
