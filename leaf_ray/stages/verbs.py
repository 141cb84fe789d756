"""The Python API: each verb of the command line as a function of a run's configuration."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from leaf_ray.config import RunConfig
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.progress import Progress, Silent
from leaf_ray.stages.cluster.cluster import Cluster
from leaf_ray.stages.stage import Stage, perform

if TYPE_CHECKING:
    # Imported when used, as the stages below.
    from leaf_ray.stages.export.export import Exported, ExportPrecision, Format

# Imported when used: each brings libraries that take seconds to load.
STAGES: Mapping[str, str] = {
    "texts": "leaf_ray.stages.texts:TEXTS",
    "embed": "leaf_ray.stages.embed.stage:EMBED",
    "distill": "leaf_ray.stages.distill.stage:DISTILL",
    "index": "leaf_ray.stages.index.stage:INDEX",
    "evaluate": "leaf_ray.stages.evaluate.stage:EVALUATE",
}
SILENT = Silent()


def texts(config: RunConfig, *, progress: Progress = SILENT, again: bool = False) -> Manifest:
    """Read the texts, hold queries out, and write both; see `Raises` of `run`."""
    return _one("texts", config, progress, again=again)


def embed(config: RunConfig, *, progress: Progress = SILENT, again: bool = False) -> Manifest:
    """Compute the teacher's vectors of all texts with Ray Data."""
    return _one("embed", config, progress, again=again)


def retry_rejected(config: RunConfig, *, progress: Progress = SILENT) -> Manifest:
    """Embed once more the texts that were rejected, finish what is not finished, keep the rest."""
    from leaf_ray.stages.embed.retry import retry

    with Cluster() as cluster:
        retry(config, progress=progress, cluster=cluster)
        return _perform("embed", config, progress, cluster, again=False)


def distill(config: RunConfig, *, progress: Progress = SILENT, again: bool = False) -> Manifest:
    """Train a leaf into the teacher's space with Ray Train."""
    return _one("distill", config, progress, again=again)


def index(
    config: RunConfig,
    *,
    progress: Progress = SILENT,
    again: bool = False,
    replace: bool = False,
) -> Manifest:
    """Write the documents' vectors into a LanceDB table with its indices.

    replace: make it anew although it was written to since it was loaded; what was written is lost.

    Raises:
        TableChanged: it was written to since it was loaded, and `replace` is not given.
    """
    if not replace:
        return _one("index", config, progress, again=again)
    from leaf_ray.stages.index.stage import REPLACING

    with Cluster() as cluster:
        return perform(REPLACING, config, progress=progress, cluster=cluster, again=True)


def evaluate(config: RunConfig, *, progress: Progress = SILENT, again: bool = False) -> Manifest:
    """Measure what the leaf keeps of its teacher, and write the report."""
    return _one("evaluate", config, progress, again=again)


def run(config: RunConfig, *, progress: Progress = SILENT) -> dict[str, Manifest]:
    """Run all stages in order; those that are finished are skipped.

    Nothing is evaluated without test queries or collections, nor with documents in windows, since
    judgments are of whole documents.

    Returns: the manifest of each stage, by name.

    Raises:
        InputError: the texts cannot be used.
        ModelNotFound: the teacher or the leaf's initial encoder cannot be found.
        StaleStage, SpaceMismatch: a finished part was made with other settings.
        PartBusy: another command is making a part.
        TableChanged: the index would be made anew, and was written to since it was loaded.
    """
    _refuse_lost_writes(config)
    with Cluster() as cluster:
        return {
            name: _perform(name, config, progress, cluster, again=False)
            for name in STAGES
            if name != "evaluate" or _can_be_evaluated(config)
        }


def _refuse_lost_writes(config: RunConfig) -> None:
    """Before hours of work, and not when their result is to be indexed."""
    run = Run.open(config.root)
    if any(part.manifest() is None for part in (run.texts, run.vectors, run.index)):
        from leaf_ray.stages.index.loads import refuse_lost_writes
        from leaf_ray.stages.index.stage import REPLACE

        refuse_lost_writes(run.index, config.index.table, command=REPLACE)


def _can_be_evaluated(config: RunConfig) -> bool:
    has_queries = config.texts.num_test_queries != 0 or bool(config.evaluate.collections)
    return has_queries and config.embed.long_texts != "window"


def cost(config: RunConfig, *, progress: Progress = SILENT, again: bool = False) -> Manifest:
    """Time teacher and leaf on this machine, and write what both cost beside what they find.

    What was timed is kept: other prices or sizes (`config.cost`) are counted anew from it.
    again: time them anew too.

    Returns: the manifest of the part `cost`, which holds cost.html, cost.md and cost.json.

    Raises:
        ConfigError: a size is not in the grid that was evaluated.
        InputError: the run has no queries to evaluate with.
        MissingStage: the evaluation or what it is made from is not finished.
        ModelNotFound, EndpointError: the teacher cannot be asked.
    """
    from leaf_ray.stages.cost.stage import write_report

    with Cluster() as cluster:
        return write_report(config, progress=progress, cluster=cluster, again=again)


@contextmanager
def serving(config: RunConfig, *, progress: Progress = SILENT) -> Iterator[str]:
    """Serve a finished run while the block runs; gives the base URL of the service.

    Raises:
        MissingStage: the leaf or the index is not finished.
        ServiceError: the port is in use, the Ray cluster serves a run already, or a replica did not
            start.
    """
    from leaf_ray.stages.serve import serve

    with Cluster() as cluster, serve.serving(config, progress=progress, cluster=cluster) as url:
        yield url


def export(
    source: RunConfig | str | Path,
    folder: str | Path,
    *,
    format: "Format" = "sentence-transformers",
    precision: "ExportPrecision" = "f32",
    copy_teacher: bool = False,
    progress: Progress = SILENT,
) -> "Exported":
    """Write a leaf in a form that others load, with its card, once it is seen to encode the same.

    source: a run whose leaf is finished, or a leaf's folder. The leaf of a run is checked on its
        test queries and documents too, and its card says what the run knows.
    folder: a local one that is not there yet, or is empty.
    precision: of OpenVINO's products, bf16 or int8; f16 stores the weights of a plain
        sentence-transformers model in half the space. All else is float32.
    copy_teacher: put the teacher into a Router's folder; otherwise its name is written there.

    Returns: the folder, the number of texts compared and the lowest cosine of any.

    Raises:
        ConfigError: the choices do not go together, the folder is not empty, the teacher cannot be
            put into a Router, or a package is not installed.
        MissingStage: the run's leaf is not finished.
        ModelNotFound: the teacher that a Router needs is not found.
        SpaceMismatch: the source is no leaf, the teacher is another model, or the export encodes
            otherwise than the leaf; nothing is written then.
    """
    from leaf_ray.stages.export.export import Wanted, export_leaf, export_run

    wanted = Wanted(format=format, precision=precision, copy_teacher=copy_teacher)
    if isinstance(source, RunConfig):
        return export_run(source, folder, wanted, progress=progress)
    return export_leaf(source, folder, wanted, progress=progress)


def _one(name: str, config: RunConfig, progress: Progress, *, again: bool) -> Manifest:
    with Cluster() as cluster:
        return _perform(name, config, progress, cluster, again=again)


def _perform(
    name: str, config: RunConfig, progress: Progress, cluster: Cluster, *, again: bool
) -> Manifest:
    module, _, attribute = STAGES[name].partition(":")
    stage: Stage = getattr(import_module(module), attribute)
    return perform(stage, config, progress=progress, cluster=cluster, again=again)
