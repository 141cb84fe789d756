"""The page is whole by itself, well formed whatever names it shows, and says what Markdown says."""

import dataclasses
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from leaf_ray.core.cost.cost import CostReport
from leaf_ray.core.cost.timings import Machine, Timings
from leaf_ray.core.evaluation.evaluation import AverageRow, Evaluation
from leaf_ray.core.evaluation.results import Report
from leaf_ray.pages.cost.markdown import cost_markdown
from leaf_ray.pages.cost.page import cost_page
from leaf_ray.pages.cost.plots import latencies, quality_by_cost
from leaf_ray.pages.cost.size_plot import quality_by_bytes
from leaf_ray.pages.cost.verdict import cost_verdict
from leaf_ray.pages.cost.words import formulas, how_measured, missing_prices
from tests.examples.costs import OWN, costed, judged
from tests.examples.results import LEAF, TEACHER
from tests.examples.timings import TEACHER as TEACHER_TIMED
from tests.examples.timings import TIMINGS

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> & \"x\" 'y' | [bold] </title></style>"
VOID = {"meta"}


class Page(HTMLParser):
    """Tags that are open, those that there were, their attributes and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.said = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, text: str) -> None:
        if "style" not in self.open:
            self.said += text


def with_timings(**fields: object) -> Timings:
    return dataclasses.replace(TIMINGS, **fields)  # type: ignore[arg-type]


def averaged() -> CostReport:
    averages = tuple(
        AverageRow(row.role, row.ndcg, row.overlap, row.kept) for row in (TEACHER, LEAF, OWN)
    )
    return costed(Evaluation((judged(), judged()), averages))


def unjudged() -> Report:
    rows = [dataclasses.replace(row, ndcg=None, kept=None) for row in (TEACHER, LEAF, OWN)]
    cells = [dataclasses.replace(cell, ndcg=None, kept=None) for cell in judged().grid]
    cells = [dataclasses.replace(cells[0], overlap=None), *cells[1:]]
    return dataclasses.replace(judged(*rows), grid=tuple(cells))


REPORTS = {
    "whole": costed(),
    "no teacher": costed(timings=with_timings(teacher=None)),
    "no search": costed(
        timings=with_timings(
            num_indexed=None,
            teacher=dataclasses.replace(TEACHER_TIMED, search=None),
            leaf=dataclasses.replace(TIMINGS.leaf, search=None),
        )
    ),
    "a GPU without a price": costed(
        timings=with_timings(machine=Machine("x", 16, "H100")), hour=None
    ),
    "nothing costs anything": costed(hour=0),
    "an endpoint": costed(
        timings=with_timings(teacher=dataclasses.replace(TEACHER_TIMED, place="endpoint"))
    ),
    "several collections": averaged(),
    "overlap": costed(Evaluation((unjudged(),))),
    "no grid": costed(Evaluation((dataclasses.replace(judged(), grid=()),))),
    "no leaf": costed(Evaluation((judged(TEACHER),))),
}
every_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())


def figures(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.S)]


@every_report
def test_every_tag_is_closed_and_every_figure_is_well_formed(report: CostReport) -> None:
    page = cost_page(report)
    assert Page(page).open == []
    drawn = figures(page)
    assert len(drawn) == 6, "each of three figures for a wide page and for a phone"
    for figure in drawn:
        width, height = (float(figure.attrib[name]) for name in ("width", "height"))
        for shape in figure.iter():
            for name, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                assert -1 <= float(shape.get(name, "0")) <= most + 1
            for point in shape.get("points", "0,0").split():
                x, y = map(float, point.split(","))
                assert -1 <= x <= width + 1 and -1 <= y <= height + 1


@every_report
def test_the_page_needs_nothing_from_outside(report: CostReport) -> None:
    page = Page(cost_page(report))
    assert not {"script", "link", "img", "iframe", "object", "a"} & set(page.tags)
    assert not {"src", "href", "style", "onclick"} & {name for name, _ in page.attributes}
    style = re.search(r"<style>(.*?)</style>", cost_page(report), re.S)
    assert style is not None and "url(" not in style[1] and "@import" not in style[1]
    assert "prefers-color-scheme: dark" in style[1] and "max-width: 640px" in style[1]


@every_report
def test_page_and_markdown_say_the_same(report: CostReport) -> None:
    page, markdown = Page(cost_page(report)).said, cost_markdown(report)
    words = [text for pair in formulas(report) for text in pair]
    words += [*missing_prices(report), *how_measured(report)]
    for said in [*cost_verdict(report).split(". "), *words]:
        assert said in page
    for said in [cost_verdict(report), *words]:
        assert said in markdown


@every_report
def test_every_line_of_a_table_has_the_columns_of_its_header(report: CostReport) -> None:
    tables = [part for part in cost_markdown(report).split("\n\n") if part.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1


def test_names_are_shown_as_they_are_and_are_no_markup() -> None:
    hostile = dataclasses.replace(
        judged(), collection=HOSTILE, teacher=HOSTILE, leaf=HOSTILE, space=HOSTILE
    )
    machine = Machine(HOSTILE, 2)
    timings = with_timings(machine=machine, texts_of=HOSTILE)
    report = costed(Evaluation((hostile,)), timings)
    report = dataclasses.replace(
        report, prices=dataclasses.replace(report.prices, currency=HOSTILE)
    )
    html = cost_page(report)
    page = Page(html)
    assert page.open == [] and "script" not in page.tags
    assert page.said.count(HOSTILE) >= 5
    assert len(figures(html)) == 6
    assert "\\|" in cost_markdown(report)


def test_the_figures_of_costs_are_in_the_tables() -> None:
    markdown = cost_markdown(costed())
    assert "| teacher | 3.20 | 10.00 | 32 | 0.00064 |" in markdown
    assert "| leaf, teacher's documents | 0.800 | 10.00 | 32 | 0.00064 |" in markdown
    assert "| leaf, its own documents | 0.800 | 1.00 | 32 | 0.00064 |" in markdown
    assert (
        "| leaf, teacher's documents | 0.600 [0.55, 0.65] | 84.5 % [82.0, 87.1] | 4.0 / 9.0 "
        "| 7.0 / 12.0 | 10 |"
    ) in markdown
    assert "| 8 int8 | 8 | 0.00016 | 0.505 [0.46, 0.56] | 84.2 % [74.2, 94.2] | 75.0 %" in markdown


def test_what_is_not_known_is_a_dash() -> None:
    alone = cost_markdown(REPORTS["no teacher"])
    assert "| teacher | - | - | 32 | 0.00064 |" in alone
    assert "| leaf, teacher's documents | 0.800 | - | 32 | 0.00064 |" in alone
    unpriced = cost_markdown(REPORTS["a GPU without a price"])
    assert "| leaf, its own documents | - | - | 32 | 0.00064 |" in unpriced


def classes(svg: str, tag: str) -> list[str]:
    return [found.get("class", "") for found in ElementTree.fromstring(svg).iter(SVG + tag)]


def test_intervals_are_drawn_of_one_collection_and_not_of_the_mean_of_several() -> None:
    def whiskers(report: CostReport) -> int:
        return classes(quality_by_bytes(report, 900), "polyline").count("asymmetric whisker")

    best = len(costed().frontier("asymmetric"))
    assert whiskers(costed()) == 3 * best, "a line and two ends for each"
    # The size that the averages speak of is not one of the best here.
    assert averaged().frontier("asymmetric")
    assert whiskers(averaged()) < whiskers(costed())


def test_each_role_has_a_point_of_its_own_where_costs_are_equal() -> None:
    svg = ElementTree.fromstring(quality_by_cost(costed(), 450))
    found = {dot.get("class"): float(dot.get("cx", "0")) for dot in svg.iter(SVG + "circle")}
    assert found.keys() == {"teacher", "asymmetric", "symmetric"}
    assert found["asymmetric"] < found["symmetric"] < found["teacher"]


def test_bars_are_as_long_as_the_time_they_stand_for() -> None:
    svg = ElementTree.fromstring(latencies(costed(), 450))
    bars = [(bar.get("class"), float(bar.get("width", "0"))) for bar in svg.iter(SVG + "rect")]
    (_, teacher_p99), (_, teacher_p50), (_, leaf_p99), (_, leaf_p50), *searches = bars
    assert teacher_p99 / teacher_p50 == pytest.approx(45 / 30, rel=0.01)
    assert teacher_p50 / leaf_p50 == pytest.approx(30 / 4, rel=0.01)
    assert leaf_p99 / leaf_p50 == pytest.approx(9 / 4, rel=0.01)
    assert len(searches) == 4


@pytest.mark.parametrize("draw", [quality_by_bytes, quality_by_cost, latencies])
def test_a_phone_has_a_figure_of_its_own_width(draw: object) -> None:
    assert callable(draw)
    svg = ElementTree.fromstring(draw(costed(), 326))
    assert svg.attrib["width"] == "326"
    assert svg.attrib["aria-label"]
    assert any(text.text or len(text) for text in svg.iter(SVG + "text"))
