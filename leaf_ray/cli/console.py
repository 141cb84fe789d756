"""Progress for people: a live bar on a terminal, a line now and then in a log."""

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

# Seconds between lines where there is no terminal.
LOG_EVERY = 15.0


class ConsoleProgress:
    """Draws one stage at a time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._name = ""
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)
        self._last_line = 0.0

    def __enter__(self) -> "ConsoleProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def stage(self, name: str, *, about: str) -> None:
        """Begin a stage."""
        self._close()
        self._name, self._first, self._last_line = name, None, time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"{name}: {about}", markup=False)
            return
        self._bar = Progress(
            TextColumn("[bold]{task.fields[stage]:9}"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(about, stage=name, total=None)

    def update(self, done: float, total: float, *, note: str = "") -> None:
        """Show how far the stage is, and the time left at its pace so far."""
        now = time.monotonic()
        last_done, last_total = self._last
        # Another total, or less done than before, is other work, which has its own pace.
        if self._first is None or total != last_total or done < last_done:
            self._first = (now, done)
        self._last = (done, total)
        left = self._time_left(now, done, total)
        said = ", ".join(part for part in (note, left) if part)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total or None, description=said)
        elif now - self._last_line >= LOG_EVERY:
            self._last_line = now
            # How much there is in all, not all work knows.
            amount = f"{done:,.0f} of {total:,.0f}" if total else ""
            line = ", ".join(part for part in (amount, said) if part)
            self._console.print(f"  {self._name} {line}".rstrip(), markup=False)

    def tell(self, remark: str) -> None:
        """Leave a line behind, above the bar where there is one."""
        self._console.print(f"[bold]{self._name:9}[/] note: {escape(remark)}", highlight=False)

    def end(self, summary: str) -> None:
        """Leave one line behind."""
        self._close()
        self._console.print(f"[bold]{self._name:9}[/] {escape(summary)}", highlight=False)

    def _time_left(self, now: float, done: float, total: float) -> str:
        assert self._first is not None
        began, start = self._first
        if done <= start or now - began < 2:
            return ""
        # Where the total was an estimate more may be done than that.
        seconds = max(0.0, total - done) * (now - began) / (done - start)
        return f"{int(seconds // 60)}:{int(seconds % 60):02d} left"

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
