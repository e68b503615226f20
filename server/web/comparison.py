"""Two runs side by side: what differs between them, in figures and in words."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from gasflux_core.errors import InputError
from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.pipeline import Settings
from gasflux_core.report.quantities import duration, gas_name, plain, to_place_of
from processes.declaration import InputDeclaration, ProcessDeclaration
from processes.literals import is_absent, literal_text, read_literal
from processes.translation import translate, translated
from server.jobs.model import Job
from server.jobs.request import InputItem
from server.web.run_facts import flight_input

SIGNIFICANT = 1.96
"""In standard uncertainties of a difference: chance alone makes a larger one in 5 % of cases."""

_FLIGHTS = frozenset({"flight", "flight_url"})
"""Inputs that are compared in a line of their own."""

_MOST_TURN = 5.0
"""Degrees between two planes of which a difference is drawn; more, and their cells are at different places."""

_MOST_LONGER = 0.1
"""Share by which one of them may be longer."""

_MOST_APART = 0.05
"""Share of the length by which one may lie before the other; 20 m are always taken."""


@dataclass(frozen=True)
class Run:
    """One of two runs that are compared."""

    job: Job
    figures: dict[str, Any]
    """Its output figures."""


class Planes(NamedTuple):
    """Whether a difference of two planes says anything."""

    reasons: list[str]
    """Why not; empty: it does."""
    shift: float
    """Metres by which the second one's origin lies along the first."""


