"""The sheet that the page's pictures are drawn on: matplotlib's own axes in the colours of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gasflux_core.report.drawing import BAND, BLUE, INK, ORANGE, QUIET, RULE, TEAL, WIDTH, in_unit, new_figure, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BAND",
    "BLUE",
    "INK",
    "ORANGE",
    "QUIET",
    "RULE",
    "TEAL",
    "WIDTH",
    "in_unit",
    "label",
    "legend",
    "new_axes",
    "new_figure",
    "png",
]

_FONT = 9.0


def new_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes with a grid, at a place given in inches from the sheet's lower left corner."""
    across, up = figure.get_size_inches()
    axes: Axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    axes.tick_params(labelsize=_FONT - 1, colors=INK, left=False, bottom=False, pad=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[:].set_color(QUIET)
    axes.spines[:].set_linewidth(0.6)
    axes.grid(True, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    return axes


def label(axes: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Name the axes (with their units) and what is seen."""
    axes.set_xlabel(x, fontsize=_FONT, color=INK)
    axes.set_ylabel(y, fontsize=_FONT, color=INK)
    axes.set_title(title, fontsize=_FONT + 0.5, color=INK, loc="left", pad=5, y=1.0, fontweight="bold")


def legend(axes: Axes, **options: Any) -> None:
    """A plain legend."""
    box = axes.legend(fontsize=_FONT - 1, labelcolor=INK, frameon=True, framealpha=0.85, **options)
    box.get_frame().set_edgecolor("none")
