"""The rates of a campaign's flights beneath each other, with their intervals and means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gasflux_core.campaign import CampaignMean
from gasflux_core.report import drawing
from gasflux_core.report.quantities import gas_name, to_place_of
from gasflux_core.report.words import WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.24
"""Height of a row, inches."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 2.6, 1.5, 0.34, 0.52
_LONGEST_LABEL = 36
_FONT = 8.5


@dataclass(frozen=True)
class ForestRow:
    """One flight; kg h⁻¹."""

    label: str
    emission_rate: float
    standard_uncertainty: float
    interval95: tuple[float, float]


@dataclass(frozen=True)
class ForestGroup:
    """Flights, and their mean."""

    configuration: int | None
    """Number of the configuration; None where there is one only."""
    rows: Sequence[ForestRow]
    mean: CampaignMean


def write_forest(path: Path, gas: str, groups: Sequence[ForestGroup]) -> None:
    """Write :func:`figure_forest` as PNG, 1012 pixels wide."""
    path.write_bytes(drawing.png(figure_forest(gas, groups)))


def figure_forest(gas: str, groups: Sequence[ForestGroup]) -> Figure:
    """Rate and 95 % interval of each flight (kg h⁻¹), a line each; beneath them their mean as a diamond."""
    from matplotlib.ticker import NullLocator

    rows = sum(len(group.rows) + 1 + (group.configuration is not None) for group in groups)
    height = rows * _ROW
    figure = drawing.new_figure(drawing.WIDTH, _BOTTOM + height + _TOP)
    axes = drawing.new_axes(figure, _LEFT, _BOTTOM, drawing.WIDTH - _LEFT - _RIGHT, height)
    axes.yaxis.set_major_locator(NullLocator())
    axes.axvline(0.0, color=drawing.QUIET, linewidth=0.8)
    place = 0
    for group in groups:
        place = _draw_group(axes, group, place)
    axes.set_ylim(rows - 0.5, -0.5)
    name = gas_name(gas)
    drawing.label(axes, x=WORDS["axis_emission_rate"].format(gas=name), title=WORDS["title_campaign"].format(gas=name))
    return figure


def _draw_group(axes: Axes, group: ForestGroup, place: int) -> int:
    """Draw a group from a place on; the next free place comes back."""
    if group.configuration is not None:
        _write(axes, place, WORDS["campaign_configuration"].format(number=group.configuration), "", bold=True)
        place += 1
    first = place
    for row in group.rows:
        axes.plot(row.interval95, [place, place], color=drawing.BLUE, linewidth=1.4, solid_capstyle="butt")
        axes.plot(row.emission_rate, place, "s", color=drawing.BLUE, markersize=4)
        _write(axes, place, _shortened(row.label), _value(row.emission_rate, row.standard_uncertainty))
        place += 1
    mean, (low, high) = group.mean, group.mean.interval95
    middle = mean.emission_rate
    axes.plot([middle, middle], [first - 0.5, place], color=drawing.ORANGE, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.fill([low, middle, high, middle], [place, place - 0.3, place, place + 0.3], color=drawing.ORANGE)
    _write(axes, place, WORDS["campaign_mean"], _value(middle, mean.standard_uncertainty), bold=True)
    return place + 1


def _write(axes: Axes, place: int, label: str, value: str, *, bold: bool = False) -> None:
    """Words on the left and a number on the right of a row."""
    across = axes.get_yaxis_transform()
    for x, text, side in ((-0.02, label, "right"), (1.02, value, "left")):
        drawing.write(axes, (x, place), text, size=_FONT, transform=across, bold=bold, across=side)


def _value(rate: float, uncertainty: float) -> str:
    return WORDS["campaign_value"].format(
        rate=to_place_of(rate, uncertainty), uncertainty=to_place_of(uncertainty, uncertainty)
    )


def _shortened(label: str) -> str:
    # In one line, as a client's label need not be.
    label = " ".join(label.split())
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
