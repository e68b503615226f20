"""The rate of one gas in the words and numbers of its page, from the figures of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.other_estimates import Disagreement
from gasflux_core.report.quantities import gas_name, plain, to_place_of
from processes.translation import translate

_PARTS = {
    "sampled": "sampled",
    "below": "below_lowest_transect",
    "above": "above_highest_transect",
    "cut": "cut",
    "fill": "fill",
}
"""Part of the rate, as its word is named → as the figures name it."""


def gas_rate(gas: str, figures: Mapping[str, Any], words: Mapping[str, str], language: str) -> dict[str, Any]:
    """What the page says of one gas.

    :param figures: of the gas, as :meth:`gasflux_core.emission_rate.EmissionRate.to_dict` has them; rates in kg h⁻¹.
    :param words: of the page, in the language.
    """
    rate, uncertainty = figures["emission_rate"], figures["standard_uncertainty"]
    low, high = figures["interval95"]
    detected = _detected(figures)
    return {
        "gas": gas,
        "name": gas_name(gas),
        "rate": to_place_of(rate, uncertainty),
        "up": to_place_of(high - rate, uncertainty),
        "down": to_place_of(rate - low, uncertainty),
        "half": to_place_of((high - low) / 2, uncertainty),
        "lopsided": _lopsided(rate, low, high),
        "low": to_place_of(low, uncertainty),
        "high": to_place_of(high, uncertainty),
        "uncertainty": to_place_of(uncertainty, uncertainty),
        "relative": f"{plain(100 * uncertainty / abs(rate), 2)} %" if detected else "–",
        "detection_limit": plain(figures["detection_limit"], 2),
        "detected": detected,
        "bar": _interval_bar(rate, low, high),
        "budget": _budget(figures, words, detected),
        "parts": _parts(figures, words, detected),
        "others": _others(figures, words, language),
        "others_said": _others_said(figures, words),
        "flags": [{"name": flag, "text": translate(FLAG_TEXTS.get(flag, flag), language)} for flag in figures["flags"]],
    }


def _detected(figures: Mapping[str, Any]) -> bool:
    """Whether shares of the rate mean anything: those of a rate that may be nothing do not."""
    return figures["emission_rate"] != 0 and "below_detection_limit" not in figures["flags"]


def _lopsided(rate: float, low: float, high: float) -> bool:
    """Whether one ± would hide that the interval reaches further to one side."""
    half = (high - low) / 2
    return half > 0 and abs((high + low) / 2 - rate) > 0.05 * half


def _interval_bar(rate: float, low: float, high: float) -> dict[str, str]:
    """Places of interval, estimate and zero in percent of the bar's width."""
    begin, end = min(low, 0.0, rate), max(high, 0.0, rate)
    span = (end - begin) or 1.0

    def place(value: float) -> float:
        return 3 + 94 * (value - begin) / span

    return {
        "low": f"{place(low):.2f}",
        "high": f"{place(high):.2f}",
        "width": f"{place(high) - place(low):.2f}",
        "rate": f"{place(rate):.2f}",
        "zero": f"{place(0.0):.2f}",
    }


def _budget(figures: Mapping[str, Any], words: Mapping[str, str], detected: bool) -> list[dict[str, Any]]:
    terms = [(words.get(f"result_budget_{name}", name), term["value"]) for name, term in figures["budget"].items()]
    # The largest first: that is where something can be gained.
    rows = [*sorted(terms, key=lambda term: -term[1]), (words["result_budget_total"], figures["standard_uncertainty"])]
    widest = max(value for _, value in rows) or 1.0
    return [
        {
            "title": title,
            "value": plain(value, 2),
            "percent": f"{plain(100 * value / abs(figures['emission_rate']), 2)} %" if detected else "–",
            "width": f"{100 * value / widest:.1f}",
            "total": number == len(terms),
        }
        for number, (title, value) in enumerate(rows)
    ]


def _parts(figures: Mapping[str, Any], words: Mapping[str, str], detected: bool) -> list[dict[str, str]]:
    return [
        {
            "title": words[f"result_part_{part}"],
            "value": to_place_of(figures[name], figures["standard_uncertainty"]),
            "share": _percent(100 * figures[name] / figures["emission_rate"]) if detected else "–",
        }
        for part, name in _PARTS.items()
    ]


def _others(figures: Mapping[str, Any], words: Mapping[str, str], language: str) -> list[dict[str, Any]]:
    """The kriged rate and those of the other methods, with bars on one scale."""
    kriged = {**figures, "name": "kriged", "title": "", "note": ""}
    found = [kriged, *figures["other_estimates"]]
    ends = [end for one in found if one["interval95"] for end in one["interval95"]]
    begin, span = min(ends), (max(ends) - min(ends)) or 1.0
    rows = []
    for one in found:
        interval, uncertainty = one["interval95"], one["standard_uncertainty"]
        title = words.get(f"result_method_{one['name']}", one["title"])
        row = {"title": title, "note": translate(one["note"], language), "given": interval is not None}
        if interval is not None:
            row |= {
                "value": f"{to_place_of(one['emission_rate'], uncertainty)} ± {to_place_of(uncertainty, uncertainty)}",
                "low": to_place_of(interval[0], uncertainty),
                "high": to_place_of(interval[1], uncertainty),
                "begin": f"{100 * (interval[0] - begin) / span:.2f}",
                "width": f"{100 * (interval[1] - interval[0]) / span:.2f}",
                "place": f"{100 * (one['emission_rate'] - begin) / span:.2f}",
            }
        rows.append(row)
    return rows


def _others_said(figures: Mapping[str, Any], words: Mapping[str, str]) -> str:
    told = figures["disagreement"]
    if told is None:
        return words["result_others_none"]
    apart = Disagreement(told["with"], told["difference"], told["percent"], told["standard_uncertainties"])
    if apart.percent is None or (not _detected(figures) and not apart.beyond_methods):
        return words["result_others_undetected"]
    said = words["result_others_disagree" if apart.beyond_methods else "result_others_agree"]
    times = plain(apart.standard_uncertainties, 2) if apart.standard_uncertainties is not None else "–"
    name = words.get(f"result_method_{apart.name}", apart.name)
    return said.format(percent=_percent(apart.percent), name=name, times=times)


def _percent(value: float) -> str:
    text = f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"
    return ("0.0" if text == "-0.0" else text.replace("-", "−")) + " %"
