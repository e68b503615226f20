"""Axes that cost little: matplotlib's own, with grid, numbers and titles drawn in one go.

matplotlib makes five artists for every tick, which is half the time of a figure. Here its locators
and formatters say which ticks there are and what stands at them, and they are drawn at once.

Imported within functions only, as it loads matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

from gasflux_core.report import drawing, lettering
from gasflux_core.report.lettering import in_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axis import Axis
    from matplotlib.backend_bases import GraphicsContextBase, RendererBase
    from matplotlib.figure import Figure

_PAD = 2.0
"""Between an axis, or its tick, and its numbers, points."""
_TICK = 3.0
"""Length of a tick, points."""
_LINE = 0.6


class _Tickless:
    """An axis that only says where its ticks are: what would make some, or change their looks, does nothing."""

    def set_clip_path(self, *_: Any, **__: Any) -> None:
        pass

    def grid(self, *_: Any, **__: Any) -> None:
        pass

    def set_tick_params(self, *_: Any, **__: Any) -> None:
        pass


class _Across(_Tickless, XAxis):
    def get_tick_space(self) -> int:
        # Numbers are three times as long as they are high.
        return int(self.axes.bbox.width / drawing.dpi_of(self) * 72 // (3 * drawing.SMALL))


class _Upwards(_Tickless, YAxis):
    def get_tick_space(self) -> int:
        return int(self.axes.bbox.height / drawing.dpi_of(self) * 72 // (2 * drawing.SMALL))


class Panel(Axes):
    """A part of a figure with its own axes.

    :param place: left, bottom, width and height, as parts of the figure.
    :param grid: draw lines through the figure at the numbers, rather than ticks beside it.
    """

    def __init__(self, figure: Figure, place: tuple[float, float, float, float], *, grid: bool) -> None:
        super().__init__(figure, place)
        self.heading = ""
        """What is seen, above the panel."""
        self.numbered = {"x": True, "y": True}
        """Whether there are numbers along each axis."""
        self.gridded = grid
        """Whether lines go through the panel at its numbers; else ticks stand beside it."""
        self.framed = True
        """Whether its axes are drawn at all."""
        self.xaxis.set_visible(False)
        self.yaxis.set_visible(False)
        self.patch.set_visible(False)
        self.add_artist(_Grid())
        self.add_artist(_Frame())

    # These two are the places at which matplotlib's guide to projections of one's own has axes made.

    def _init_axis(self) -> None:
        self.xaxis, self.yaxis = _Across(self), _Upwards(self)

    def _gen_axes_spines(self) -> dict[str, Any]:
        return {}

    def ticks(self, name: str) -> tuple[NDArray[np.float64], list[str]]:
        """Places of the ticks of an axis, x or y, that lie within the panel, and their numbers."""
        axis: Axis = self.xaxis if name == "x" else self.yaxis
        places = np.asarray(axis.get_majorticklocs(), dtype=float)
        numbers = axis.get_major_formatter().format_ticks(places.tolist())
        low, high = sorted(axis.get_view_interval())
        room = 1e-10 * (high - low)
        inside = (places >= low - room) & (places <= high + room)
        return places[inside], [number for number, kept in zip(numbers, inside, strict=True) if kept]

    def pixels(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where values of an axis lie on the sheet."""
        points = np.column_stack([values, values])
        found: NDArray[np.float64] = self.transData.transform(points)[:, 0 if name == "x" else 1]
        return found


class _Part(Artist):
    """Of a panel, drawn with it."""

    axes: Panel


class _Grid(_Part):
    def __init__(self) -> None:
        super().__init__()
        self.set_zorder(0.5)

    def draw(self, renderer: RendererBase) -> None:
        panel, box = self.axes, self.axes.bbox
        if not (panel.gridded and panel.framed):
            return
        lines = [[(place, box.y0), (place, box.y1)] for place in panel.pixels("x", panel.ticks("x")[0])]
        lines += [[(box.x0, place), (box.x1, place)] for place in panel.pixels("y", panel.ticks("y")[0])]
        draw_lines(renderer, lines, drawing.RULE, 0.5)


class _Frame(_Part):
    """Axes on the left and below, their numbers and words."""

    def __init__(self) -> None:
        super().__init__()
        self.set_zorder(2.5)

    def draw(self, renderer: RendererBase) -> None:
        panel, box, dpi = self.axes, self.axes.bbox, drawing.dpi_of(self)
        across = (box.x0 + box.x1) / 2
        lettering.write(
            renderer,
            box.x0,
            box.y1 + in_pixels(renderer, 5),
            panel.heading,
            size=drawing.FONT + 0.5,
            colour=drawing.INK,
            bold=True,
        )
        if not panel.framed:
            return
        named: dict[str, Any] = {"size": drawing.FONT, "colour": drawing.INK, "across": "center"}
        below, beside = box.y0 - 0.24 * dpi, box.x0 - drawing.LABEL_SPACE * dpi
        lettering.write(renderer, across, below, panel.get_xlabel(), up="top", **named)
        middle = (box.y0 + box.y1) / 2
        lettering.write(renderer, beside, middle, panel.get_ylabel(), up="bottom", upwards=True, **named)
        lines = [[(box.x0, box.y0), (box.x0, box.y1)], [(box.x0, box.y0), (box.x1, box.y0)]]
        for name in ("x", "y"):
            lines += self._number(renderer, name)
        draw_lines(renderer, lines, drawing.QUIET, _LINE)

    def _number(self, renderer: RendererBase, name: str) -> list[list[tuple[float, float]]]:
        """Write the numbers of an axis; its ticks come back."""
        panel, box = self.axes, self.axes.bbox
        places, numbers = panel.ticks(name)
        pixels = panel.pixels(name, places)
        tick, gap = in_pixels(renderer, _TICK), in_pixels(renderer, _TICK + _PAD)
        small: dict[str, Any] = {"size": drawing.SMALL, "colour": drawing.INK}
        for place, number in zip(pixels, numbers if panel.numbered[name] else (), strict=False):
            if name == "x":
                lettering.write(renderer, place, box.y0 - gap, number, across="center", up="top", **small)
            else:
                lettering.write(renderer, box.x0 - gap, place, number, across="right", up="center", **small)
        if panel.gridded:
            return []
        if name == "x":
            return [[(place, box.y0), (place, box.y0 - tick)] for place in pixels]
        return [[(box.x0, place), (box.x0 - tick, place)] for place in pixels]


def draw_lines(
    renderer: RendererBase, lines: Sequence[Sequence[tuple[float, float]]], colour: str, points: float
) -> None:
    """Draw upright and level lines, whose ends are given in pixels, of so many points' width."""
    if lines:
        path = Path(np.array(lines).reshape(-1, 2), np.tile([Path.MOVETO, Path.LINETO], len(lines)))
        context = pen(renderer, colour, points)
        # Onto whole pixels, so that none is a shade of two.
        context.set_snap(True)
        renderer.draw_path(context, path, IdentityTransform())


def pen(renderer: RendererBase, colour: str, points: float) -> GraphicsContextBase:
    """What draws in a colour with a width, which may be 0 for areas without an edge."""
    context = renderer.new_gc()
    context.set_foreground(colour)
    context.set_linewidth(in_pixels(renderer, points))
    return context
