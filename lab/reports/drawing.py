"""What all pictures of the report share: their style, their colours, and how they are saved."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from lab.quantities import exact
from lab.reports.captions import Caption
from lab.reports.picture import Picture

INK, FAINT, GRID = "#222222", "#6b6b6b", "#e4e4e4"
# Okabe and Ito 2008: told apart by every kind of colour vision, and in grey by their order.
HUES = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00")
WIDTH = 10.0
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # Comes with matplotlib: the same glyphs everywhere.
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.color": INK,
    "text.parse_math": False,  # A name may hold $; nothing that is drawn here is a formula.
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "convergence lab",
}


def colours(many: int) -> list[str]:
    """A colour for each of `many` cohorts; past five, a ramp that is also ordered in grey."""
    if many <= len(HUES):
        return list(HUES[:many])
    ramp = matplotlib.colormaps["viridis"]
    return [matplotlib.colors.to_hex(ramp(at)) for at in np.linspace(0.0, 0.85, many)]


@contextmanager
def canvas(
    rows: int, columns: int, height: float, sharey: bool = False
) -> Iterator[tuple[Figure, list[list[Axes]]]]:
    """An empty figure in the report's style, and its panels by row."""
    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_STYLE}  # Not the user's own.
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(WIDTH, height * rows + 0.4), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.subplots(rows, columns, squeeze=False, sharey=sharey).tolist()


class PlainPowers(LogFormatter):
    """Numbers along a logarithmic axis as plain text, where matplotlib's own would be formulas."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The number of a tick that is to have one, else nothing."""
        return exact(float(f"{x:.3g}")) if super().__call__(x, pos) else ""


def finished(figure: Figure, name: str, text: Caption) -> Picture:
    """Both formats, with no date and no version in them: the same records give the same bytes."""
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=160, metadata={"Software": None})
    return Picture(name, text.title, text.caption, text.alt, svg.getvalue(), png.getvalue())
