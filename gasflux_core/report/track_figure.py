"""The flight from above, and in three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasflux_core.report import drawing
from gasflux_core.report.quantities import gas_name
from gasflux_core.report.words import WORDS
from gasflux_core.thinning import thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    from gasflux_core.pipeline import Result

_MOST_POINTS = 4000
_MOST_IN_VIEW = 2000
"""Points of the turning view: its data stand in the page as text."""

VIEW_AZIMUTH, VIEW_TILT = 30.0, 25.0
"""From where the three-dimensional view looks first: degrees turned from the plane's normal, and downwards."""


def figure_track(result: Result, gas: str) -> Figure:
    """Map of the track coloured by enhancement (ppm), the flight plane, and the mean wind (m/s)."""
    table = result.table
    east, north = _local(result)
    enhancement = table[f"{gas}_enhancement"].to_numpy(dtype=float)
    rows = thinned(enhancement, _MOST_POINTS)
    kept = table["kept"].to_numpy(dtype=bool)[rows]
    colours, norm, extend = drawing.flux_scale(enhancement)

    width, height = _map_size(east, north)
    figure = drawing.new_figure(0.72 + width + 1.0, height + 0.85)
    axes = drawing.new_axes(figure, 0.72, 0.48, width, height)
    axes.set_aspect("equal", adjustable="datalim")
    left_out = rows[~kept]
    if left_out.size:
        axes.plot(
            east[left_out],
            north[left_out],
            ".",
            color=drawing.QUIET,
            markersize=3,
            markeredgewidth=0,
            label=WORDS["legend_not_kept"],
            rasterized=True,
        )
    # The highest enhancement is drawn last, on top of the other transects that pass over the same place.
    order = rows[kept][np.argsort(np.nan_to_num(enhancement[rows][kept]), kind="stable")]
    points = axes.scatter(
        east[order], north[order], c=enhancement[order], cmap=colours, norm=norm, s=10, linewidths=0, rasterized=True
    )
    _draw_footprint(axes, result)
    axes.plot(east[0], north[0], "^", color=drawing.INK, markersize=6, label=WORDS["legend_start"])
    axes.margins(0.08)
    _draw_wind(axes, result)
    drawing.label(
        axes, x=WORDS["axis_east"], y=WORDS["axis_north"], title=WORDS["title_track"].format(gas=gas_name(gas))
    )
    drawing.legend(axes, "above")
    bar = (0.72 + width + 0.12, 0.48, 0.13, height)
    drawing.colour_bar(figure, bar, points, text=WORDS["axis_enhancement"].format(gas=gas_name(gas)), extend=extend)
    return figure


def figure_track_3d(result: Result, gas: str) -> Figure:
    """The track seen from aside, drawn by the same projection as the page's turning view."""
    view = track_view(result, gas)
    points = np.array(view["points"], dtype=float)
    norm = _range(view)
    right, up = _project(
        points[:, :3] * np.array([1.0, 1.0, view["exaggeration"]]), VIEW_AZIMUTH + view["turn"], VIEW_TILT
    )
    figure = drawing.new_figure(drawing.WIDTH, 4.2)
    axes = drawing.new_axes(figure, 0.2, 0.15, drawing.WIDTH - 1.2, 3.9, grid=False)
    axes.framed = False
    axes.set_aspect("equal", adjustable="datalim")
    axes.plot(right, up, color=drawing.RULE, linewidth=0.6)
    shown = axes.scatter(
        right, up, c=points[:, 3], cmap=drawing.SEQUENTIAL, norm=norm, s=12, linewidths=0, rasterized=True
    )
    bar = (drawing.WIDTH - 0.9, 0.4, 0.13, 3.4)
    drawing.colour_bar(figure, bar, shown, text=WORDS["axis_enhancement"].format(gas=gas_name(gas)))
    return figure


