"""How long work tells what it has done."""

from typing import Protocol


class Progress(Protocol):
    """Receives progress; drawing it is the receiver's."""

    def stage(self, name: str, *, about: str) -> None:
        """A stage begins; `about` says in a few words what it does."""
        ...

    def update(self, done: float, total: float, *, note: str = "") -> None:
        """`done` of `total` units of the current stage; `note` holds rates and the like."""
        ...

    def tell(self, remark: str) -> None:
        """What people should know now, while the current stage goes on."""
        ...

    def end(self, summary: str) -> None:
        """The current stage is over."""
        ...


class Silent:
    """Shows nothing: the default of the Python API."""

    def stage(self, name: str, *, about: str) -> None:
        """Say nothing."""

    def update(self, done: float, total: float, *, note: str = "") -> None:
        """Say nothing."""

    def tell(self, remark: str) -> None:
        """Say nothing."""

    def end(self, summary: str) -> None:
        """Say nothing."""
