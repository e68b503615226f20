"""The flux plane: estimate with the samples on it, its standard error, and a small preview."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasflux_core.report import drawing
from gasflux_core.report.quantities import gas_name, mass_unit, to_place_of
from gasflux_core.report.words import WORDS
from gasflux_core.thinning import thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from gasflux_core.kriging import Field
    from gasflux_core.pipeline import Result
    from gasflux_core.report.panel import Panel

_LEFT, _BOTTOM, _GAP = 0.62, 0.48, 0.14
_PROFILE = 0.85
"""Size of the profiles beside the plane, inches."""
_BAR = 0.13
_BAR_TEXT = 0.75
_MOST_SAMPLES = 4000


@dataclass(frozen=True)
class _Size:
    """Size of the drawn plane, inches, and how many times its heights are exaggerated."""

    width: float
    height: float
    exaggeration: int


def figure_flux_plane(result: Result, gas: str) -> Figure:
    """Estimated flux density over the plane (kg m⁻² h⁻¹), samples in the same colours on it.

    Above it the rate by distance, beside it the rate by height, so that a plume cut off at an edge
    is seen at once. Parts beyond the samples are hatched, ground is brown.
    """
    field = result.gases[gas].field
    right = _GAP + _PROFILE + _GAP + _BAR + _BAR_TEXT
    size = _size(field, drawing.WIDTH - _LEFT - right)
    top = _GAP + _PROFILE * 0.75 + 0.3
    figure = drawing.new_figure(_LEFT + size.width + right, _BOTTOM + size.height + top)
    axes = drawing.new_axes(figure, _LEFT, _BOTTOM, size.width, size.height, grid=False)
    values = _shown(field, field.estimate)
    colours, norm, extend = drawing.flux_scale(values)
    image = _draw_plane(axes, result, field, values, colours, norm)
    extend = _draw_samples(axes, result, gas, colours, norm, extend)
    _name_axes(axes, result, size)

    along = drawing.new_axes(figure, _LEFT, _BOTTOM + size.height + _GAP, size.width, _PROFILE * 0.75)
    by_place = np.nansum(values, axis=0) * field.cell_height
    along.stairs(by_place, _edges(field.x), fill=True, color=drawing.BLUE, alpha=0.55)
    along.locator_params(axis="y", nbins=3)
    along.set_xlim(axes.get_xlim())
    along.numbered["x"] = False
    unit = _number(along.yaxis, by_place)
    title = WORDS["title_flux_plane"].format(gas=gas_name(gas))
    drawing.label(along, y=WORDS["axis_rate_per_metre"].format(unit=unit), title=title)

    upwards = drawing.new_axes(figure, _LEFT + size.width + _GAP, _BOTTOM, _PROFILE, size.height)
    by_height = np.nansum(values, axis=1) * field.cell_width
    upwards.stairs(by_height, _edges(field.z), orientation="horizontal", fill=True, color=drawing.BLUE, alpha=0.55)
    upwards.locator_params(axis="x", nbins=3)
    _draw_transects(upwards, result, gas)
    upwards.set_ylim(axes.get_ylim())
    upwards.numbered["y"] = False
    unit = _number(upwards.xaxis, by_height)
    drawing.label(upwards, x=WORDS["axis_rate_per_metre"].format(unit=unit))

    _draw_bar(figure, (_LEFT + size.width + 2 * _GAP + _PROFILE, size.height), image, "axis_flux_density", extend)
    return figure


def figure_standard_error(result: Result, gas: str) -> Figure:
    """Standard error of the estimate over the plane (kg m⁻² h⁻¹), with the samples' places."""
    field = result.gases[gas].field
    right = _GAP + _BAR + _BAR_TEXT
    size = _size(field, drawing.WIDTH - _LEFT - right)
    figure = drawing.new_figure(_LEFT + size.width + right, _BOTTOM + size.height + 0.32)
    axes = drawing.new_axes(figure, _LEFT, _BOTTOM, size.width, size.height, grid=False)
    values = _shown(field, field.standard_error)
    image = _draw_plane(axes, result, field, values, drawing.ERROR, _from_zero(values))
    x, z, _ = _samples(result, gas)
    axes.plot(x, z, ".", color="white", markersize=2.2, alpha=0.7, markeredgewidth=0, rasterized=True)
    _name_axes(axes, result, size)
    drawing.label(axes, title=WORDS["title_standard_error"].format(gas=gas_name(gas)))
    _draw_bar(figure, (_LEFT + size.width + _GAP, size.height), image, "axis_standard_error", "neither")
    return figure


