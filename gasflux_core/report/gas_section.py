"""What the page says of one gas: rate, interval, budget, parts and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gasflux_core.report.background_figure import figure_background, figure_transects
from gasflux_core.report.picture import Picture, picture
from gasflux_core.report.plane_figure import figure_flux_plane, figure_standard_error
from gasflux_core.report.quantities import gas_name, plain, to_place_of
from gasflux_core.report.variogram_figure import figure_variogram
from gasflux_core.report.wording import Wording

if TYPE_CHECKING:
    from gasflux_core.emission_rate import EmissionRate
    from gasflux_core.pipeline import Result
    from gasflux_core.variogram_model import Variogram


def gas_section(result: Result, gas: str, words: Wording) -> dict[str, Any]:
    """The section of one gas, as its template reads it."""
    rate = result.gases[gas].rate
    uncertainty = rate.standard_uncertainty
    low, high = rate.interval95
    size = abs(rate.emission_rate)
    return {
        "identifier": f"gas-{gas}",
        "name": gas_name(gas),
        "rate": to_place_of(rate.emission_rate, uncertainty),
        "uncertainty": to_place_of(uncertainty, uncertainty),
        "low": to_place_of(low, uncertainty),
        "high": to_place_of(high, uncertainty),
        "relative": f"{plain(100 * uncertainty / size, 2)} %" if _detected(rate) else "–",
        "expanded": to_place_of((high - low) / 2, uncertainty),
        "factor": _coverage_factor(rate),
        "draws": result.settings.emission_rate.draws,
        "detection_limit": plain(rate.detection_limit, 2),
        "detected": _detected(rate),
        "bar": _interval_bar(rate),
        "budget": _budget(rate, words),
        "parts": _parts(rate, words),
        "others": _others(rate, words),
        "others_said": _others_said(rate, words),
        "plane": _plane_picture(result, gas, words),
        "error": _error_picture(result, gas, words),
        "transects": picture(
            figure_transects(result, gas),
            alternative=words["transects_alt"].format(gas=gas_name(gas), count=result.transects.count),
            caption=words["transects_caption"],
        ),
        "background": _background_picture(result, gas, words),
        "variogram": _variogram_picture(result, gas, words),
        "cross_validation": _cross_validation(result.gases[gas].variogram, words),
    }


def _coverage_factor(rate: EmissionRate) -> str:
    """How many standard uncertainties half the interval's width is."""
    low, high = rate.interval95
    uncertainty = rate.standard_uncertainty
    return plain((high - low) / (2 * uncertainty), 3) if uncertainty else "–"


def _detected(rate: EmissionRate) -> bool:
    """Whether shares of the rate mean anything: those of a rate that may be nothing do not."""
    return rate.emission_rate != 0 and "below_detection_limit" not in rate.flags


def _interval_bar(rate: EmissionRate) -> dict[str, str]:
    """Places of interval, estimate and zero in percent of the bar's width."""
    low, high = rate.interval95
    ends = (min(low, 0.0, rate.emission_rate), max(high, 0.0, rate.emission_rate))
    span = (ends[1] - ends[0]) or 1.0

    def place(value: float) -> float:
        return 2 + 96 * (value - ends[0]) / span

    return {
        "low": f"{place(low):.2f}",
        "width": f"{place(high) - place(low):.2f}",
        "rate": f"{place(rate.emission_rate):.2f}",
        "zero": f"{place(0.0):.2f}",
    }


def _budget(rate: EmissionRate, words: Wording) -> list[dict[str, Any]]:
    total = rate.standard_uncertainty
    rows = [(words.translate(term.title), term.value, False) for term in rate.budget] + [
        (words["budget_total"], total, True)
    ]
    widest = max(value for _, value, _ in rows) or 1.0
    return [
        {
            "title": title,
            "value": plain(value, 2),
            "percent": plain(100 * value / abs(rate.emission_rate), 2) if _detected(rate) else "–",
            "width": f"{100 * value / widest:.1f}",
            "total": is_total,
        }
        for title, value, is_total in rows
    ]


def _parts(rate: EmissionRate, words: Wording) -> list[dict[str, str]]:
    named = [
        ("part_sampled", rate.sampled),
        ("part_below", rate.below),
        ("part_above", rate.above),
        ("part_cut", rate.cut),
        ("part_fill", rate.fill),
    ]
    return [
        {
            "title": words[name],
            "value": to_place_of(value, rate.standard_uncertainty),
            "share": _percent(100 * value / rate.emission_rate) if _detected(rate) else "–",
        }
        for name, value in named
    ]


