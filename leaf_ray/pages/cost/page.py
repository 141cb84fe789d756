"""A cost report as one page of HTML that needs nothing else: no scripts, no requests."""

from collections.abc import Callable
from html import escape
from importlib.resources import files

from leaf_ray.core.cost.cost import CostReport
from leaf_ray.pages.cost.plots import cost_axis, latencies, quality_by_cost
from leaf_ray.pages.cost.size_plot import quality_by_bytes
from leaf_ray.pages.cost.tables import NAMES, Lines, costs, quality_and_time, sizes
from leaf_ray.pages.cost.verdict import advantage, smallest_alike, verdict_sentences
from leaf_ray.pages.cost.words import formulas, how_measured, missing_prices, share, stated_prices

# What a figure has of the page, and of a phone; beside another it has half.
WHOLE, HALF, PHONE = 966, 452, 326
# Nothing is fetched, whatever a name on the page might say.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def cost_page(report: CostReport) -> str:
    """The page: verdict, figures, tables, prices with formulas, how it was measured."""
    style = (files(__package__) / "page.css").read_text("utf-8")
    title = f"What a leaf of {report.teacher} costs, and what it keeps"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>What a leaf of <span class="name">{escape(report.teacher)}</span> costs, and what it keeps</h1>
<p class="about">{escape(_about(report))}</p>
{_verdict(report)}
{_tiles(report)}
{_figures(report)}
<h2>Quality and time</h2>
{_table(quality_and_time(report))}
<h2>Cost</h2>
{_table(costs(report))}
{_missing(report)}
<h2>Fewer bytes</h2>
{_table(sizes(report))}
<h2>Prices and formulas</h2>
{_table(_prices(report), css="prices")}
{_formulas(report)}
<h2>How it was measured</h2>
{_list(how_measured(report))}
</main>
</body>
</html>
"""


def _verdict(report: CostReport) -> str:
    first, *others = verdict_sentences(report)
    rest = f"\n<p>{escape(' '.join(others))}</p>" if others else ""
    return f'<p class="verdict">{escape(first)}</p>{rest}'


def _about(report: CostReport) -> str:
    # Where a collection lies on somebody's machine is said below.
    subject = report.subject.rpartition("/")[2]
    return f"{report.num_queries:,} queries of {subject}, timed on {report.timings.machine}"


def _tiles(report: CostReport) -> str:
    """The figures to remember, where they are known."""
    tiles = []
    times, leaf, small = advantage(report), report.row("asymmetric"), smallest_alike(report)
    if times is not None and times > 1:
        priced = leaf is not None and leaf.queries is not None
        what = "less cost" if priced else "less time"
        tiles.append((f"{times:.1f}\u00d7", f"{what} for a query than by the teacher"))
    if leaf is not None and leaf.kept is not None:
        of = "the teacher's nDCG@10 kept"
        if report.measure == "overlap@10":
            of = "the teacher's first ten documents found"
        mean, _, interval = share(leaf.kept).partition(" [")
        tiles.append((mean, f"{f'[{interval} ' if interval else ''}of {of}"))
    teacher, own = report.timings.teacher, report.timings.leaf.query
    than = "" if teacher is None else f"; the teacher {teacher.query.p50_ms:.1f} ms"
    tiles.append((f"{own.p50_ms:.1f} ms", f"for a query by the leaf (p50){than}"))
    if small is not None and small.kept is not None and leaf is not None:
        tiles.append(
            (
                f"{leaf.bytes / small.bytes:.0f}\u00d7",
                f"fewer bytes as {small.size}, keeping {share(small.kept)}",
            )
        )
    items = "\n".join(f"<li><b>{escape(b)}</b><span>{escape(s)}</span></li>" for b, s in tiles)
    return f'<ul class="tiles">\n{items}\n</ul>'


def _figures(report: CostReport) -> str:
    kept = "the teacher's nDCG@10 that is kept"
    if report.measure == "overlap@10":
        kept = "the teacher's first ten documents that are found"
    whiskers = " Whiskers are 95 % intervals." if report.num_collections == 1 else ""
    by_bytes = _figure(
        "What fewer bytes keep",
        f"Share of {kept}, by the bytes of a document's vector (log scale). Lines join the sizes "
        f"that no other size beats.{whiskers}",
        lambda width: quality_by_bytes(report, width),
        WHOLE,
        legend=_legend(report),
    )
    by_cost = _figure(
        "What a query costs, and finds",
        f"{report.measure} with 95 % intervals against {cost_axis(report)}. Left and high is good.",
        lambda width: quality_by_cost(report, width),
        HALF,
    )
    times = _figure(
        "How long a query takes",
        "Solid to p50, light to p99.",
        lambda width: latencies(report, width),
        HALF,
    )
    return f'{by_bytes}\n<div class="pair">\n{by_cost}\n{times}\n</div>'


def _figure(
    name: str, said: str, draw: Callable[[float], str], width: float, *, legend: str = ""
) -> str:
    wide, narrow = (
        draw(size).replace("<svg ", f'<svg class="{css}" ', 1)
        for css, size in (("wide", width), ("narrow", PHONE))
    )
    caption = f"<figcaption><b>{escape(name)}</b>{escape(said)}</figcaption>"
    return f"<figure>\n{caption}\n{legend}{wide}\n{narrow}\n</figure>"


def _legend(report: CostReport) -> str:
    roles = [role for role in NAMES if any(cell.role == role for cell in report.cells)]
    items = "".join(f'<li class="{role}">{escape(NAMES[role])}</li>' for role in roles)
    return f'<ul class="legend">{items}</ul>\n'


def _table(lines: Lines, *, css: str = "figures") -> str:
    header, *rows = lines
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "\n".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(name, quote=True)}">{escape(text)}</td>'
            for name, text in zip(header, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{head}</tr></thead>"
    return f'<table class="{css}">\n{head}\n<tbody>\n{body}\n</tbody>\n</table>'


def _prices(report: CostReport) -> Lines:
    rows = [list(line) for line in stated_prices(report)]
    return [["what", f"price, {report.prices.currency}", "from"], *rows]


def _formulas(report: CostReport) -> str:
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(formula)}</dd>" for name, formula in formulas(report)
    )
    return f"<dl>{items}</dl>"


def _missing(report: CostReport) -> str:
    return "\n".join(
        f'<p class="note missing">{escape(line)}</p>' for line in missing_prices(report)
    )


def _list(lines: list[str]) -> str:
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="notes">\n{items}\n</ul>'
