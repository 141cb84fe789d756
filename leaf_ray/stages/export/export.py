"""export: the leaf in a form that others load, checked against the leaf before it is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import pyarrow.compute as pc

from leaf_ray.config import RunConfig
from leaf_ray.core.encoding.backend import LOWEST_COSINE
from leaf_ray.core.space.probe import Encodes
from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import DOCUMENT, QUERY, TEST
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import ConfigError
from leaf_ray.exports.check import AsUsersEncode, ByKind, Checked, require_same
from leaf_ray.exports.folder import copy_leaf, new_folder, store_in_float16
from leaf_ray.exports.onnx import onnx_graph, require_onnx, write_onnx
from leaf_ray.exports.openvino import openvino_graph, write_openvino
from leaf_ray.exports.router import (
    load_router,
    resolve_teacher,
    write_router,
    write_router_reference,
)
from leaf_ray.exports.runtime import ExportedLeaf
from leaf_ray.models.card.card import Release, model_card
from leaf_ray.models.card.snippets import Form
from leaf_ray.models.json_file import read_json_file
from leaf_ray.models.leaf_folder import TRAINING_FILE, leaf_probe, leaf_space
from leaf_ray.models.reference import load_reference
from leaf_ray.runs import Run
from leaf_ray.runs.folder import MODEL_FOLDER
from leaf_ray.runs.parts import texts_dataset
from leaf_ray.runs.progress import Progress
from leaf_ray.stages.export.card import known_of
from leaf_ray.stages.leaf import leaf_folder
from leaf_ray.stages.teacher import portable_name

Format = Literal["sentence-transformers", "router", "onnx", "openvino"]
ExportPrecision = Literal["f32", "f16", "bf16", "int8"]
# float32 comes in every format.
_PRECISIONS: Mapping[str, tuple[ExportPrecision, ...]] = {
    "sentence-transformers": ("f16",),
    "openvino": ("bf16", "int8"),
}
# Real texts that an export is checked on, besides the probe's. A teacher takes a second for four
# documents on a small machine.
CHECKED_QUERIES, CHECKED_DOCUMENTS = 200, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to export to. copy_teacher: put the teacher into a Router's folder.

    Raises:
        ConfigError: the choices do not go together, or are unknown.
    """

    format: Format = "sentence-transformers"
    precision: ExportPrecision = "f32"
    copy_teacher: bool = False

    def __post_init__(self) -> None:
        for name, choices in (("format", Format), ("precision", ExportPrecision)):
            if getattr(self, name) not in get_args(choices):
                raise ConfigError(
                    f"{name} {getattr(self, name)!r} is unknown; choose one of "
                    f"{', '.join(get_args(choices))}"
                )
        possible = ("f32", *_PRECISIONS.get(self.format, ()))
        if self.precision not in possible:
            elsewhere = next(f for f, known in _PRECISIONS.items() if self.precision in known)
            raise ConfigError(
                f"{self.format} is exported in {' or '.join(possible)}: leave the precision out, "
                f"or export to {elsewhere} in {self.precision}"
            )
        if self.copy_teacher and self.format != "router":
            raise ConfigError(
                f"{self.format} has no place for the teacher: leave --copy-teacher out, or export "
                "to router"
            )

    @property
    def form(self) -> Form:
        """The form as its card names it."""
        if self.format == "router" and not self.copy_teacher:
            return "router-reference"
        return self.format


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, of how many texts it was checked on and the lowest cosine of any."""

    folder: Path
    checked: Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A leaf, and what is known of it.

    teacher: as any process finds it. texts: real ones, by kind. known: for the card.
    """

    leaf: Path
    teacher: str
    trust_remote_code: bool = False
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: Release = field(default_factory=Release)

    @property
    def space(self) -> Space:
        return leaf_space(self.leaf)


def export_run(
    config: RunConfig, folder: str | Path, wanted: Wanted, *, progress: Progress
) -> Exported:
    """Export the leaf of a run; see `Raises` of `verbs.export`."""
    run = Run.open(config.root)
    source = _Source(
        leaf=leaf_folder(run, MODEL_FOLDER),
        teacher=portable_name(config),
        trust_remote_code=config.space.trust_remote_code,
        texts=_texts(run),
        known=known_of(run),
    )
    return _export(source, folder, wanted, progress)