def write_preview(path: Path, result: Result, gas: str) -> None:
    """Write the flux plane of a gas as a small PNG (704 × 352)."""
    path.write_bytes(drawing.png(figure_preview(result, gas)))


def figure_preview(result: Result, gas: str) -> Figure:
    """The flux plane small, with the rate in its title: for lists and pages about a result."""
    field, rate = result.gases[gas].field, result.gases[gas].rate
    width, height = 6.4, 3.2
    figure = drawing.new_figure(width, height)
    axes = drawing.new_axes(figure, _LEFT, _BOTTOM, width - _LEFT - 0.95, height - 0.9, grid=False)
    values = _shown(field, field.estimate)
    colours, norm, extend = drawing.flux_scale(values)
    image = _draw_plane(axes, result, field, values, colours, norm)
    extend = _draw_samples(axes, result, gas, colours, norm, extend)
    _name_axes(axes, result, _Size(width, height, 1))
    uncertainty = rate.standard_uncertainty
    drawing.label(
        axes,
        title=WORDS["title_preview"].format(
            gas=gas_name(gas),
            rate=to_place_of(rate.emission_rate, uncertainty),
            uncertainty=to_place_of(uncertainty, uncertainty),
        ),
    )
    _draw_bar(figure, (width - 0.85, height - 0.9), image, "axis_flux_density", extend)
    return figure


def _size(field: Field, widest: float) -> _Size:
    """Equal scales on both axes where that can be read; a long low plane is drawn higher than it is."""
    length, rise = np.ptp(_edges(field.x)), np.ptp(_edges(field.z))
    exaggeration = next((times for times in (1, 2, 3, 5, 10, 20) if widest * rise / length * times >= 1.7), 50)
    width, height = widest, float(widest * rise / length * exaggeration)
    tallest = 4.4
    if height > tallest:
        width, height = max(2.2, width * tallest / height), tallest
    return _Size(width, height, exaggeration)


