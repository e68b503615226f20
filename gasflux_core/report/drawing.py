"""What all figures share: sheet, axes in inches, colours, and the PNG that comes of them.

Figures are made of ``matplotlib.figure.Figure`` with its Agg canvas, never of pyplot: pyplot keeps
global state that threads would share. matplotlib is imported within functions, as it takes a
quarter of a second that no one should wait for who wants no figure.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

    from gasflux_core.report.panel import Panel

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

FONT = 9.0
"""Size of the words along axes, points."""
SMALL = FONT - 1
"""Size of numbers and legends, points."""

LABEL_SPACE = 0.42
"""From an upright axis to the words beside it, inches."""


def new_figure(width: float, height: float) -> Figure:
    """An empty white sheet of so many inches with its own canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def new_axes(figure: Figure, left: float, bottom: float, width: float, height: float, *, grid: bool = True) -> Panel:
    """Axes at a place given in inches from the sheet's lower left corner.

    Places are given, not found by a layout engine: that would draw every figure twice.
    """
    from gasflux_core.report.panel import Panel

    sheet_width, sheet_height = figure.get_size_inches()
    place = (left / sheet_width, bottom / sheet_height, width / sheet_width, height / sheet_height)
    panel = Panel(figure, place, grid=grid)
    figure.add_axes(panel)
    return panel


def label(axes: Panel, *, x: str = "", y: str = "", title: str = "") -> None:
    """Name the axes (with their units) and what is seen."""
    if x:
        axes.set_xlabel(x)
    if y:
        axes.set_ylabel(y)
    if title:
        axes.heading = title


def write(
    axes: Axes,
    place: tuple[float, float],
    text: str,
    *,
    size: float,
    colour: str = INK,
    transform: Transform | None = None,
    aside: tuple[float, float] = (0.0, 0.0),
    bold: bool = False,
    across: str = "center",
) -> None:
    """Words at a place of the axes, given in data coordinates or those of ``transform``, and from there in points."""
    from gasflux_core.report.lettering import Words

    weight = "bold" if bold else "normal"
    options: dict[str, Any] = {"fontsize": size, "fontweight": weight, "color": colour, "horizontalalignment": across}
    axes.add_artist(Words(*place, text, aside, transform=transform or axes.transData, **options))


def legend(
    axes: Axes,
    place: str,
    *,
    entries: Sequence[tuple[Any, str]] | None = None,
    heading: str = "",
    sample: float = 2.0,
    enlarged: float = 1.0,
) -> None:
    """A plain legend of the marks that have a label, or of these entries; see :class:`~.keys.Legend`."""
    from gasflux_core.report.keys import Legend

    if entries is None:
        entries = list(zip(*axes.get_legend_handles_labels(), strict=True))
    axes.add_artist(Legend(axes, entries, place, heading, sample, enlarged))


def dpi_of(part: Artist) -> float:
    """Dots per inch of the figure that something is part of."""
    figure = part.get_figure()
    assert figure is not None
    return float(figure.dpi)


def number(value: float, factor: float = 1.0) -> str:
    """A value as axes number it, in a unit of which ``factor`` make one of the value's."""
    return f"{value * factor:.6g}".replace("-", "−")


def in_unit(axis: Axis, factor: float) -> None:
    """Number an axis in a unit of which ``factor`` make one of the values'."""
    axis.set_major_formatter(lambda value, _: number(value, factor))


def colour_bar(
    figure: Figure,
    place: tuple[float, float, float, float],
    shown: ScalarMappable,
    *,
    text: str,
    extend: str = "neither",
    factor: float = 1.0,
) -> None:
    """A slim upright colour bar, numbered as :func:`in_unit` does.

    :param place: left, bottom, width and height, inches.
    """
    from gasflux_core.report.keys import ColourBar

    figure.add_artist(ColourBar(place, shown, text, extend, factor))


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


def png(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes for the same figure (no date, no program named within).

    Written here: other writers try filters that help photographs, and take twice as long for figures of even areas.
    """
    canvas: Any = figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    height, width = pixels.shape[:2]
    # Each row begins with the number of its filter; 0 is none.
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 1:] = pixels[:, :, :3].reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.data, 3)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_part(name, content) for name, content in parts)


def _png_part(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
