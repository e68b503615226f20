"""The wind during the flight: rose, time series, and the normal wind by height."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasflux_core.report import drawing
from gasflux_core.report.words import WORDS
from gasflux_core.thinning import thinned
from gasflux_core.wind_profile import WindProfile
from gasflux_core.wind_rose import wind_rose

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gasflux_core.pipeline import Result
    from gasflux_core.report.panel import Panel

_SECTORS = 24
_MOST_POINTS = 4000
_HEIGHT_BINS = 12


def figure_wind(result: Result) -> Figure:
    """Wind rose (where the wind comes from), speed and direction by time, normal wind by height.

    The profile drawn over the measured normal wind is that of the first gas's field, where it has one.
    """
    figure = drawing.new_figure(drawing.WIDTH, 3.3)
    _draw_rose(figure, result.table)
    _draw_series(figure, result)
    _draw_profile(drawing.new_axes(figure, 7.05, 0.48, 1.98, 2.4), result)
    return figure


def _draw_rose(figure: Figure, table: pd.DataFrame) -> None:
    """Drawn on plain axes: matplotlib's polar ones take three times as long."""
    from matplotlib import colormaps
    from matplotlib.collections import PolyCollection

    limits, counts = wind_rose(table, _SECTORS)
    shares = counts * 100 / max(int(counts.sum()), 1)
    axes = drawing.new_axes(figure, 0.3, 0.62, 2.25, 2.25, grid=False)
    axes.framed = False
    top = max(float(shares.sum(axis=0).max()), 1.0)
    step = next(size for size in (1, 2, 5, 10, 20, 25, 50) if top / size < 4)
    rings = step * np.arange(1, int(np.ceil(top / step)) + 1)
    around = np.linspace(0, 2 * np.pi, 181)
    for ring in rings:
        axes.plot(ring * np.sin(around), ring * np.cos(around), color=drawing.RULE, linewidth=0.7, zorder=1)
    outer = float(rings[-1])
    axes.plot([0, 0, np.nan, -outer, outer], [-outer, outer, np.nan, 0, 0], color=drawing.RULE, linewidth=0.7, zorder=1)
    inner = np.zeros(_SECTORS)
    entries = []
    for number, (low, high) in enumerate(pairwise(limits)):
        colour = colormaps[drawing.SEQUENTIAL](0.12 + 0.8 * number / max(len(limits) - 2, 1))
        petals = [_petal(sector, inner[sector], inner[sector] + shares[number, sector]) for sector in range(_SECTORS)]
        area = PolyCollection(petals, facecolors=[colour], linewidths=0, zorder=2)
        axes.add_collection(area)
        entries.append((area, f"{low:g}–{high:g}"))
        inner += shares[number]
    for bearing, point in ((0, "north"), (90, "east"), (180, "south"), (270, "west")):
        x, y = 1.1 * outer * np.sin(np.radians(bearing)), 1.1 * outer * np.cos(np.radians(bearing))
        drawing.write(axes, (x, y), WORDS[point], size=9)
    aside = np.radians(_empty_direction(inner))
    for ring in rings:
        place = (ring * np.sin(aside), ring * np.cos(aside))
        drawing.write(axes, place, f"{ring} %", size=7.5)
    axes.set_xlim(-1.2 * outer, 1.2 * outer)
    axes.set_ylim(-1.2 * outer, 1.2 * outer)
    drawing.label(axes, title=WORDS["title_rose"])
    drawing.legend(axes, "below", entries=entries, heading=WORDS["axis_windspeed"], sample=0.8)


def _petal(sector: int, inner: float, outer: float) -> NDArray[np.float64]:
    """Corners of the part of a sector between two radii; bearings run clockwise from the top."""
    angles = 2 * np.pi * (sector + np.linspace(-0.46, 0.46, 7)) / _SECTORS
    arc = np.column_stack([np.sin(angles), np.cos(angles)])
    return np.vstack([inner * arc, outer * arc[::-1]])


