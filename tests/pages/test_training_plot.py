"""The figure of a training is drawn of any curve."""

import subprocess
import sys

import pytest

from leaf_ray.pages.training_plot import training_plot

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
BEGIN = {
    "step": 0,
    "texts": 0,
    "cosine": 0.61,
    "worst_cosine": 0.4,
    "overlap": 0.3,
    "worst_overlap": 0.1,
}


def point(texts: int, *, overlap: float = 0.5, loss: float = 0.4) -> dict[str, float]:
    taken = {"step": texts // 32, "texts": texts, "loss": loss, "learning_rate": 1e-4}
    return {**BEGIN, **taken, "overlap": overlap}


def size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


@pytest.mark.parametrize(
    "curve",
    [
        (BEGIN,),
        (point(3200),),
        (BEGIN, point(3200)),
        (BEGIN, *(point(3200 * n, overlap=0.3 + n / 50) for n in range(1, 21))),
        (BEGIN, point(5_000_000, loss=float("nan"))),
    ],
    ids=[
        "not_trained",
        "without_a_beginning",
        "one_validation",
        "many_validations",
        "nothing_but_skipped",
    ],
)
@pytest.mark.filterwarnings("error")
def test_the_figure_is_a_readable_png(curve: tuple[dict[str, float], ...]) -> None:
    png = training_plot(curve, best_step=curve[-1]["step"])
    assert png.startswith(PNG_SIGNATURE)
    width, height = size(png)
    assert width >= 1200
    assert height >= 400


def test_the_same_curve_gives_the_same_figure_and_others_another() -> None:
    curve = [BEGIN, point(3200)]
    first = training_plot(curve, best_step=0)
    assert training_plot(curve, best_step=0) == first
    assert training_plot(curve, best_step=curve[-1]["step"]) != first, "the best is marked"
    assert training_plot([BEGIN, point(3200, overlap=0.6)], best_step=0) != first
    assert training_plot([BEGIN, point(3200, loss=0.1)], best_step=0) != first


def test_the_figure_needs_no_pyplot_and_importing_needs_no_matplotlib() -> None:
    program = (
        "import sys; from leaf_ray.pages.training_plot import training_plot; "
        "assert 'matplotlib' not in sys.modules; "
        "from tests.pages.test_training_plot import BEGIN; training_plot([BEGIN], best_step=0); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
