"""The semivariogram: what was measured by direction, and the model that kriging uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gasflux_core.report import drawing
from gasflux_core.report.quantities import gas_name, raised
from gasflux_core.report.words import WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gasflux_core.experimental_variogram import LagClasses
    from gasflux_core.pipeline import Result
    from gasflux_core.variogram_model import Variogram

_SQUARED_UNITS = {"mass_enhancement": "kg² m⁻⁶", "flux_density": "kg² m⁻⁴ h⁻²"}


def figure_variogram(result: Result, gas: str) -> Figure:
    """Semivariance against distance, one panel a direction: lag classes as points, the model as a line.

    Points are larger where more pairs were seen. The model of a panel is drawn for the mean direction of
    the pairs, not for the panel's name alone.
    """
    variogram = result.gases[gas].variogram
    figure = drawing.new_figure(drawing.WIDTH, 3.0)
    seen = variogram.experimental
    highest = max([variogram.sill, *(float(classes.semivariance.max(initial=0.0)) for classes in seen)])
    power = int(np.floor(np.log10(highest))) if highest > 0 else 0
    apart = 0.62
    width = (drawing.WIDTH - 0.72 - 0.15 - apart * (len(seen) - 1)) / max(len(seen), 1)
    for number, classes in enumerate(seen):
        axes = drawing.new_axes(figure, 0.72 + number * (width + apart), 0.48, width, 2.2)
        _draw_direction(axes, variogram, classes, 10.0**-power)
        axes.set_ylim(0, 1.08 * highest * 10.0**-power)
        unit = f"10{raised(power)} {_SQUARED_UNITS[variogram.quantity]}"
        drawing.label(
            axes,
            x=WORDS["axis_lag"],
            y="" if number else WORDS["axis_semivariance"].format(unit=unit),
            title=_direction(classes.direction).format(gas=gas_name(gas)),
        )
        if number == 0:
            drawing.legend(axes, "lower right")
    return figure


def _draw_direction(axes: Axes, variogram: Variogram, classes: LagClasses, scale: float) -> None:
    most = max(int(classes.pairs.max(initial=1)), 1)
    axes.scatter(
        classes.lag,
        classes.semivariance * scale,
        s=8 + 50 * classes.pairs / most,
        color=drawing.BLUE,
        alpha=0.8,
        linewidths=0,
        label=WORDS["legend_lag_class"],
    )
    longest = float(classes.lag.max(initial=1.0)) * 1.05
    lags = np.linspace(1e-6, longest, 200)
    # Classes of a direction hold pairs up to its tolerance off it: their mean |Δx| and |Δz| say which way they lie.
    along = float(np.average(classes.along_x / classes.lag, weights=classes.pairs)) if classes.lag.size else 1.0
    upwards = float(np.average(classes.along_z / classes.lag, weights=classes.pairs)) if classes.lag.size else 0.0
    length = np.hypot(along, upwards) or 1.0
    model = variogram.semivariance(lags * along / length, lags * upwards / length)
    axes.plot(lags, model * scale, color=drawing.ORANGE, linewidth=1.5, label=WORDS["legend_model"])
    axes.axhline(
        variogram.sill * scale, color=drawing.QUIET, linewidth=0.9, linestyle=(0, (4, 3)), label=WORDS["legend_sill"]
    )
    axes.set_xlim(0, longest)


def _direction(degrees: float) -> str:
    """Title of a direction, degrees from the x axis towards z."""
    if abs(degrees) < 1:
        return WORDS["title_variogram_along"]
    if abs(degrees - 90) < 1:
        return WORDS["title_variogram_upwards"]
    return WORDS["title_variogram_oblique"].replace("{direction}", f"{degrees:.0f}")