class Comparison:
    """What the page tells of two runs.

    :param declaration: of their process.
    :param words: of the page.
    """

    def __init__(
        self, a: Run, b: Run, declaration: ProcessDeclaration, words: Mapping[str, str], language: str
    ) -> None:
        self._a, self._b = a, b
        self._words = words
        self._language = language
        self._declaration = translated(declaration, language)
        self.same_flight = same_input(_flight(a), _flight(b))
        """True, False, or None where that can't be told."""

    def rates(self) -> list[dict[str, Any]]:
        """One row a gas of either run, with its difference and what that means."""
        ours, others = self._a.figures["gases"], self._b.figures["gases"]
        return [self._rate(gas, ours.get(gas), others.get(gas)) for gas in dict.fromkeys([*ours, *others])]

    @property
    def knows_settings(self) -> bool:
        """Whether the runs tell all parameters that were in force, and not only what was sent."""
        return all("settings" in run.figures for run in (self._a, self._b))

    def settings(self) -> list[dict[str, str]]:
        """The parameters in which the runs differ, else the inputs in which the requests do."""
        if not self.knows_settings:
            return self._inputs(_FLIGHTS)
        # All that literals and configurations set is among the parameters; files are not.
        told = {item.identifier for item in self._declaration.inputs if item.kind == "literal"}
        return [*self._parameters(), *self._inputs({*_FLIGHTS, *told, "configuration"} - {"dem_url"})]

    def _parameters(self) -> list[dict[str, str]]:
        ours, others = (_flat(run.figures["settings"]) for run in (self._a, self._b))
        # Those of no stage are inputs by the same name.
        titles = {item.identifier: item.title for item in self._declaration.inputs}
        return [
            {
                "title": titles.get(name) or translate(_parameter_title(name), self._language),
                "name": name,
                "a": _parameter_text(ours.get(name)),
                "b": _parameter_text(others.get(name)),
            }
            for name in {**ours, **others}
            if ours.get(name) != others.get(name)
        ]

    def _inputs(self, left_out: Collection[str]) -> list[dict[str, str]]:
        """The inputs in which the requests differ, but for some."""
        names = dict.fromkeys([*self._a.job.request.inputs, *self._b.job.request.inputs])
        declared = [declared for declared in self._declaration.inputs if declared.identifier in names]
        known = {item.identifier for item in declared}
        declared += [InputDeclaration(name, name, "", "literal") for name in names if name not in known]
        declared = [item for item in declared if item.identifier not in left_out]
        rows = []
        for item in declared:
            values = [self._value(run.job, item) for run in (self._a, self._b)]
            if values[0] != values[1]:
                rows.append({"title": item.title, "name": item.identifier, "a": values[0], "b": values[1]})
        return rows

    def versions(self) -> list[dict[str, str]]:
        """The programs of which the runs had different versions."""
        ours, others = self._a.figures.get("versions", {}), self._b.figures.get("versions", {})
        rows = [
            {"name": name, "a": str(ours.get(name, "–")), "b": str(others.get(name, "–"))}
            for name in {**ours, **others}
        ]
        return [row for row in rows if row["a"] != row["b"]]

    def flags(self) -> list[dict[str, Any]]:
        """Every flag of either run, with its text and whose it is."""
        ours, others = _flags(self._a.figures), _flags(self._b.figures)
        return [
            {
                "text": translate(FLAG_TEXTS.get(flag, flag), self._language),
                "gases": ", ".join(
                    gas_name(gas) for gas in dict.fromkeys([*ours.get(flag, []), *others.get(flag, [])])
                ),
                "a": flag in ours,
                "b": flag in others,
            }
            for flag in dict.fromkeys([*ours, *others])
        ]

    def facts(self) -> list[dict[str, Any]]:
        """Figures of flight, wind and plane, side by side."""
        ours, others = (self._facts(run.figures) for run in (self._a, self._b))
        return [
            {"title": self._words[f"compare_fact_{name}"], "a": ours[name], "b": others[name],
             "same": ours[name] == others[name]}
            for name in ours
        ]  # fmt: skip

    def planes(self) -> Planes:
        """Whether the planes are so much alike that their difference says something."""
        a, b = self._a.figures["plane"], self._b.figures["plane"]
        said = self._words
        if a["kind"] != b["kind"]:
            return Planes([said["compare_planes_kind"]], 0.0)
        if a["crs"] != b["crs"]:
            return Planes([said["compare_planes_far"]], 0.0)
        reasons = []
        turn = abs((a["azimuth"] - b["azimuth"] + 180) % 360 - 180)
        if turn > _MOST_TURN:
            reasons.append(said["compare_planes_turn"].format(degrees=plain(turn, 2)))
        longer = max(a["length"], b["length"]) / min(a["length"], b["length"])
        if longer > 1 + _MOST_LONGER:
            reasons.append(said["compare_planes_length"].format(a=plain(a["length"]), b=plain(b["length"])))
        east, north = b["origin_easting"] - a["origin_easting"], b["origin_northing"] - a["origin_northing"]
        course = math.radians(a["grid_azimuth"])
        along = east * math.sin(course) + north * math.cos(course)
        across = east * math.cos(course) - north * math.sin(course)
        if abs(across) > max(20.0, _MOST_APART * a["length"]) or abs(along) > a["length"]:
            reasons.append(said["compare_planes_apart"].format(metres=plain(math.hypot(east, north), 2)))
        return Planes(reasons, along)

    def _rate(self, gas: str, ours: dict[str, Any] | None, others: dict[str, Any] | None) -> dict[str, Any]:
        row: dict[str, Any] = {"gas": gas_name(gas), "a": _told(ours), "b": _told(others), "bars": None}
        if ours is None or others is None:
            which = "A" if others is None else "B"
            return {**row, "said": self._words["compare_one_only"].format(which=which), "weight": ""}
        base = _number(ours["emission_rate"])
        difference = _number(others["emission_rate"]) - base
        combined = math.hypot(*(_number(one["standard_uncertainty"]) for one in (ours, others)))
        times = abs(difference) / combined if combined > 0 else math.nan
        percent = f"{100 * difference / abs(base):+.1f} %".replace("-", "−") if base else "–"
        weight = self._weight(difference, times)
        return {
            **row,
            "difference": ("+" if difference > 0 else "") + to_place_of(difference, combined),
            "combined": to_place_of(combined, combined),
            "percent": percent,
            "said": self._words[f"compare_verdict_{weight}"].format(times=plain(times, 2)),
            "weight": weight,
            "bars": _bars(ours, others),
        }

    def _weight(self, difference: float, times: float) -> str:
        """What to make of a difference so many times as large as its standard uncertainty."""
        if difference == 0:
            return "equal"
        if not math.isfinite(times):
            return "unknown"
        if self.same_flight:
            return "same"
        return "large" if times > SIGNIFICANT else "small" if times > 1 else "none"

    def _value(self, job: Job, declared: InputDeclaration) -> str:
        items = [item for item in job.request.inputs.get(declared.identifier, []) if not _is_blank(item)]
        if items:
            return ", ".join(_shown(item, declared) for item in items)
        if declared.kind != "literal" or declared.identifier.endswith("_url"):
            return self._words["compare_not_given"]
        default = self._words["compare_no_default"]
        if declared.default is not None:
            # As it is shown where somebody says it in so many words: that is no difference.
            default = _shown(InputItem(text=declared.default), declared)
        if {"configuration", "configuration_url"} & job.request.inputs.keys():
            return self._words["compare_configured"].format(default=default)
        return default

    def _facts(self, figures: Mapping[str, Any]) -> dict[str, str]:
        flight, wind, plane = figures["flight"], figures["wind"], figures["plane"]
        return {
            "rows": f"{flight['kept']} / {flight['rows']}",
            "duration": duration(flight["duration"]),
            "pattern": self._words.get(f"compare_pattern_{flight['pattern']}", flight["pattern"]),
            "transects": str(flight["transects"]),
            "wind_speed": f"{plain(wind['mean_speed'], 3)} m/s",
            "wind_direction": f"{wind['mean_direction']:.0f}°",
            "azimuth": f"{plane['azimuth']:.1f}°",
            "length": f"{plain(plane['length'], 4)} m",
        }