def track_view(result: Result, gas: str) -> dict[str, Any]:
    """The data of the turning view: points (m east, m north, m up of the middle; ppm), colours, corners.

    Rounded to 0.1 m and four digits: the page carries them as text.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    table = result.table
    east, north = _local(result)
    height = table["z"].to_numpy(dtype=float)
    enhancement = table[f"{gas}_enhancement"].to_numpy(dtype=float)
    rows = thinned(enhancement, _MOST_IN_VIEW)
    middle = np.array([(values.min() + values.max()) / 2 for values in (east, north, height)])
    spread = max(float(np.ptp(east)), float(np.ptp(north)), 1.0)
    exaggeration = next((times for times in (1, 2, 3, 5) if np.ptp(height) * times >= 0.2 * spread), 8)
    lowest, highest = 0.0, max(float(np.nanpercentile(enhancement, 99.8)), 1e-9)
    points = [
        [
            round(float(e - middle[0]), 1),
            round(float(n - middle[1]), 1),
            round(float(h - middle[2]), 1),
            float(f"{q:.4g}"),
        ]
        for e, n, h, q in zip(east[rows], north[rows], height[rows], np.nan_to_num(enhancement[rows]), strict=True)
    ]
    palette = colormaps[drawing.SEQUENTIAL](np.linspace(0, 1, 32))
    return {
        "points": points,
        "floor": round(float(height.min() - middle[2]), 1),
        "half": [round(float(np.ptp(values)) / 2, 1) for values in (east, north)],
        "low": lowest,
        "high": float(f"{highest:.4g}"),
        "colours": [to_hex(colour) for colour in palette],
        "exaggeration": exaggeration,
        "turn": round(_first_turn(result), 1),
        "azimuth": VIEW_AZIMUTH,
        "tilt": VIEW_TILT,
    }


def _local(result: Result) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres east and north of the first row, on the grid of the flight's map projection."""
    east = result.table["easting"].to_numpy(dtype=float)
    north = result.table["northing"].to_numpy(dtype=float)
    return east - east[0], north - north[0]


def _first_turn(result: Result) -> float:
    """Turn, degrees, that brings the plane square to the eye."""
    plane = result.plane_fit.plane
    return 0.0 if plane.grid_azimuth is None else plane.grid_azimuth - 90.0


def _project(points: NDArray[np.float64], turn: float, tilt: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Parallel projection: metres to the right and up on the sheet."""
    a, b = np.radians(turn), np.radians(tilt)
    right = points[:, 0] * np.cos(a) - points[:, 1] * np.sin(a)
    away = points[:, 0] * np.sin(a) + points[:, 1] * np.cos(a)
    return right, points[:, 2] * np.cos(b) + away * np.sin(b)


def _range(view: dict[str, Any]) -> Normalize:
    from matplotlib.colors import Normalize

    return Normalize(view["low"], view["high"])


def _map_size(east: NDArray[np.float64], north: NDArray[np.float64]) -> tuple[float, float]:
    """Size of the map in inches: as wide as the page, but no taller than it can be seen at once."""
    wide, tall = max(float(np.ptp(east)), 1.0), max(float(np.ptp(north)), 1.0)
    width = drawing.WIDTH - 1.72
    return width, min(max(1.1 * width * tall / wide, 2.4), 3.7)


def _draw_footprint(axes: Axes, result: Result) -> None:
    plane = result.plane_fit.plane
    first_east, first_north = (float(result.table[name].iloc[0]) for name in ("easting", "northing"))
    east, north = plane.position(np.linspace(0.0, plane.length, 2 if plane.kind == "curtain" else 181))
    axes.plot(
        np.asarray(east) - first_east,
        np.asarray(north) - first_north,
        color=drawing.ORANGE,
        alpha=0.3,
        linewidth=7,
        solid_capstyle="butt",
        label=WORDS["legend_plane"],
        zorder=1,
    )


def _draw_wind(axes: Axes, result: Result) -> None:
    """An arrow that flies with the wind, in the upper left corner."""
    towards = np.radians(result.wind.mean_direction + 180.0 - result.plane_fit.plane.convergence)
    middle = np.array([28.0, axes.bbox.height * 72 / drawing.DPI - 28.0])
    half = 17.0 * np.array([np.sin(towards), np.cos(towards)])
    axes.annotate(
        "",
        xy=tuple(middle + half),
        xytext=tuple(middle - half),
        xycoords="axes points",
        textcoords="axes points",
        arrowprops={"arrowstyle": "-|>", "color": drawing.TEAL, "linewidth": 1.6},
    )
    drawing.write(
        axes,
        (0.0, 0.0),
        WORDS["wind_arrow"].format(speed=f"{result.wind.mean_speed:.1f}"),
        size=8,
        colour=drawing.TEAL,
        transform=axes.transAxes,
        aside=(float(middle[0]) + 26.0, float(middle[1])),
        across="left",
    )
