"""The pictures of the validation page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from validation import sheet
from validation.ablations import Ablated
from validation.aims import ALL_NINETIETH_AIM, COVERAGE_AIM, MEDIAN_AIM, STEADY_LARGEST_AIM
from validation.flights import Outcome
from validation.kinds import KINDS
from validation.summary import NORMAL_WIDTH, STEADY, band, by_kind, confidence, standardised, summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.215
"""Height of a row of a kind, inches."""
_SMALL = 7.5
_DARKER_BAND = "#e3e9ee"
"""Points of the words within the axes."""
_CUT = 40.0
"""Errors beyond so many percent are drawn at the edge, with their number."""


def figure_rates(outcomes: Sequence[Outcome]) -> Figure:
    """Estimated against true rate with 95 % intervals, and beside it their ratio."""
    found = [one for one in outcomes if one.truth > 0 and not one.failure]
    figure = sheet.new_figure(sheet.WIDTH, 4.5)
    rates = sheet.new_axes(figure, 0.65, 0.55, 3.65, 3.65)
    ratios = sheet.new_axes(figure, 5.15, 0.55, 3.85, 3.65)
    truths = np.array([one.truth for one in found])
    ends = np.array([0.7 * truths.min(), 1.4 * truths.max()]) if found else np.array([1.0, 10.0])
    rates.plot(ends, ends, color=sheet.INK, linewidth=0.7, zorder=1)
    ratios.axhline(1.0, color=sheet.INK, linewidth=0.7, zorder=1)
    for size, colour in ((ALL_NINETIETH_AIM, sheet.BAND), (STEADY_LARGEST_AIM, _DARKER_BAND)):
        ratios.axhspan(1 - size, 1 + size, color=colour, zorder=0, linewidth=0)
    places = _side_by_side(found)
    for steady, colour, title in _GROUPS:
        of = [number for number, one in enumerate(found) if (one.kind in STEADY) == steady]
        low, rate, high = (np.array([getattr(found[n], name) for n in of]) for name in ("low", "rate", "high"))
        rates.vlines(truths[of], np.maximum(low, ends[0] / 10), high, color=colour, linewidth=0.6, alpha=0.4, zorder=2)
        rates.plot(truths[of], rate, ".", color=colour, markersize=3.2, label=title, zorder=3)
        ratios.vlines(places[of], low / truths[of], high / truths[of], color=colour, linewidth=0.5, alpha=0.4, zorder=2)
        ratios.plot(places[of], rate / truths[of], ".", color=colour, markersize=3.2, zorder=3)
    for axes in (rates, ratios):
        axes.set_xscale("log")
        axes.set_xlim(*ends)
        sheet.in_unit(axes.xaxis, 1.0)
        axes.minorticks_off()
    rates.set_yscale("log")
    rates.set_ylim(*ends)
    rates.minorticks_off()
    sheet.in_unit(rates.yaxis, 1.0)
    ratios.set_ylim(1 - _CUT / 100, 1 + _CUT / 100)
    _mark_beyond(ratios, places, np.array([one.ratio for one in found]), 1.0, _CUT / 100)
    sheet.label(rates, x="true rate (kg/h)", y="estimated rate (kg/h)", title="Estimated against true rate")
    sheet.label(ratios, x="true rate (kg/h)", y="estimated over true rate", title="The same as a ratio")
    sheet.legend(rates, loc="upper left")
    return figure


def _side_by_side(found: Sequence[Outcome]) -> np.ndarray:
    """True rates, moved a little by kind: kinds share their rates, and would hide each other."""
    seeds = len({one.seed for one in found})
    least, most = KINDS[0].factors
    step = (most / least) ** (0.35 / max(seeds, 3))
    names = [kind.name for kind in KINDS]
    return np.array([one.truth * step ** (2 * names.index(one.kind) / len(names) - 1) for one in found])


def _mark_beyond(axes: Axes, places: np.ndarray, values: np.ndarray, middle: float, reach: float) -> None:
    for side in (-1, 1):
        beyond = side * (values - middle) > reach
        edge = np.full(int(beyond.sum()), middle + side * reach * 0.985)
        axes.plot(places[beyond], edge, "^" if side > 0 else "v", color=sheet.INK, markersize=4, clip_on=False)


def figure_errors(outcomes: Sequence[Outcome]) -> Figure:
    """Error of each flight by kind, with median and quartiles, and the aims as lines."""
    kinds = by_kind(outcomes)
    figure, axes = _rows(len(kinds), [(1.75, sheet.WIDTH - 2.0)])
    (errors,) = axes
    for size, style in ((MEDIAN_AIM, (0, (1, 1.5))), (STEADY_LARGEST_AIM, (0, (5, 2))), (ALL_NINETIETH_AIM, "-")):
        for side in (-1, 1):
            errors.axvline(100 * side * size, color=sheet.QUIET, linewidth=0.8, linestyle=style, zorder=1)
    for row, (kind, of) in enumerate(kinds):
        colour = sheet.BLUE if kind in STEADY else sheet.ORANGE
        values = np.array([100 * (one.ratio - 1) for one in of if not one.failure])
        if not values.size:
            continue
        quartiles = np.quantile(values, [0.25, 0.5, 0.75])
        errors.plot(
            np.clip(quartiles[[0, 2]], -_CUT, _CUT),
            [row, row],
            color=colour,
            linewidth=5.5,
            alpha=0.3,
            solid_capstyle="butt",
        )
        if abs(quartiles[1]) <= _CUT:
            errors.plot(quartiles[1], row, "|", color=colour, markersize=9, markeredgewidth=1.8)
        inside = np.abs(values) <= _CUT
        wobble = 0.22 * np.sin(2.4 * np.arange(values.size))
        errors.plot(values[inside], row + wobble[inside], ".", color=colour, markersize=3, alpha=0.75)
        for side, words in ((-1, "◂ {}"), (1, "{} ▸")):
            count = int((side * values > _CUT).sum())
            if count:
                text = words.format(count)
                errors.text(1.04 * side * _CUT, row, text, ha="center", va="center", fontsize=_SMALL, color=sheet.INK)
    errors.set_xlim(-1.07 * _CUT, 1.07 * _CUT)
    _name_rows(errors, [kind for kind, _ in kinds])
    sheet.label(errors, x="error of the estimated rate (%)", title="Error by kind of flight")
    _note(
        errors,
        f"lines: {100 * MEDIAN_AIM:.0f} %, {100 * STEADY_LARGEST_AIM:.0f} % and {100 * ALL_NINETIETH_AIM:.0f} % · "
        f"bars: quartiles · numbers: flights beyond {_CUT:.0f} %",
    )
    return figure


def figure_coverage(outcomes: Sequence[Outcome]) -> Figure:
    """Share of the intervals that hold the truth by kind, and their width beside the errors."""
    kinds = [(kind, summarise(of)) for kind, of in by_kind(outcomes)]
    figure, (shares, widths) = _rows(len(kinds), [(1.75, 4.0), (6.1, 2.9)])
    shares.axvline(95, color=sheet.INK, linewidth=0.8, zorder=1)
    shares.axvspan(100 * COVERAGE_AIM[0], 100 * COVERAGE_AIM[1], color=sheet.RULE, zorder=0.7, alpha=0.7, linewidth=0)
    widths.axvline(NORMAL_WIDTH, color=sheet.INK, linewidth=0.8, zorder=1)
    largest = 0.0
    for row, (kind, one) in enumerate(kinds):
        given = one.flights - one.failures
        if not given:
            continue
        colour = sheet.BLUE if kind in STEADY else sheet.ORANGE
        low, high = band(given)
        shares.fill_betweenx([row - 0.42, row + 0.42], 100 * low, 100 * high, color=sheet.BAND, linewidth=0, zorder=0)
        ends = np.multiply(confidence(one.held, given), 100)
        shares.plot(ends, [row, row], color=colour, linewidth=1.0, alpha=0.6)
        shares.plot(100 * one.coverage, row, "o", color=colour, markersize=4.5, clip_on=False, zorder=3)
        widths.plot(one.width_over_error, row, "o", color=colour, markersize=4.5)
        largest = max(largest, one.width_over_error)
    shares.set_xlim(min(60.0, shares.get_xlim()[0]), 100)
    widths.set_xscale("log")
    widths.set_xlim(1.0, max(40.0, 1.3 * largest))
    widths.set_xticks([1, 2, 5, 10, 20, 50])
    widths.minorticks_off()
    sheet.in_unit(widths.xaxis, 1.0)
    widths.set_xlim(1.0, max(40.0, 1.3 * largest))
    _name_rows(shares, [kind for kind, _ in kinds])
    widths.set_ylim(shares.get_ylim())
    widths.set_yticks(range(len(kinds)), [])
    sheet.label(shares, x="intervals that hold the truth (%)", title="Coverage of the 95 % intervals")
    sheet.label(widths, x="median width / median error", title="Width beside the error")
    return figure


def figure_reliability(outcomes: Sequence[Outcome]) -> Figure:
    """(Truth − rate) over the standard uncertainty beside the normal distribution: quantiles, and their share."""
    source = [one for one in outcomes if one.truth > 0]
    figure = sheet.new_figure(sheet.WIDTH, 4.2)
    quantiles = sheet.new_axes(figure, 0.65, 0.55, 3.65, 3.35)
    shares = sheet.new_axes(figure, 5.15, 0.55, 3.85, 3.35)
    reach = 3.6
    quantiles.plot([-reach, reach], [-reach, reach], color=sheet.INK, linewidth=0.7)
    for steady, colour, title in _GROUPS:
        errors = np.sort(standardised([one for one in source if (one.kind in STEADY) == steady]))
        ranks = np.arange(1, errors.size + 1)
        normal = stats.norm.ppf((ranks - 0.5) / max(errors.size, 1))
        quantiles.plot(
            normal, np.clip(errors, -reach, reach), ".", color=colour, markersize=3.2, label=title, clip_on=False
        )
    quantiles.set_xlim(-reach, reach)
    quantiles.set_ylim(-reach, reach)
    bins = 10
    every = np.array(standardised(source))
    counts, edges = np.histogram(stats.norm.cdf(every), bins=bins, range=(0.0, 1.0))
    low, high = band(max(every.size, 1), 1 / bins)
    shares.axhspan(100 * low, 100 * high, color=sheet.BAND, linewidth=0, zorder=0)
    shares.axhline(100 / bins, color=sheet.INK, linewidth=0.7, zorder=1)
    height = 100 * counts / max(every.size, 1)
    shares.bar(100 * edges[:-1], height, width=100 / bins * 0.92, align="edge", color=sheet.TEAL, zorder=2)
    shares.set_xlim(0, 100)
    sheet.label(
        quantiles,
        x="normal quantile",
        y="(truth − rate) / standard uncertainty",
        title="Are the uncertainties the right size?",
    )
    sheet.label(
        shares,
        x="place of the truth in the stated distribution (%)",
        y="flights (%)",
        title="Where the truth falls (all kinds)",
    )
    sheet.legend(quantiles, loc="upper left")
    return figure


def figure_ablations(ablated: Sequence[Ablated]) -> Figure:
    """Median and 90th percentile of the error with the defaults and without each idea."""
    rows = [("as it is", summarise(ablated[0].before))] if ablated else []
    rows += [(one.ablation.title, summarise(one.outcomes)) for one in ablated]
    figure, (axes,) = _rows(len(rows), [(3.3, sheet.WIDTH - 3.55)])
    for row, (_, one) in enumerate(rows):
        colour = sheet.TEAL if row == 0 else sheet.BLUE
        ends = 100 * one.median_error, 100 * one.ninetieth_error
        axes.plot(ends, [row, row], color=colour, linewidth=1.0, alpha=0.5)
        axes.plot(ends[0], row, "o", color=colour, markersize=5)
        axes.plot(ends[1], row, "o", color=colour, markersize=5, markerfacecolor="white")
    for now in (rows[0][1].median_error, rows[0][1].ninetieth_error) if rows else ():
        axes.axvline(100 * now, color=sheet.TEAL, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [tick for tick in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if low <= tick <= high]
    axes.set_xticks(ticks)
    axes.minorticks_off()
    sheet.in_unit(axes.xaxis, 1.0)
    _name_rows(axes, [title for title, _ in rows])
    sheet.label(axes, x="error of the estimated rate (%)", title="Without one idea")
    _note(axes, "full: median · open: 90th percentile")
    return figure


_GROUPS = ((False, sheet.ORANGE, "other kinds"), (True, sheet.BLUE, "steady wind, whole plume"))


def _rows(rows: int, places: Sequence[tuple[float, float]]) -> tuple[Figure, list[Axes]]:
    """A sheet with a row a kind, and axes from a left edge and of a width each, inches."""
    height = max(rows, 1) * _ROW
    figure = sheet.new_figure(sheet.WIDTH, height + 0.9)
    axes = [sheet.new_axes(figure, left, 0.55, width, height) for left, width in places]
    for one in axes:
        one.set_ylim(max(rows, 1) - 0.5, -0.5)
    return figure, axes


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])


def _note(axes: Axes, text: str) -> None:
    """Small words over the right end of the axes."""
    axes.text(1.0, 1.0, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=_SMALL, color=sheet.QUIET)
