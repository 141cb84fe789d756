"""cost: what teacher and leaf cost beside what they find, on one page."""

import json

from leaf_ray.config import RunConfig
from leaf_ray.core.cost.cost import CostReport, chosen_sizes, cost_report
from leaf_ray.core.cost.prices import Prices
from leaf_ray.core.cost.timings import timings_from_json
from leaf_ray.core.evaluation.evaluation import Evaluation, evaluation_from_json
from leaf_ray.errors import InputError
from leaf_ray.pages.cost.json_file import cost_to_json
from leaf_ray.pages.cost.markdown import cost_markdown
from leaf_ray.pages.cost.page import cost_page
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import (
    COST_JSON,
    COST_MARKDOWN,
    COST_PAGE,
    EVALUATION_JSON,
    TIMINGS_JSON,
)
from leaf_ray.runs.parts import read_as, read_space
from leaf_ray.runs.progress import Progress
from leaf_ray.stages.cluster.cluster import Cluster
from leaf_ray.stages.cost.timings import TIMINGS
from leaf_ray.stages.stage import Job, Made, Stage, perform


def write_report(
    config: RunConfig, *, progress: Progress, cluster: Cluster, again: bool
) -> Manifest:
    """Time the models unless they were timed, and write the page; see `Raises` of `verbs.cost`.

    again: time them anew.
    """
    run = Run.open(config.root)
    _require_queries(config, run)
    # Before the clocks run for minutes.
    chosen_sizes(_evaluation(run), config.cost.sizes)
    perform(TIMINGS, config, progress=progress, cluster=cluster, again=again)
    # Writing takes no time, so it is never refused: other prices are why one calls it again.
    return perform(COST, config, progress=progress, cluster=cluster, again=True)


def _require_queries(config: RunConfig, run: Run) -> None:
    texts = run.texts.manifest()
    nothing = texts is not None and not texts.counts["test_queries"]
    if nothing and not config.evaluate.collections:
        raise InputError(
            "the run has no test queries and no collections, so there is no quality "
            "to set beside the cost: raise texts.num_test_queries and make the texts anew, or name "
            "collections in evaluate.collections, and run `leaf evaluate FILE`"
        )


def _evaluation(run: Run) -> Evaluation:
    run.evaluation.require(command="leaf evaluate FILE")
    return read_as(run.evaluation, EVALUATION_JSON, evaluation_from_json)


def _make(job: Job) -> Made:
    report = _report(job)
    job.begin()
    job.part.clear()
    job.part.write(COST_JSON, json.dumps(cost_to_json(report), indent=2).encode())
    job.part.write(COST_MARKDOWN, cost_markdown(report).encode())
    job.part.write(COST_PAGE, cost_page(report).encode())
    return Made(
        counts={"sizes": len({cell.size for cell in report.sizes})},
        summary=f"{job.part.uri}/{COST_PAGE}",
        space=report.space,
    )


def _report(job: Job) -> CostReport:
    wanted = job.config.cost
    timings = read_as(job.run.timings, TIMINGS_JSON, timings_from_json)
    prices = Prices.on(
        timings.machine,
        currency=wanted.currency,
        machine_per_hour=wanted.machine_per_hour,
        storage_gb_month=wanted.storage_gb_month,
        tokens_per_million=wanted.tokens_per_million,
    )
    return cost_report(
        _evaluation(job.run),
        timings,
        prices,
        dimension=read_space(job.run.vectors).dimension,
        sizes=wanted.sizes,
    )


COST = Stage(
    name="cost",
    part="cost",
    about="compares what teacher and leaf cost",
    sections=("cost",),
    make=_make,
)
