"""What a distillation refuses before it begins, and how it mixes what it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.config.sections import SpaceConfig
from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import ConfigError, InputError, SpaceMismatch
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.leaf_folder import leaf_space
from leaf_ray.models.loaded_tokenizer import LoadedTokenizer
from leaf_ray.models.resolve import model_on_disk
from leaf_ray.stages.distill.counts import Counts

# The fewest that a head can be fitted on.
FEWEST_TEXTS = 10


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
            f"({'; '.join(differ)}): write into its section `space` what they were made with, or "
            "name other vectors"
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


def check_init(folder: ModelFolder, space: Space) -> None:
    """Refuse an encoder that cannot read what the teacher read.

    Raises:
        ConfigError: it reads too few tokens, or cannot pad.
    """
    if folder.positions is not None and folder.positions < space.max_length:
        raise ConfigError(
            f"distill.init {folder.path.name} reads at most {folder.positions} tokens, but the "
            f"space {space} has texts of {space.max_length}: start from another encoder, or make "
            f"the vectors again with space.max_length={folder.positions}"
        )
    # Many kinds of tokenizer have such a token though no file says so.
    if not folder.pads and not LoadedTokenizer.of(folder).pads:
        raise ConfigError(
            f"the tokenizer of distill.init {folder.path.name} has no padding token, so that texts "
            "of several lengths cannot be one batch: set pad_token in its tokenizer_config.json, "
            "or start from another encoder"
        )


def check_layers(settings: DistillConfig, init: ModelFolder) -> None:
    """Refuse layers that the encoder has not.

    Raises:
        ConfigError: as said.
    """
    beyond = [layer for layer in settings.init_layers if init.layers and layer > init.layers]
    if beyond:
        raise ConfigError(
            f"distill.init_layers names layer {beyond[0]}, but the encoder has layers 1 to "
            f"{init.layers}"
        )


def check_head(settings: DistillConfig, init: Path, space: Space) -> None:
    """Refuse the head of what is no leaf of this space; how long its texts were does not matter.

    Raises:
        SpaceMismatch: as said.
    """
    if settings.head == "init":
        theirs = replace(leaf_space(init), max_length=space.max_length)
        require_same_space(space, theirs, our_name="this run", their_name=f"distill.init {init}")


def check_names(settings: DistillConfig, names: Sequence[str]) -> None:
    """Refuse a weight of a name that several of `distill.vectors` have.

    names: of all of them; a table's is its own, and all may be called `documents`.

    Raises:
        ConfigError: as said.
    """
    for name in settings.weights:
        if (number := names.count(name)) > 1:
            raise ConfigError(
                f"distill.weights: {number} of distill.vectors are called {name!r}, and it cannot "
                "weigh one of them: name their tables apart (index.table), or their runs' folders"
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


def check_texts(settings: DistillConfig, counts: Counts, of_kind: Mapping[str, float]) -> None:
    """Refuse weights of sources that are not there, and too few texts.

    Raises:
        ConfigError, InputError: as said.
    """
    unknown = [name for name in settings.weights if name not in counts.sources]
    if unknown:
        known = ", ".join(sorted(counts.sources))
        raise ConfigError(
            f"distill.weights: no text is from {unknown[0]!r}; there are texts from {known}"
        )
    left = counts.taken(of_kind, settings.weights)
    if settings.head == "ridge" and left.trained < FEWEST_TEXTS:
        raise InputError(
            f"{left.trained} training texts are too few to fit a head on, which needs "
            f"{FEWEST_TEXTS}: bring more texts"
        )
    if not left.trained:
        raise InputError("distill.weights leave no text to train on, or to find: raise one of them")
    taken = sum(of_kind[kind] * counts.expected(kind, settings.weights) for kind in of_kind)
    needed = settings.batch_size * settings.micro_batches
    if settings.epochs and taken < needed:
        raise InputError(
            f"{taken:.0f} training texts are too few: a step of {settings.micro_batches} batches "
            f"of {settings.batch_size} takes {needed}. Bring more texts, or lower "
            "distill.batch_size, distill.workers or distill.accumulate, or raise distill.weights"
        )
    if not left.held_out:
        raise InputError(
            f"none of {left.trained} texts is held out to validate the leaf on: raise "
            "distill.held_out_share"
        )


def check_seen(counts: Counts, *, trained: int, held_out: int, place: str) -> None:
    """Refuse to train on a part of the texts, as a worker sees them.

    Raises:
        ConfigError: another machine has the others.
    """
    if (trained, held_out) != (counts.trained, counts.held_out):
        raise ConfigError(
            f"{place} has {trained + held_out} of {counts.trained + counts.held_out} training "
            "texts on this machine; other nodes wrote the rest to their own disks: put `root` "
            "where all nodes see it, on object storage or a shared folder"
        )


def check_shared(place: str, *, seen_by: Sequence[bool]) -> None:
    """Refuse texts that lie on the disks of some machines only.

    seen_by: whether each machine sees the file that is written last.

    Raises:
        ConfigError: as said.
    """
    if not all(seen_by):
        raise ConfigError(
            f"{place} is not there on {len(seen_by) - sum(seen_by)} of {len(seen_by)} nodes: put "
            "`root` where all nodes see it, on object storage or a shared folder"
        )


def check_room(settings: DistillConfig, *, room: int, unit: str, may_grow: bool) -> str:
    """Refuse more workers than there is room for; or what to say while the cluster grows.

    room: workers that there is room for. unit: what each takes one of.

    Raises:
        ConfigError: the fewest do not fit, and the cluster cannot grow.
    """
    workers = settings.workers
    fewest = workers if isinstance(workers, int) else workers[0]
    if fewest <= room:
        return ""
    missing = f"distill.workers asks for {fewest}, and this cluster has room for {room} ({unit}s)"
    if not may_grow:
        raise ConfigError(f"{missing}: lower it, or raise distill.accumulate instead")
    return f"waiting for nodes: {missing}"


def weights_of_kinds(settings: DistillConfig, counts: Counts) -> dict[str, float]:
    """How often an epoch takes a text, by its kind; its source's weight comes on top."""
    queries, documents = (counts.expected(kind, settings.weights) for kind in (QUERY, DOCUMENT))
    # With no queries there is nothing to balance: train on all documents.
    wanted = settings.documents_per_query * queries if queries else documents
    return {QUERY: 1.0, DOCUMENT: min(1.0, wanted / max(1.0, documents))}
