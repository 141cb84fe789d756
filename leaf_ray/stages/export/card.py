"""What the card of an export says of the run that its leaf is from."""

from collections.abc import Iterator
from dataclasses import replace

import pyarrow.compute as pc

from leaf_ray.core.evaluation.evaluation import Evaluation, evaluation_from_json
from leaf_ray.core.evaluation.results import Report
from leaf_ray.core.text.texts import TRAIN
from leaf_ray.models.card.card import Release, public_name
from leaf_ray.pages.grid_plot import grid_lines, share_of
from leaf_ray.pages.report_page import average_lines
from leaf_ray.pages.report_words import evaluation_verdict, score
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import EVALUATION_JSON
from leaf_ray.runs.parts import read_as, vectors_dataset

# What a card calls the counts of the texts.
_COUNTED = {
    "documents": "documents",
    "train_queries": "queries to train on",
    "test_queries": "test queries",
}

# A card names so many, and counts the rest.
LISTED_SOURCES = 50


def known_of(run: Run) -> Release:
    """The data and the results of a run; of what is not finished, nothing."""
    known, evaluation = Release(data=_data(run)), _evaluation(run)
    if evaluation is None:
        return known
    return replace(
        known,
        results=[
            *_averages(evaluation),
            *(t for each in evaluation.reports for t in _tables(each)),
        ],
        verdict=evaluation_verdict(evaluation),
    )


def _data(run: Run) -> dict[str, str]:
    """What the parts' manifests say of the texts."""
    data: dict[str, str] = {}
    texts, leaf = run.texts.manifest(), run.leaf.manifest()
    if texts is not None:
        data["source"] = _named(texts.made_with["texts"]["path"])
        counts = {name: texts.counts.get(name) for name in _COUNTED}
        data.update({_COUNTED[name]: f"{count:,}" for name, count in counts.items() if count})
    if leaf is not None:
        data["texts trained on"] = f"{leaf.counts.get('texts', 0):,}"
        data["texts that it was validated on"] = f"{leaf.counts.get('validation_texts', 0):,}"
        if sources := _sources(run, leaf):
            data["texts by source"] = sources
    return data


def _sources(run: Run, leaf: Manifest) -> str:
    """Texts of each source that counts, most first; "" where this run does not know them."""
    made_with = leaf.made_with.get("distill", {})
    weights = made_with.get("weights", {})
    if made_with.get("vectors") or run.vectors.manifest() is None:
        return ""
    dataset = vectors_dataset(run.vectors)
    column = made_with.get("source_column")
    if column not in dataset.schema.names:
        return ""
    named = dataset.to_table(columns=[column], filter=pc.field("split") == TRAIN)[column]
    counted = [
        row
        for row in pc.value_counts(named.drop_null()).to_pylist()
        if weights.get(row["values"], 1.0) > 0
    ]
    largest = sorted(counted, key=lambda row: (-row["counts"], str(row["values"])))
    listed = [f"{row['values']} {row['counts']:,}" for row in largest[:LISTED_SOURCES]]
    more = len(largest) - len(listed)
    return ", ".join([*listed, *([f"and {more} more"] if more else [])])


def _named(path: str) -> str:
    """A source without the place where it lies on somebody's machine."""
    scheme, colon, packages = path.partition(":")
    if scheme == "docstrings" and colon and packages.count(",") > 5:
        return f"docstrings of {len(packages.split(','))} Python packages"
    return public_name(path)


def _evaluation(run: Run) -> Evaluation | None:
    """The finished report of this leaf, its collections as a card names them; None without one."""
    if run.evaluation.manifest() is None:
        return None
    found = read_as(run.evaluation, EVALUATION_JSON, evaluation_from_json)
    reports = (replace(each, collection=public_name(each.collection)) for each in found.reports)
    return replace(found, reports=tuple(reports))


def _averages(evaluation: Evaluation) -> Iterator[tuple[str, list[list[str]]]]:
    if evaluation.average:
        number = len(evaluation.counted)
        yield (
            f"Averages over {number} collections, each counting alike",
            average_lines(evaluation.average),
        )


def _tables(report: Report) -> Iterator[tuple[str, list[list[str]]]]:
    """What a report says, and what it says of documents in fewer bytes."""
    yield (
        f"{report.collection}: {report.num_queries:,} queries ({report.query_form}), "
        "means with 95 % bootstrap intervals",
        _results(report),
    )
    if report.grid:
        share = share_of([report.grid])
        yield f"The same with documents in fewer bytes, share of {share}", grid_lines(report.grid)


def _results(report: Report) -> list[list[str]]:
    header = ["queries by", "documents by", "nDCG@10", "overlap@10 with the teacher", "ms a query"]
    rows: list[list[str]] = [
        [
            public_name(row.queries_by),
            public_name(row.documents_by),
            score(row.ndcg),
            score(row.overlap),
            "-" if row.query_ms is None else f"{row.query_ms:.1f}",
        ]
        for row in report.rows
    ]
    return [header, *rows]
