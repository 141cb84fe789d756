"""How many texts there are to train on and to validate on, by kind and source."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from leaf_ray.core.text.texts import KINDS
from leaf_ray.errors import ConfigError

ByKind = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Counts:
    """Training texts and validation texts: of each kind, of each source within it."""

    trained_by_kind: ByKind = field(default_factory=dict)
    validation_by_kind: ByKind = field(default_factory=dict)

    @property
    def trained(self) -> int:
        """All texts to train on."""
        return _sum(self.trained_by_kind)

    @property
    def validation_texts(self) -> int:
        """All validation texts."""
        return _sum(self.validation_by_kind)

    @property
    def sources(self) -> set[str]:
        """The names of all sources."""
        return {name for sources in self.trained_by_kind.values() for name in sources}

    def expected(self, kind: str, weights: Mapping[str, float]) -> float:
        """Texts of a kind in an epoch, by the weights of their sources."""
        numbers = self.trained_by_kind.get(kind, {})
        return sum(number * weights.get(name, 1.0) for name, number in numbers.items())

    def taken(self, of_kind: Mapping[str, float], weights: Mapping[str, float]) -> "Counts":
        """Those alone that an epoch may take."""
        left = [
            {
                kind: {name: n for name, n in sources.items() if weights.get(name, 1.0) > 0}
                for kind, sources in of.items()
                if of_kind.get(kind, 0.0) > 0
            }
            for of in (self.trained_by_kind, self.validation_by_kind)
        ]
        return Counts(*left)

    @classmethod
    def total(cls, parts: Iterable["Counts"]) -> "Counts":
        """The sum."""
        known = list(parts)
        return cls(
            _total(p.trained_by_kind for p in known), _total(p.validation_by_kind for p in known)
        )


def check_seen(counts: Counts, *, trained: int, validation_texts: int, place: str) -> None:
    """Refuse to train on a part of the texts, as a worker sees them.

    Raises:
        ConfigError: another machine has the others.
    """
    if (trained, validation_texts) != (counts.trained, counts.validation_texts):
        in_all = counts.trained + counts.validation_texts
        raise ConfigError(
            f"{place} has {trained + validation_texts} of {in_all} training texts on this machine; "
            "other nodes wrote the rest to their own disks: put `root` where all nodes see it, on "
            "object storage or a shared folder"
        )


def _total(parts: Iterable[ByKind]) -> ByKind:
    total: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for part in parts:
        for kind, sources in part.items():
            total[kind].update(sources)
    return {kind: dict(sources) for kind, sources in total.items()}


def _sum(of: ByKind) -> int:
    return sum(number for sources in of.values() for number in sources.values())
