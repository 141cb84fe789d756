"""The tables of results that README.md and docs/ show, each made from the benchmarks' JSON.

A function takes the results of all benchmarks by name and returns Markdown.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Results = Mapping[str, Any]

TEACHERS = "teacher's ndcg@10"
COLLECTIONS = {
    "scifact": "SciFact",
    "vaswani": "vaswani",
    "cranfield": "cranfield",
    "cisi": "CISI",
    "med": "MED",
}
# The variants of the ablation, as settings of a run file.
CHOICES = {
    "as it is": "the defaults",
    "without scores": "`covariance_weight: 0`",
    "scores weigh 3": "`covariance_weight: 3`",
    "scores by documents": "covariance of documents only, without queries",
    "similarity matrix": "`similarity_weight: 5`, `covariance_weight: 0`",
    "head of 4,096 texts": "head fitted on 4,096 texts instead of 32,768",
    "random head": "`head: random`",
    "squared l2": "`loss: squared_l2`",
    "rate 2e-4": "`learning_rate: 2e-4`",
    "batch 16": "`batch_size: 16`",
    "batch 256": "`batch_size: 256`, `learning_rate: 3e-4`",
    "layers 6, 4, 2": "head on layers 6, 4 and 2 instead of 6 alone",
    "queries only": "queries only (`documents_per_query: 0`)",
    "documents only": "documents only",
    "teacher's layers 1, 12": "start from the teacher's layers 1 and 12",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def percent(share: Mapping[str, float]) -> str:
    """Return a share with its interval, such as 98.2 % [96.2, 100.2]."""
    low, high = 100 * share["low"], 100 * share["high"]
    return f"{100 * share['mean']:.1f} % [{low:.1f}, {high:.1f}]"


def score(interval: Mapping[str, float] | None) -> str:
    """Return a mean with its interval; a dash where there is none."""
    if interval is None:
        return "-"
    return f"{interval['mean']:.3f} [{interval['low']:.2f}, {interval['high']:.2f}]"


def change(interval: Mapping[str, float]) -> str:
    """Return a difference with its interval and signs."""
    return f"{interval['mean']:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]"


def machine(result: Mapping[str, Any]) -> str:
    """Return what a benchmark ran on, in words."""
    processor = result["machine"]["processor"].replace("(R)", "").replace(" Processor", "")
    bf16 = "with" if result["machine"]["bf16"] else "without"
    return f"{result['machine']['cores']} cores of an {processor} {bf16} bfloat16"


def demo(results: Results) -> str:
    """Return what `make demo` measures, with a sentence on it."""
    return _quickstart(results["quickstart"])


def from_scratch(results: Results) -> str:
    """Return what `leaf quickstart --from-scratch` measures, with a sentence on it."""
    return _quickstart(results["quickstart_from_scratch"])


def _quickstart(result: Mapping[str, Any]) -> str:
    rows = result["figures"]["rows"]
    leaf, teacher = rows["asymmetric"], rows["teacher"]
    share = 100 * leaf["query_ms"] / teacher["query_ms"]
    head = ("queries by", "documents by", "nDCG@10 [95 %]", "overlap@10", "ms a query")
    lines = [
        (
            row["queries_by"].replace(" as it comes", ""),
            row["documents_by"],
            score(row["ndcg"]),
            score(row["overlap"]),
            f"{row['query_ms']:.1f}",
        )
        for row in rows.values()
    ]
    said = (
        f"The leaf keeps {percent(leaf['kept'])} of the teacher's nDCG@10 "
        f"({leaf['ndcg']['mean']:.3f} of {teacher['ndcg']['mean']:.3f}) and takes {share:.0f} % of "
        f"its time for a query, on {machine(result)}."
    )
    return f"{table(head, lines)}\n\n{said}"


def published(results: Results) -> str:
    """Return what the published leaf keeps on each collection, and on average with an interval."""
    by_collection = results["distill"]["figures"]["published"]
    names = {**COLLECTIONS, "average": "average"}
    head = ("", "nDCG@10 by the teacher", "by the leaf", "kept", "overlap@10")
    rows = [
        (
            title,
            f"{row[TEACHERS]:.3f}",
            f"{row['ndcg@10']:.3f}",
            f"{100 * row['ndcg@10'] / row[TEACHERS]:.0f} %",
            f"{row['overlap@10']:.3f}",
        )
        for title, row in ((names[name], by_collection[name]) for name in names)
    ]
    return table(head, rows)


def published_whole(results: Results) -> str:
    """Return what the published leaf keeps of whole texts, on average over the collections."""
    figures = results["release"]["figures"]
    by = {
        "teacher": ("teacher", "teacher"),
        "asymmetric": ("leaf", "teacher"),
        "symmetric": ("leaf", "leaf"),
    }
    rows = [
        (
            *by[role],
            score(row["ndcg"]),
            "-" if row["kept"] is None else percent(row["kept"]),
            score(row["overlap"]),
        )
        for role, row in figures["average"].items()
        if role in by
    ]
    spearman = figures["STS-Benchmark Spearman"]
    kept = 100 * spearman["leaf"] / spearman["teacher"]
    said = (
        f"On STS-Benchmark the leaf keeps {kept:.1f} % of the teacher's Spearman correlation "
        f"({100 * spearman['leaf']:.1f} of {100 * spearman['teacher']:.1f})."
    )
    head = ("queries by", "documents by", "nDCG@10", "kept", "overlap@10")
    return f"{table(head, rows)}\n\n{said}"


def embed(results: Results) -> str:
    """Return the speed of embedding beside other libraries."""
    figures = results["embed"]["figures"]
    speed, cosine = figures["tokens_per_second"], figures["lowest_cosine"]
    measured = {t["name"]: t["measured"] for t in results["embed"]["targets"]}
    rows = [
        (name, f"{speed[key]:,.0f}", f"{speed[key] / speed['sentence-transformers']:.1f}", exact)
        for name, key, exact in (
            ("sentence-transformers 6.2, defaults", "sentence-transformers", "-"),
            ("infinity-emb 0.0.77, defaults", "infinity-emb", f"{cosine['infinity-emb']:.4f}"),
            ("leaf_ray, bf16", "openvino-bf16", f"{cosine['openvino-bf16']:.4f}"),
            (
                "leaf_ray, int8",
                "openvino-int8",
                f"{measured['int8: lowest cosine to float32']:.4f}",
            ),
        )
    ]
    head = ("", "tokens/s", "times sentence-transformers", "lowest cosine to float32")
    return f"{table(head, rows)}\n\nMeasured on {machine(results['embed'])}."


def int8(results: Results) -> str:
    """Return what int8 costs in retrieval and saves in time."""
    figures = results["int8"]["figures"]
    scores, losses = figures["ndcg@10"], figures["difference"]
    rows = [
        (
            name.replace("openvino-f32", "documents and queries in float32"),
            score(interval),
            change(losses[name]) if name in losses else "-",
        )
        for name, interval in scores.items()
    ]
    return table(("SciFact", "nDCG@10", "difference"), rows)


def rotation(results: Results) -> str:
    """Return nDCG@10 by leading dimensions, with and without a rotation."""
    rows = []
    for name in ("scifact", "cranfield"):
        kinds = results["rotation"]["figures"][name]
        for title, kind in (("without", "none"), ("`rotation: pca`", "own documents")):
            kept = [
                kinds[kind][d]["ndcg@10"] / kinds["none"]["768"]["ndcg@10"]
                for d in ("64", "128", "256", "768")
            ]
            rows.append((COLLECTIONS[name], title, *(f"{100 * share:.0f} %" for share in kept)))
    return table(("", "rotation", "64", "128", "256", "768"), rows)


def ablation(results: Results) -> str:
    """Return what each choice of the training is worth, changed one at a time."""
    rows = results["ablation"]["figures"]["rows"]
    lines = [
        (
            title,
            f"{rows[name]['overlap@10']['mean']:.3f}",
            "-" if name == "as it is" else change(rows[name]["overlap@10"]["gain"]),
            f"{rows[name]['ndcg@10']['mean']:.3f}",
            "-" if name == "as it is" else change(rows[name]["ndcg@10"]["gain"]),
        )
        for name, title in CHOICES.items()
    ]
    return table(("", "overlap@10", "difference", "nDCG@10", "difference"), lines)


def equal_time(results: Results) -> str:
    """Return overlap@10 of our training and sentence-transformers' after equal time."""
    figures = results["distill"]["figures"]
    texts = figures["equal time"]
    rows = []
    for name, key in (("`leaf distill`", "ours"), ("sentence-transformers", "peer")):
        cells = [f"{figures['collections'][c]['overlap@10'][key]:.3f}" for c in COLLECTIONS]
        ndcg = f"{figures['ndcg@10'][key]:.3f}"
        rows.append((f"{name}, {texts[key]['texts']:,} texts seen", *cells, ndcg))
    head = ("overlap@10", *COLLECTIONS.values(), "average nDCG@10")
    teacher = f"The teacher's average nDCG@10 is {figures['ndcg@10']['teacher']:.3f}."
    return f"{table(head, rows)}\n\n{teacher}"


def evaluator(results: Results) -> str:
    """Return the evaluator's figures beside those that MTEB lists."""
    published = {"all-mpnet-base-v2": (0.6557, 83.42), "all-MiniLM-L6-v2": (0.6451, 82.03)}
    figures = results["evaluate"]["figures"]
    rows = [
        (
            name,
            f"{figures[name]['scifact nDCG@10']:.4f}",
            f"{ndcg:.4f}",
            f"{figures[name]['STS-Benchmark Spearman']:.2f}",
            f"{spearman:.2f}",
        )
        for name, (ndcg, spearman) in published.items()
    ]
    head = ("", "SciFact nDCG@10", "published", "STS-Benchmark Spearman", "published")
    return table(head, rows)


TABLES: Mapping[str, Callable[[Results], str]] = {
    "demo": demo,
    "from-scratch": from_scratch,
    "published": published,
    "published-whole": published_whole,
    "embed": embed,
    "int8": int8,
    "rotation": rotation,
    "ablation": ablation,
    "equal-time": equal_time,
    "evaluator": evaluator,
}
