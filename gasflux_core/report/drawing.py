"""What all figures share: sheet, axes in inches, colours, and the PNG that comes of them.

Figures are made of ``matplotlib.figure.Figure`` with its Agg canvas, never of pyplot: pyplot keeps
global state that threads would share. matplotlib is imported within functions, as it takes a
quarter of a second that no one should wait for who wants no figure.
"""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

DPI = 110
WIDTH = 9.2
"""Width of a full figure, inches: 1012 pixels, which the page shows one for one."""

INK = "#26323d"
QUIET = "#8795a1"
"""Of secondary marks and of rows that are not used."""
RULE = "#d5dce2"
BLUE = "#1f6fb2"
ORANGE = "#d9610f"
TEAL = "#12806a"
GROUND = "#cfc4b4"
BAND = "#f1f4f6"

SEQUENTIAL = "viridis"
ERROR = "cividis"
DIVERGING = "RdBu_r"

_FONT = 9.0

_LABEL_SPACE = 0.42
"""From an upright axis to the words beside it, inches."""


def new_figure(width: float, height: float) -> Figure:
    """An empty white sheet of so many inches with its own canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def new_axes(figure: Figure, left: float, bottom: float, width: float, height: float, *, grid: bool = True) -> Axes:
    """Axes at a place given in inches from the sheet's lower left corner.

    Places are given, not found by a layout engine: that would draw every figure twice.
    """
    sheet_width, sheet_height = figure.get_size_inches()
    axes: Axes = figure.add_axes(
        (left / sheet_width, bottom / sheet_height, width / sheet_width, height / sheet_height),
    )
    axes.tick_params(labelsize=_FONT - 1, colors=INK, length=3, width=0.6, pad=2)
    for spine in axes.spines.values():
        spine.set_color(QUIET)
        spine.set_linewidth(0.6)
    axes.spines["top"].set_visible(False)
    axes.spines["right"].set_visible(False)
    if grid:
        axes.grid(True, color=RULE, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(left=False, bottom=False)
    return axes


def label(axes: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Name the axes (with their units) and what is seen."""
    # Places are given here too: they line up from panel to panel, and the search for free ones takes long.
    if x:
        axes.set_xlabel(x, fontsize=_FONT, color=INK, va="top")
        axes.xaxis.set_label_coords(0.5, -0.24 * DPI / axes.bbox.height)
    if y:
        axes.set_ylabel(y, fontsize=_FONT, color=INK, va="bottom")
        axes.yaxis.set_label_coords(-_LABEL_SPACE * DPI / axes.bbox.width, 0.5)
    if title:
        axes.set_title(title, fontsize=_FONT + 0.5, color=INK, loc="left", pad=5, y=1.0, fontweight="bold")


def legend(axes: Axes, **options: Any) -> None:
    """A plain legend."""
    box = axes.legend(fontsize=_FONT - 1, labelcolor=INK, frameon=True, framealpha=0.85, **options)
    box.get_frame().set_edgecolor("none")


def in_unit(axis: Axis, factor: float) -> None:
    """Number an axis in a unit of which ``factor`` make one of the values'."""
    axis.set_major_formatter(lambda value, _: f"{value * factor:.6g}".replace("-", "−"))


def colour_bar(axes: Axes, shown: ScalarMappable, *, text: str, extend: str = "neither", factor: float = 1.0) -> None:
    """A slim upright colour bar in axes made for it, numbered as :func:`in_unit` does."""
    bar = axes.figure.colorbar(shown, cax=axes, extend=extend)
    in_unit(bar.ax.yaxis, factor)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=_FONT - 1, colors=INK, length=2, width=0.6, pad=2)
    bar.set_label(text, fontsize=_FONT - 0.5, color=INK)


def flux_scale(values: NDArray[np.float64]) -> tuple[str, Normalize, str]:
    """Colour map, its norm, and the end it is open at, for a quantity whose natural zero matters.

    Where the negative side is a mere noise of the positive one (under a tenth of it), a sequential
    map from 0; else a diverging map centred on 0, so that carried back and carried on can't be mixed up.
    """
    from matplotlib.colors import Normalize

    finite = values[np.isfinite(values)]
    highest = float(finite.max(initial=0.0))
    lowest = float(finite.min(initial=0.0))
    if highest > 0 and -lowest < 0.1 * highest:
        return SEQUENTIAL, Normalize(0.0, highest), "min" if lowest < 0 else "neither"
    limit = max(highest, -lowest) or 1.0
    return DIVERGING, Normalize(-limit, limit), "neither"


def thinned(values: NDArray[np.float64], limit: int) -> NDArray[np.intp]:
    """At most about ``limit`` rows that show the same line: each bin's first, lowest and highest row."""
    count = len(values)
    if count <= limit:
        return np.arange(count)
    bins = max(1, limit // 3)
    edges = np.linspace(0, count, bins + 1).astype(int)
    low_last = np.where(np.isfinite(values), values, np.inf)
    high_last = np.where(np.isfinite(values), values, -np.inf)
    rows = [
        row
        for low, high in pairwise(edges)
        for row in (low, low + int(low_last[low:high].argmin()), low + int(high_last[low:high].argmax()))
    ]
    return np.unique(np.asarray(rows, dtype=np.intp))


def png(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes for the same figure (no date, no program named within)."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        metadata={"Software": None},
        pil_kwargs={"compress_level": 2},
    )
    return buffer.getvalue()
