"""The measured gas with its background: as a time series, and transect by transect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasflux_core.report import drawing
from gasflux_core.report.quantities import gas_name
from gasflux_core.report.words import WORDS
from gasflux_core.thinning import thinned

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gasflux_core.pipeline import Result

_MOST_POINTS = 6000
_MOST_TRANSECTS = 60


def figure_background(result: Result, gas: str) -> Figure:
    """Mole fraction against time with the background (ppm): whole, and close up around the background.

    Rows taken as signal are orange; rows of no transect are grey; transects are told by shading.
    """
    table = result.table
    rows = thinned(table[gas].to_numpy(dtype=float), _MOST_POINTS)
    minutes = table["time"].to_numpy(dtype=float) / 60
    measured = table[gas].to_numpy(dtype=float)
    background = table[f"{gas}_background"].to_numpy(dtype=float)
    kept = table["kept"].to_numpy(dtype=bool)
    signal = table[f"{gas}_signal"].to_numpy(dtype=bool)
    spread = result.background.gases[gas].standard_deviation

    figure = drawing.new_figure(drawing.WIDTH, 4.1)
    whole = drawing.new_axes(figure, 0.72, 2.2, drawing.WIDTH - 0.88, 1.6)
    close = drawing.new_axes(figure, 0.72, 0.45, drawing.WIDTH - 0.88, 1.45)
    groups = (
        (kept & ~signal, drawing.BLUE, WORDS["legend_no_signal"]),
        (kept & signal, drawing.ORANGE, WORDS["legend_signal"]),
        (~kept, drawing.QUIET, WORDS["legend_not_kept"]),
    )
    for axes in (whole, close):
        _shade_transects(axes, table, minutes)
        for members, colour, name in groups:
            chosen = rows[members[rows]]
            if chosen.size:
                axes.plot(
                    minutes[chosen],
                    measured[chosen],
                    ".",
                    color=colour,
                    markersize=2.8,
                    markeredgewidth=0,
                    label=name,
                    rasterized=True,
                )
        axes.plot(minutes[rows], background[rows], color=drawing.INK, linewidth=1.1, label=WORDS["legend_background"])
        axes.set_xlim(minutes.min(), minutes.max() or 1.0)
    close.fill_between(
        minutes[rows],
        (background - 2 * spread)[rows],
        (background + 2 * spread)[rows],
        color=drawing.INK,
        alpha=0.12,
        linewidth=0,
        label=WORDS["legend_background_spread"],
    )
    close.set_ylim(*_around(background, spread, measured))
    whole.numbered["x"] = False
    axis = WORDS["axis_mole_fraction"].format(gas=gas_name(gas))
    drawing.label(whole, y=axis, title=WORDS["title_background"].format(gas=gas_name(gas)))
    drawing.label(close, x=WORDS["axis_time"], y=axis, title=WORDS["title_background_close"])
    drawing.legend(whole, "above", entries=list(zip(*close.get_legend_handles_labels(), strict=True)), enlarged=2.2)
    return figure


def figure_transects(result: Result, gas: str) -> Figure:
    """Enhancement along each transect, drawn as a line at the transect's mean height (m)."""
    from matplotlib.collections import LineCollection, PolyCollection

    table = result.table[result.table["kept"].to_numpy(dtype=bool)]
    numbers = np.unique(table["transect"].to_numpy())
    step = max(1, -(-len(numbers) // _MOST_TRANSECTS))
    lines = [_transect_line(table, gas, number) for number in numbers[::step]]
    heights = np.array([height for _, _, height in lines])
    largest = max((float(np.nanmax(np.abs(values), initial=0.0)) for _, values, _ in lines), default=0.0) or 1.0
    apart = float(np.ptp(heights)) / max(len(heights) - 1, 1) or 1.0
    scale = 2.2 * apart / largest

    figure = drawing.new_figure(drawing.WIDTH, 3.9)
    axes = drawing.new_axes(figure, 0.62, 0.48, drawing.WIDTH - 0.78, 3.1)
    order = np.argsort(-heights, kind="stable")
    curves = [np.column_stack([lines[i][0], lines[i][2] + scale * lines[i][1]]) for i in order]
    areas = [
        np.vstack([curve, [[curve[-1, 0], lines[i][2]], [curve[0, 0], lines[i][2]]]])
        for curve, i in zip(curves, order, strict=True)
    ]
    axes.add_collection(PolyCollection(areas, facecolors=drawing.BLUE, alpha=0.22, linewidths=0))
    axes.add_collection(LineCollection(curves, colors=drawing.BLUE, linewidths=0.9))
    axes.autoscale_view()
    axes.margins(x=0)
    _draw_scale(axes, largest, scale)
    along = "axis_around_circle" if result.plane_fit.plane.kind == "spiral" else "axis_along_plane"
    drawing.label(
        axes,
        x=WORDS[along],
        y=WORDS["axis_transect_height"],
        title=WORDS["title_transects"].format(gas=gas_name(gas)),
    )
    return figure


def _transect_line(
    table: pd.DataFrame, gas: str, number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    members = np.flatnonzero(table["transect"].to_numpy() == number)
    x, values, z = (table[name].to_numpy(dtype=float)[members] for name in ("x", f"{gas}_enhancement", "z"))
    order = np.argsort(x, kind="stable")
    shown = order[thinned(values[order], 600)]
    return x[shown], values[shown], float(z.mean())


def _draw_scale(axes: Axes, largest: float, scale: float) -> None:
    """A bar that tells how much enhancement a line's rise means."""
    size = 10.0 ** np.floor(np.log10(largest))
    size = next((size * times for times in (5, 2, 1) if size * times <= largest), size)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))
    top = axes.get_ylim()[1] - 0.03 * (high - low)
    right = axes.get_xlim()[0] + 0.985 * (axes.get_xlim()[1] - axes.get_xlim()[0])
    axes.plot([right, right], [top - size * scale, top], color=drawing.INK, linewidth=2, solid_capstyle="butt")
    drawing.write(
        axes,
        (right, top - size * scale / 2),
        WORDS["scale_ppm"].format(size=f"{size:g}"),
        size=8,
        aside=(-5.0, 0.0),
        across="right",
    )


def _shade_transects(axes: Axes, table: pd.DataFrame, minutes: NDArray[np.float64]) -> None:
    """Light bands over every second transect, from its first to its last row."""
    from matplotlib.collections import PolyCollection

    numbers = table["transect"].to_numpy()
    starts = np.flatnonzero(np.diff(numbers, prepend=0) != 0)
    ends = np.append(starts[1:], len(numbers)) - 1
    bands = [
        [(first, 0.0), (first, 1.0), (last, 1.0), (last, 0.0)]
        for first, last, number in zip(minutes[starts], minutes[ends], numbers[starts], strict=True)
        if number > 0 and number % 2
    ]
    shading = PolyCollection(
        bands, transform=axes.get_xaxis_transform(), facecolors=drawing.BAND, linewidths=0, zorder=0
    )
    axes.add_collection(shading, autolim=False)


def _around(background: NDArray[np.float64], spread: float, measured: NDArray[np.float64]) -> tuple[float, float]:
    """Limits that show the background and its noise, not the plume."""
    low, high = float(np.nanmin(background)), float(np.nanmax(background))
    room = max(6 * spread, 0.5 * (high - low), 0.01 * float(np.ptp(measured)), 1e-9)
    return low - room, high + room
