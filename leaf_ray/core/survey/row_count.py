"""How many rows a source has, as far as that is known."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowCount:
    """read: rows that were looked at. total: all rows; None where that is not known.

    size_read, size: of the source, in `unit`; 0 where that is not known.
    """

    read: int
    total: int | None
    size_read: float = 0.0
    size: float = 0.0
    unit: str = "bytes"

    @property
    def estimate(self) -> int:
        """All rows: their number, else as many as the bytes that were read let expect."""
        if self.total is not None:
            return self.total
        if not self.size_read:
            return self.read
        return max(self.read, round(self.read * self.size / self.size_read))

    def scaled(self, number: int) -> int:
        """Return of how many rows something is to be expected that `number` of those read have."""
        return round(number * self.estimate / self.read) if self.read else 0

    def in_words(self) -> str:
        """Return the number, or what is known of it."""
        if self.total is not None:
            return f"{self.total:,}"
        if not self.size_read:
            return f"at least {self.read:,}"
        return (
            f"at least {self.read:,} in {self._shown(self.size_read)} of {self._shown(self.size)}, "
            f"about {max(self.read, rounded(self.estimate)):,} in all"
        )

    def _shown(self, size: float) -> str:
        return megabytes(size) if self.unit == "bytes" else f"{size:,.0f} {self.unit}"


def megabytes(size: float) -> str:
    """Return a number of bytes for people."""
    return f"{max(0.1, size / 1e3):.1f} kB" if size < 1e5 else f"{size / 1e6:,.1f} MB"


def rounded(number: int) -> int:
    """Return an estimate in two digits."""
    return round(number, 2 - len(str(number)))
