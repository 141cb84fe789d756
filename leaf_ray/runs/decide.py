"""Whether a stage has to run: a pure decision on its part's manifest."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from leaf_ray.errors import SpaceMismatch, StaleStage
from leaf_ray.runs.folder import PARTS, READS, Part, Run
from leaf_ray.runs.manifest import Manifest


class Decision(Enum):
    """What to do with a stage."""

    SKIP = auto()
    RUN = auto()


def decide(
    manifest: Manifest | None,
    *,
    wanted: Mapping[str, Any],
    inputs: Mapping[str, str],
    part: str,
) -> Decision:
    """Skip a part that is finished, made with the wanted settings and from these inputs.

    A part whose inputs were made again since is made again too.

    Raises:
        SpaceMismatch: it is finished, but in another space.
        StaleStage: it is finished, but with other settings; nothing is overwritten unasked.
    """
    if manifest is None:
        return Decision.RUN
    changed = _changes(manifest.made_with, wanted)
    if not changed:
        return Decision.SKIP if dict(manifest.inputs) == dict(inputs) else Decision.RUN
    stage = manifest.stage
    fix = (
        "give the same settings as then, use another root, or "
        f"`leaf {stage} FILE --again` to make it and what follows anew"
    )
    listed = "; ".join(f"{k}: {old!r} there, {new!r} wanted" for k, (old, new) in changed.items())
    error = SpaceMismatch if any(k.startswith("space.") for k in changed) else StaleStage
    raise error(f"{part} is finished, but was made with other settings ({listed}): {fix}")


def inputs_of(run: Run, *names: str) -> dict[str, str]:
    """The manifest ids of the parts that a stage reads.

    Raises:
        MissingStage: one of them is not finished.
    """
    ids = {}
    for name in names:
        ids[name] = run.part(name).require(command=f"leaf {PARTS[name]} FILE").id
    return ids


def refuse_drift(run: Run, config_of: Callable[[str], Mapping[str, Any]], *names: str) -> None:
    """Refuse to build on parts that were made with other settings than those asked for now.

    config_of: gives a section's settings, as `made_with` does.

    Raises:
        StaleStage, SpaceMismatch: as `decide` does.
    """
    for name in names:
        part = run.part(name)
        manifest = part.manifest()
        if manifest is not None:
            wanted = {section: config_of(section) for section in manifest.made_with}
            decide(manifest, wanted=wanted, inputs=manifest.inputs, part=part.uri)


def unfinish_from(run: Run, part: Part) -> None:
    """Let a part and all that is made from it count as unfinished, last first.

    Files stay until their stage writes them anew.
    """
    stale = [part.name]
    for name in PARTS:
        if any(read in stale for read in READS[name]) and _is_made_from(run.part(name), stale):
            stale.append(name)
    for name in reversed(stale):
        run.part(name).unfinish()


def _is_made_from(part: Part, stale: Sequence[str]) -> bool:
    manifest = part.manifest()
    # A leaf may be made from what is outside of its run.
    return manifest is None or any(name in manifest.inputs for name in stale)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    flat_old, flat_new = _flatten(old), _flatten(new)
    keys = sorted(flat_old.keys() | flat_new.keys())
    pairs = {key: (flat_old.get(key), flat_new.get(key)) for key in keys}
    # A part that was made before a setting existed was made as if that had said nothing.
    return {k: (a, b) for k, (a, b) in pairs.items() if a != b and not (a is None and b == [])}


def _flatten(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{s}.{k}": v for s, fields in sections.items() for k, v in fields.items()}