def _draw_plane(
    axes: Axes, result: Result, field: Field, values: NDArray[np.float64], colours: str, norm: Normalize
) -> AxesImage:
    x, z = _edges(field.x), _edges(field.z)
    ground = result.plane_fit.plane.ground
    axes.set_facecolor(drawing.GROUND if ground else "#e9edf0")
    axes.patch.set_visible(True)
    image = axes.imshow(
        values,
        extent=(x[0], x[-1], z[0], z[-1]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=colours,
        norm=norm,
        zorder=1,
    )
    hatch = "#00000040" if colours == drawing.DIVERGING else "#ffffff66"
    for region in (2, 3):
        _draw_region(axes, field, region, hatch)
    if ground:
        places = np.linspace(x[0], x[-1], 200)
        axes.fill_between(
            places,
            z[0] - 1e3,
            result.plane_fit.plane.ground_height(places),
            color=drawing.GROUND,
            linewidth=0,
            zorder=3,
        )
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(z[0], z[-1])
    return image


def _draw_region(axes: Axes, field: Field, region: int, colour: str) -> None:
    """Hatch the cells of one region, and draw the line to the sampled part."""
    cells = field.region == region
    columns = cells.any(axis=0)
    if not columns.any():
        return
    edges = _edges(field.z)
    low = edges[cells.argmax(axis=0)]
    high = edges[len(field.z) - cells[::-1].argmax(axis=0)]
    x = np.repeat(_edges(field.x), 2)[1:-1]
    where = np.repeat(columns, 2)
    axes.fill_between(
        x,
        np.repeat(low, 2),
        np.repeat(high, 2),
        where=where.tolist(),
        facecolor="none",
        edgecolor=colour,
        hatch="////",
        linewidth=0,
        zorder=2,
    )
    border = np.where(where, np.repeat(high if region == 2 else low, 2), np.nan)
    axes.plot(x, border, color=colour[:7], linewidth=0.8, linestyle=(0, (4, 3)), zorder=2)


def _draw_samples(axes: Axes, result: Result, gas: str, colours: str, norm: Normalize, extend: str) -> str:
    """Draw the samples in the colours of the estimate; the colour bar's open ends come back."""
    x, z, flux = _samples(result, gas)
    axes.scatter(
        x,
        z,
        c=flux,
        cmap=colours,
        norm=norm,
        s=9,
        edgecolors="#ffffff99" if colours == drawing.SEQUENTIAL else drawing.QUIET,
        linewidths=0.3,
        zorder=4,
        rasterized=True,
    )
    low = extend == "min" or bool(np.nanmin(flux, initial=np.inf) < (norm.vmin or 0.0))
    high = bool(np.nanmax(flux, initial=-np.inf) > (norm.vmax or 0.0))
    return "both" if low and high else "min" if low else "max" if high else "neither"


def _draw_transects(axes: Axes, result: Result, gas: str) -> None:
    """A dot a transect: what it carries by itself, at its mean height."""
    kept = result.table.loc[result.table["kept"].to_numpy(dtype=bool)]
    heights = kept.groupby("transect")["z"].mean()
    found = result.gases[gas].rate.transects
    axes.plot(found.flux, heights.reindex(found.transect).to_numpy(), "o", color=drawing.INK, markersize=2.5)


def _samples(result: Result, gas: str) -> tuple[NDArray[np.float64], ...]:
    kept = result.table.loc[result.table["kept"].to_numpy(dtype=bool)]
    columns = [kept[name].to_numpy(dtype=float) for name in ("x", "z", f"{gas}_flux_density")]
    rows = thinned(columns[2], _MOST_SAMPLES)
    return tuple(column[rows] for column in columns)


def _shown(field: Field, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of the cells that count in the rate."""
    return np.where(field.region > 0, values, np.nan)


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    step = (centres[-1] - centres[0]) / (len(centres) - 1) if len(centres) > 1 else 1.0
    return np.asarray(np.append(centres, centres[-1] + step) - step / 2, dtype=float)


def _from_zero(values: NDArray[np.float64]) -> Normalize:
    from matplotlib.colors import Normalize

    return Normalize(0.0, float(np.nanmax(values, initial=0.0)) or 1.0)


def _number(axis: Axis, values: NDArray[np.float64]) -> str:
    """Number an axis of masses (kg) in the unit that suits their size, which comes back."""
    factor, unit = mass_unit(float(np.max(np.abs(values), initial=0.0)))
    drawing.in_unit(axis, factor)
    return unit


def _draw_bar(figure: Figure, place: tuple[float, float], image: AxesImage, words: str, extend: str) -> None:
    """The colour bar, given its left side and height in inches, in the unit that suits its numbers."""
    left, height = place
    factor, unit = mass_unit(float(image.get_clim()[1] or 0.0))
    text = WORDS[words].format(unit=unit)
    drawing.colour_bar(figure, (left, _BOTTOM, _BAR, height), image, text=text, extend=extend, factor=factor)


def _name_axes(axes: Panel, result: Result, size: _Size) -> None:
    along = "axis_around_circle" if result.plane_fit.plane.kind == "spiral" else "axis_along_plane"
    exaggerated = "; " + WORDS["exaggerated"].format(times=size.exaggeration) if size.exaggeration > 1 else ""
    drawing.label(axes, x=WORDS[along] + exaggerated, y=WORDS["axis_height"])