def _others(rate: EmissionRate, words: Wording) -> list[dict[str, str]]:
    """The kriged rate and those of the other methods, with bars on one scale."""
    named = [
        (words["others_kriged"], "", rate.emission_rate, rate.standard_uncertainty, rate.interval95),
        *(
            (
                words.translate(one.title),
                words.translate(one.note),
                one.emission_rate,
                one.standard_uncertainty,
                one.interval95,
            )
            for one in rate.other_estimates
        ),
    ]
    ends = [end for *_, interval in named if interval is not None for end in interval]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    rows = []
    for title, note, value, uncertainty, interval in named:
        row = {"title": title, "note": note, "value": words["others_withheld"], "interval": "–", "low": "", "width": ""}
        if value is not None and uncertainty is not None and interval is not None:
            begin, end = (to_place_of(one, uncertainty) for one in interval)
            row["value"] = f"{to_place_of(value, uncertainty)} ± {to_place_of(uncertainty, uncertainty)}"
            row["interval"] = words["others_interval"].format(low=begin, high=end)
            row["low"] = f"{100 * (interval[0] - low) / span:.2f}"
            row["width"] = f"{100 * (interval[1] - interval[0]) / span:.2f}"
        rows.append(row)
    return rows


def _others_said(rate: EmissionRate, words: Wording) -> str:
    apart = rate.disagreement
    if apart is None:
        return words["others_none"]
    if apart.percent is None or (not _detected(rate) and not apart.beyond_methods):
        return words["others_undetected"]
    name = next(words.translate(one.title) for one in rate.other_estimates if one.name == apart.name)
    times = plain(apart.standard_uncertainties, 2) if apart.standard_uncertainties is not None else "–"
    said = words["others_disagree" if apart.beyond_methods else "others_agree"]
    return said.format(percent=_percent(apart.percent), name=name, times=times)


def _percent(value: float) -> str:
    text = f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"
    return ("0.0" if text == "-0.0" else text.replace("-", "−")) + " %"


def _cross_validation(variogram: Variogram, words: Wording) -> list[tuple[str, str]]:
    found = variogram.cross_validation
    if found is None:
        return []
    unit = words[f"unit_{variogram.quantity}"]
    return [
        (words["validation_method"], words[f"validation_{found.method}"]),
        (words["validation_samples"], str(found.samples)),
        (words["validation_mean"], plain(found.mean_standardised_error, 2)),
        (words["validation_spread"], plain(found.rms_standardised_error, 2)),
        (words["validation_error"].format(unit=unit), plain(found.rms_error)),
    ]


def _plane_picture(result: Result, gas: str, words: Wording) -> Picture:
    field = result.gases[gas].field
    inside = np.where((field.region > 0) & np.isfinite(field.estimate), field.estimate, -np.inf)
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return picture(
        figure_flux_plane(result, gas),
        alternative=words["plane_alt"].format(
            gas=gas_name(gas),
            length=f"{np.ptp(field.x) + field.cell_width:.0f}",
            low=f"{field.z[0] - field.cell_height / 2:.0f}",
            high=f"{field.z[-1] + field.cell_height / 2:.0f}",
            highest=plain(float(inside[row, column])),
            place=f"{field.x[column]:.0f}",
            height=f"{field.z[row]:.0f}",
        ),
        caption=words["plane_caption"],
    )


def _error_picture(result: Result, gas: str, words: Wording) -> Picture:
    highest = float(np.nanmax(result.gases[gas].field.standard_error, initial=0.0))
    return picture(
        figure_standard_error(result, gas),
        alternative=words["error_alt"].format(gas=gas_name(gas), highest=plain(highest)),
        caption=words["error_caption"],
    )


def _background_picture(result: Result, gas: str, words: Wording) -> Picture:
    found = result.background.gases[gas]
    signal = result.table[f"{gas}_signal"].to_numpy(dtype=bool)
    return picture(
        figure_background(result, gas),
        alternative=words["background_alt"].format(gas=gas_name(gas), signal=int(signal.sum()), rows=len(signal)),
        caption=words["background_caption"].format(
            algorithm=result.settings.background.algorithm,
            deviation=plain(found.standard_deviation),
            error=plain(found.standard_error),
            drift=plain(found.drift),
        ),
    )


def _variogram_picture(result: Result, gas: str, words: Wording) -> Picture:
    variogram = result.gases[gas].variogram
    sill = variogram.nugget + variogram.partial_sill
    said = {
        "model": words[f"model_{variogram.model}"],
        "range_x": plain(variogram.range_x),
        "range_z": plain(variogram.range_z),
    }
    return picture(
        figure_variogram(result, gas),
        alternative=words["variogram_alt"].format(gas=gas_name(gas), **said),
        caption=words["variogram_caption"].format(
            nugget=f"{100 * variogram.nugget / sill:.0f}" if sill else "–", **said
        ),
    )