def same_input(a: InputItem | None, b: InputItem | None) -> bool | None:
    """Whether two files are the same by their hashes, or by their address; None where that can't be told."""
    if a is None or b is None:
        return None
    if a.sha256 and b.sha256:
        return a.sha256 == b.sha256
    ours, others = a.href or a.text, b.href or b.text
    # What lies at an address may change, so that one address is no proof; two are none of the contrary.
    return True if ours and ours == others else None


def _flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Parameters by their whole names, such as ``background.algorithm``."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{above}{name}.")
        else:
            found[above + name] = value
    return found


def _parameter_title(name: str) -> str:
    """What a parameter is called in its stage's declaration, else its own name."""
    section, _, rest = name.partition(".")
    declared = Settings.model_fields.get(section)
    stage = declared.annotation if declared else None
    fields = getattr(stage, "model_fields", {})
    return (fields[rest].title if rest in fields else None) or rest or name


def _parameter_text(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list):
        return ", ".join(map(_parameter_text, value))
    return str(value)


def _flight(run: Run) -> InputItem | None:
    """The flight's input, with the hash of its content also where that was fetched."""
    came, told = flight_input(run.job), run.figures.get("input", {}).get("sha256")
    return replace(came, sha256=came.sha256 or told) if came else None


def _told(figures: Mapping[str, Any] | None) -> dict[str, str] | None:
    if figures is None:
        return None
    uncertainty = _number(figures["standard_uncertainty"])
    low, high = (to_place_of(_number(end), uncertainty) for end in figures["interval95"])
    return {
        "rate": to_place_of(_number(figures["emission_rate"]), uncertainty),
        "uncertainty": to_place_of(uncertainty, uncertainty),
        "low": low,
        "high": high,
    }


def _bars(ours: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any] | None:
    """Places of both intervals, and of zero, in percent of a common width."""
    ends = [_number(end) for end in (*ours["interval95"], *others["interval95"], 0.0)]
    if not all(math.isfinite(end) for end in ends):
        return None
    low, span = min(ends), (max(ends) - min(ends)) or 1.0

    def place(value: float) -> float:
        return round(2 + 96 * (value - low) / span, 2)

    def bar(figures: Mapping[str, Any]) -> dict[str, float]:
        begin, end = (place(value) for value in figures["interval95"])
        return {"begin": begin, "width": round(max(end - begin, 0.4), 2), "rate": place(figures["emission_rate"])}

    return {"a": bar(ours), "b": bar(others), "zero": place(0.0)}


def _flags(figures: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    """Flag → the gases that have it."""
    found: dict[str, dict[str, bool]] = {}
    for gas, one in figures["gases"].items():
        for flag in one["flags"]:
            found.setdefault(flag, {})[gas] = True
    return found


def _is_blank(item: InputItem) -> bool:
    return item.text is not None and is_absent(item.text)


def _shown(item: InputItem, declared: InputDeclaration) -> str:
    if item.text is not None:
        unit = item.unit or declared.unit
        return f"{_literal(item, declared)} {unit}" if unit else _literal(item, declared)
    if item.href:
        return item.href
    name = f"{item.file_name}, " if item.file_name else ""
    return f"{name}SHA-256 {item.sha256[:12]}…" if item.sha256 else name or "–"


def _literal(item: InputItem, declared: InputDeclaration) -> str:
    # 5 and 5.0 are one value, so are 1 and true.
    try:
        value = read_literal(declared, item.text, item.unit)
    except InputError:
        # Of an input that the process no longer has as it had then.
        value = item.text
    return f"{value:.12g}" if isinstance(value, float) else literal_text(value or "")


def _number(value: float | None) -> float:
    return math.nan if value is None else value