def _draw_series(figure: Figure, result: Result) -> None:
    table = result.table
    minutes = table["time"].to_numpy(dtype=float) / 60
    speed = table["windspeed"].to_numpy(dtype=float)
    rows = thinned(speed, _MOST_POINTS)
    upper = drawing.new_axes(figure, 3.2, 1.85, 3.2, 1.03)
    lower = drawing.new_axes(figure, 3.2, 0.48, 3.2, 1.03)
    upper.plot(minutes[rows], speed[rows], color=drawing.BLUE, linewidth=0.7)
    upper.axhline(result.wind.mean_speed, color=drawing.INK, linewidth=0.9, linestyle=(0, (4, 3)))
    upper.set_ylim(bottom=0)
    # Directions are drawn about their mean, so that a north wind doesn't jump between 0° and 360°.
    mean = result.wind.mean_direction
    around = mean + (table["winddir"].to_numpy(dtype=float) - mean + 180) % 360 - 180
    lower.plot(minutes[rows], around[rows], ".", color=drawing.TEAL, markersize=2, markeredgewidth=0, rasterized=True)
    lower.axhline(mean, color=drawing.INK, linewidth=0.9, linestyle=(0, (4, 3)))
    lower.yaxis.set_major_formatter(lambda value, _: f"{value % 360:.0f}")
    lower.locator_params(axis="y", nbins=5)
    for axes in (upper, lower):
        axes.set_xlim(minutes.min(), minutes.max() or 1.0)
    upper.numbered["x"] = False
    drawing.label(upper, y=WORDS["axis_speed"], title=WORDS["title_wind_series"])
    drawing.label(lower, x=WORDS["axis_time"], y=WORDS["axis_direction"])


def _draw_profile(axes: Panel, result: Result) -> None:
    table = result.table[result.table["kept"].to_numpy(dtype=bool)]
    height = table["height_above_ground"].to_numpy(dtype=float)
    normal = table["wind_normal"].to_numpy(dtype=float)
    rows = np.linspace(0, len(table) - 1, min(len(table), 1500)).astype(int)
    axes.plot(
        normal[rows],
        height[rows],
        ".",
        color=drawing.BLUE,
        markersize=2,
        markeredgewidth=0,
        alpha=0.45,
        label=WORDS["legend_sample"],
        rasterized=True,
    )
    edges = np.unique(np.quantile(height, np.linspace(0, 1, _HEIGHT_BINS + 1)))
    if len(edges) > 2:
        bins = np.clip(np.searchsorted(edges, height, side="right") - 1, 0, len(edges) - 2)
        count = np.bincount(bins, minlength=len(edges) - 1)
        filled = count > 0
        means = np.bincount(bins, weights=normal)[filled] / count[filled]
        places = np.bincount(bins, weights=height)[filled] / count[filled]
        axes.plot(means, places, "o", color=drawing.INK, markersize=4, label=WORDS["legend_height_mean"])
    profile = _profile(result)
    top = float(height.max(initial=1.0)) * 1.05
    if profile is not None and result.plane_fit.plane.kind == "curtain":
        heights = np.linspace(0, top, 120)
        axes.plot(
            profile.normal(np.zeros_like(heights), heights),
            heights,
            color=drawing.ORANGE,
            linewidth=1.4,
            label=WORDS["legend_profile"],
        )
    axes.axvline(0, color=drawing.QUIET, linewidth=0.7)
    axes.set_ylim(min(0.0, float(height.min(initial=0.0))), top)
    drawing.label(axes, x=WORDS["axis_normal_wind"], y=WORDS["axis_height_above_ground"], title=WORDS["title_profile"])
    drawing.legend(axes, "upper left", sample=1.2)


def _profile(result: Result) -> WindProfile | None:
    for found in result.gases.values():
        if found.field.profile:
            return WindProfile.from_dict(found.field.profile, result.plane_fit.plane)
    return None


def _empty_direction(shares: NDArray[np.float64]) -> float:
    """Bearing, degrees, in which the fewest winds stand in the way of the rings' numbers.

    Steep, so that they don't run into each other, and off the letters of north and south.
    """
    smooth = shares + np.roll(shares, 1) + np.roll(shares, -1)
    bearings = 360 / _SECTORS * np.arange(_SECTORS)
    steepness = np.abs(np.cos(np.radians(bearings)))
    free = np.flatnonzero((steepness > 0.7) & (steepness < 0.95))
    return float(bearings[free[np.argmin(smooth[free])]])
