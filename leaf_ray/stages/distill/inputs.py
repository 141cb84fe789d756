"""What a leaf is made from: vectors of one space, and the encoder that it begins as."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leaf_ray.config import RunConfig
from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.config.sections import SpaceConfig
from leaf_ray.core.space.space import Space
from leaf_ray.errors import ConfigError, SpaceMismatch
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import model_on_disk
from leaf_ray.runs import Run
from leaf_ray.stages.distill.init import resolve_init
from leaf_ray.stages.distill.sources import (
    VectorSource,
    other_source,
    own_source,
    require_one_space,
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a leaf is made from. init: the encoder that it begins as."""

    sources: Sequence[VectorSource]
    space: Space
    init: ModelFolder

    @property
    def rows(self) -> int:
        """All texts with vectors, validation texts among them."""
        return sum(source.rows for source in self.sources)


def resolve_inputs(config: RunConfig, run: Run) -> Inputs:
    """Find what a leaf is made from, and refuse what does not go together.

    Raises:
        MissingStage, InputError: vectors that are named are not finished, or not there.
        SpaceMismatch: vectors are of several spaces, or of another than the run describes.
        ConfigError: settings do not fit the space or the encoder.
        ModelNotFound: there is no such encoder.
    """
    settings = config.distill
    sources = _sources(config, run)
    space = require_one_space(sources, run.vectors)
    if settings.vectors:
        check_space(config.space, space)
    init = resolve_init(settings, space)
    check_prefixes(settings, space)
    check_names(settings, [source.name for source in sources])
    return Inputs(sources, space, init)


def _sources(config: RunConfig, run: Run) -> list[VectorSource]:
    settings = config.distill
    if not settings.vectors:
        return [own_source(run.vectors, source_column=settings.source_column)]
    return [other_source(place, source_column=settings.source_column) for place in settings.vectors]


def check_space(wanted: SpaceConfig, space: Space) -> None:
    """Refuse vectors of another space than the run file describes, as far as it does.

    A leaf of another teacher could not be evaluated or served by this run.

    Raises:
        SpaceMismatch: they differ in the teacher, or in what is stated of how it is asked.
    """
    stated: dict[str, Any] = {
        "max_length": wanted.max_length,
        "query_prompt": wanted.query_prompt,
        "document_prompt": wanted.document_prompt,
    }
    differ = [
        f"{name}: {value!r} against {getattr(space, name)!r}"
        for name, value in stated.items()
        if value is not None and value != getattr(space, name)
    ]
    if (wanted.rotation is not None) != bool(space.rotation):
        differ.append(f"rotation: {wanted.rotation} against {space.rotation[:8] or None}")
    if wanted.normalize and not space.normalized:
        differ.append("normalize: True against None")
    if not _is_teacher_of(wanted, space):
        differ.append(f"teacher: {wanted.endpoint or ''} {wanted.teacher} against {space.weights}")
    if differ:
        raise SpaceMismatch(
            f"distill.vectors are of the space {space}, and the run file describes another "
            f"({'; '.join(differ)}): give its section `space` the settings that the vectors were "
            "made with, or name other vectors"
        )


def _is_teacher_of(wanted: SpaceConfig, space: Space) -> bool:
    origin = space.weights.partition(":")[0]
    if origin != "given" and (wanted.endpoint is not None) != (origin == "endpoint"):
        return False
    # A model has many names; where it is at hand, its weights decide.
    folder = model_on_disk(wanted.teacher) if origin == "sha256" else None
    if folder is not None:
        return f"sha256:{ModelFolder.read(folder).weights_sha256()}" == space.weights
    ours, theirs = (name.rstrip("/").rpartition("/")[2] for name in (wanted.teacher, space.teacher))
    return ours == theirs


def check_names(settings: DistillConfig, names: Sequence[str]) -> None:
    """Refuse a weight of a name that several of `distill.vectors` have.

    names: of all of them; a table's is its own, and all may be called `documents`.

    Raises:
        ConfigError: as said.
    """
    for name in settings.weights:
        if (number := names.count(name)) > 1:
            raise ConfigError(
                f"distill.weights: {number} of distill.vectors are called {name!r}, so their "
                "weights cannot differ: give their tables (index.table) or their runs' folders "
                "different names"
            )


def check_prefixes(settings: DistillConfig, space: Space) -> None:
    """Refuse weights of more leading dimensions than there are.

    Raises:
        ConfigError: as said.
    """
    too_long = [length for length in settings.prefix_weights if length > space.dimension]
    if too_long:
        raise ConfigError(
            f"distill.prefix_weights: {too_long[0]} is more than the {space.dimension} dimensions "
            f"of the space {space}"
        )