def export_leaf(
    leaf: str | Path, folder: str | Path, wanted: Wanted, *, progress: Progress
) -> Exported:
    """Export a leaf that lies in a folder; it is checked on the probe's texts only."""
    path = Path(leaf).expanduser()
    # A leaf's folder knows its teacher by name; a run knows the place too.
    source = _Source(leaf=path, teacher=leaf_space(path).teacher)
    return _export(source, folder, wanted, progress)


def _export(source: _Source, folder: str | Path, wanted: Wanted, progress: Progress) -> Exported:
    target = _local(folder)
    progress.stage("export", about=f"the leaf as {wanted.format}")
    with new_folder(target) as partial:
        note = f"writing {wanted.format}"
        progress.update(0, 0, note=note)
        exported, original = _write(source, partial, wanted)
        progress.update(0, 0, note="comparing with the original")
        name = f"the export to {wanted.format} in {wanted.precision}"
        checked = require_same(
            original,
            exported,
            source.texts,
            lowest_cosine=LOWEST_COSINE[wanted.precision],
            name=name,
        )
        training = read_json_file(source.leaf / TRAINING_FILE)
        release = replace(
            source.known,
            form=wanted.form,
            precision=wanted.precision,
            num_checked=checked.num_texts,
            lowest_cosine=checked.lowest_cosine,
        )
        card = model_card(source.space, training, release)
        (partial / "README.md").write_text(card, "utf-8")
    progress.end(
        f"{target}, lowest cosine {checked.lowest_cosine:.5f} to the leaf in float32 over "
        f"{checked.num_texts} texts"
    )
    return Exported(target, checked)


def _local(folder: str | Path) -> Path:
    if "://" in str(folder):
        raise ConfigError(
            f"{folder} is not a local folder: export to a local folder, and copy that"
        )
    return Path(folder).expanduser().absolute()


def _write(source: _Source, into: Path, wanted: Wanted) -> tuple[Encodes, Encodes]:
    """Write one form; what loads it as its users do, and what it has to agree with."""
    leaf, space = source.leaf, source.space
    if wanted.format == "onnx":
        require_onnx()
    original = EncoderSpec(folder=str(leaf), backend="torch-f32").load()
    leaf_probe(leaf).check(original, name=f"the leaf in {leaf}")
    if wanted.format == "router":
        return _write_router(source, into, wanted, original)
    if wanted.format == "onnx":
        write_onnx(leaf, space, into)
        return ExportedLeaf(into, onnx_graph(into)), original
    if wanted.format == "openvino":
        write_openvino(leaf, space, into, precision=wanted.precision)
        return ExportedLeaf(into, openvino_graph(into)), original
    copy_leaf(leaf, into)
    if wanted.precision == "f16":
        store_in_float16(into)
    return AsUsersEncode(load_reference(into)), original


def _write_router(
    source: _Source, into: Path, wanted: Wanted, original: Encodes
) -> tuple[Encodes, Encodes]:
    space, trusts = source.space, source.trust_remote_code
    if wanted.copy_teacher and trusts:
        raise ConfigError(
            "a teacher with Python code of its own is not copied into a Router: leave "
            "--copy-teacher out, and the export names the teacher"
        )
    teacher = resolve_teacher(source.teacher, space, trust_remote_code=trusts)
    if wanted.copy_teacher:
        write_router(source.leaf, teacher, space, into)
    else:
        write_router_reference(source.leaf, source.teacher, space, into)
    spec = EncoderSpec.for_teacher(teacher, space, backend="torch-f32", trust_remote_code=trusts)
    exported = AsUsersEncode(load_router(into, trust_remote_code=trusts))
    return exported, ByKind(queries_by=original, documents_by=spec.load())


def _texts(run: Run) -> dict[str, tuple[str, ...]]:
    """Some of the run's test queries and documents."""
    if run.texts.manifest() is None:
        return {}
    rows = texts_dataset(run.texts)
    is_test = (pc.field("kind") == QUERY) & (pc.field("split") == TEST)
    wanted = (
        (QUERY, CHECKED_QUERIES, is_test),
        (DOCUMENT, CHECKED_DOCUMENTS, pc.field("kind") == DOCUMENT),
    )
    return {
        kind: tuple(rows.head(number, columns=["text"], filter=which)["text"].to_pylist())
        for kind, number, which in wanted
    }
