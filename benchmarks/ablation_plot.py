"""The ablation as a figure: what each choice gains over the one that is compared with."""

import io
from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Gains beyond are told in words at the edge.
WIDEST = 0.05


def plot_ablation(rows: Mapping[str, Any]) -> bytes:
    """Return a PNG: gains in overlap@10 and nDCG@10 with their 95 % intervals, a row for each."""
    names = list(rows)
    figure = Figure(figsize=(10, 1.4 + 0.34 * len(names)), layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, metric in zip(panels, ("overlap@10", "ndcg@10"), strict=True):
        for height, name in enumerate(reversed(names)):
            gain = rows[name][metric]["gain"]
            surely = gain["low"] > 0 or gain["high"] < 0
            colour = "#0072B2" if surely else "#999999"
            if abs(gain["mean"]) > WIDEST:
                # It would press all others together.
                edge = WIDEST if gain["mean"] > 0 else -WIDEST
                axes.plot(edge, height, ">" if edge > 0 else "<", color=colour, clip_on=False)
                place = "right" if edge > 0 else "left"
                label = f"  {gain['mean']:+.3f}  "
                axes.text(edge, height, label, ha=place, va="center", color=colour, fontsize=9)
                continue
            axes.plot([gain["low"], gain["high"]], [height, height], color=colour, linewidth=2)
            axes.plot(gain["mean"], height, "o", color=colour)
        axes.set_xlim(-WIDEST, WIDEST)
        axes.axvline(0, color="#000000", linewidth=0.8)
        label = "overlap@10 with the teacher" if metric == "overlap@10" else "nDCG@10"
        axes.set_title(f"{label}, gained over the first row", fontsize=11)
        axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(names)), list(reversed(names)))
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=130, metadata={"Software": None})
    return png.getvalue()
