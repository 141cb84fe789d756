"""How a training went as a figure, PNG; returned, never written."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, which colour-blind readers can tell apart.
MEAN_COLOUR, WORST_COLOUR = "#0072B2", "#D55E00"
# The figures of a validation, each with that of the worst tenth of texts.
PANELS = (
    ("overlap", "overlap@10 with the teacher"),
    ("cosine", "cosine to the teacher"),
)


def training_plot(curve: Sequence[Mapping[str, float]], *, best_step: int) -> bytes:
    """Return a PNG: overlap, cosine and loss over the texts seen; numbers are of the leaf kept.

    curve: the validations of training.json, the first of them before the first step. best_step:
        of the leaf that is kept.
    """
    # Imported here, since it takes a second that only a figure is worth.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(11, 3.6), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    FigureCanvasAgg(figure)
    overlap_axes, cosine_axes, loss_axes = figure.subplots(1, 3)
    best = next(point for point in curve if point["step"] == best_step)
    for axes, (name, label) in zip((overlap_axes, cosine_axes), PANELS, strict=True):
        _draw_validations(axes, curve, name, best=best)
        axes.set_title(label, fontsize=11)
    _draw_loss(loss_axes, [point for point in curve if "loss" in point])
    for axes in (overlap_axes, cosine_axes, loss_axes):
        axes.axvline(best["texts"], color="#999999", linewidth=1, linestyle="--", zorder=0)
        axes.set_xlabel("texts seen")
        axes.xaxis.set_major_formatter(lambda texts, _: _short(texts))
        axes.grid(color="#DDDDDD", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return png.getvalue()


def _draw_validations(
    axes: "Axes",
    curve: Sequence[Mapping[str, float]],
    name: str,
    *,
    best: Mapping[str, float],
) -> None:
    texts = [point["texts"] for point in curve]
    for key, colour, label in (
        (name, MEAN_COLOUR, "all validation texts"),
        (f"worst_{name}", WORST_COLOUR, "worst tenth of them"),
    ):
        values = [point[key] for point in curve]
        axes.plot(texts, values, color=colour, marker="o", markersize=3, label=label)
        axes.annotate(
            f"{best[key]:.3f}",
            (best["texts"], best[key]),
            textcoords="offset points",
            xytext=(0, 6),
            horizontalalignment="left" if best is curve[0] else "right",
            color=colour,
            fontsize=9,
        )
    axes.legend(frameon=False, fontsize=8, loc="best")


def _draw_loss(axes: "Axes", points: Sequence[Mapping[str, float]]) -> None:
    axes.set_title("loss, and the learning rate", fontsize=11)
    texts = [point["texts"] for point in points]
    axes.plot(texts, [point["loss"] for point in points], color="#000000", marker="o", markersize=3)
    rates = axes.twinx()
    rates.plot(texts, [point["learning_rate"] for point in points], color="#009E73", linestyle=":")
    rates.tick_params(axis="y", labelsize=8, colors="#009E73")
    rates.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    rates.spines[["top"]].set_visible(False)


def _short(texts: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if texts >= size:
            return f"{texts / size:g}{letter}"
    return f"{texts:g}"
