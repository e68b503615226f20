"""Names and units of a flight table's columns as they come, and as this library knows them.

A column's header is compared without case, blanks or punctuation, because clients change names on
the way (a GML written by QGIS has ``CH4__ppm_`` for ``CH4 (ppm)``), and may end in a unit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from gasflux_core.constants import ZERO_CELSIUS
from gasflux_core.errors import InputError
from gasflux_core.molar_mass import molar_mass

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "timestamp": ("datetime", "date_time", "time_stamp", "gps_time", "utc", "time"),
        "latitude": ("lat", "gps_lat", "gps_latitude"),
        "longitude": ("lon", "long", "lng", "gps_lon", "gps_longitude"),
        "height_ato": (
            "altitude_ato",
            "alt_ato",
            "height_above_takeoff",
            "altitude_above_takeoff",
            "relative_altitude",
            "rel_altitude",
            "rel_alt",
            "altitude",
            "alt",
            "height",
        ),
        "height_agl": ("altitude_agl", "alt_agl", "height_above_ground", "agl"),
        "windspeed": ("wind_spd", "ws", "wspd"),
        "winddir": ("wind_direction", "wd", "wdir"),
        "temperature": ("temp", "air_temperature", "air_temp"),
        "pressure": ("press", "air_pressure", "barometric_pressure"),
        "humidity": ("relative_humidity", "rel_humidity", "rh"),
        "u": ("anemometer_u",),
        "v": ("anemometer_v",),
        "yaw": ("heading", "drone_yaw", "aircraft_yaw"),
    }
)
"""Name of a column → other names it goes by, the surest first."""

REQUIRED = ("timestamp", "latitude", "longitude", "height_ato", "windspeed", "winddir", "temperature", "pressure")
ANEMOMETER = ("u", "v", "yaw")
OPTIONAL = ("height_agl", "humidity", *ANEMOMETER)


@dataclass(frozen=True)
class Unit:
    """A unit as written in headers, and how to leave it: value in our unit = value·factor + offset."""

    name: str
    factor: float = 1.0
    offset: float = 0.0


# The first unit of each is the table's own. Spellings are as `plain` leaves them.
_MOLE_FRACTION = {
    Unit("ppm"): ("ppm", "ppmv", "umolmol", "umolmol1"),
    Unit("ppb", 1e-3): ("ppb", "ppbv", "nmolmol", "nmolmol1"),
    Unit("%", 1e4): ("percent", "pct", "volpercent", "percentvol"),
    Unit("mol/mol", 1e6): ("molmol", "molmol1", "fraction"),
}
_ANGLE = {Unit("deg"): ("deg", "degree", "degrees", "degn", "dege"), Unit("rad", 57.29577951308232): ("rad",)}
_LENGTH = {
    Unit("m"): ("m", "metre", "metres", "meter", "meters"),
    Unit("ft", 0.3048): ("ft", "feet", "foot"),
    Unit("km", 1000.0): ("km",),
}
_SPEED = {
    Unit("m/s"): ("ms", "ms1", "mps"),
    Unit("km/h", 1 / 3.6): ("kmh", "kmh1", "kph", "kmph"),
    Unit("knots", 1852 / 3600): ("knots", "knot", "kn", "kt", "kts"),
    Unit("mph", 0.44704): ("mph", "mih"),
    Unit("ft/s", 0.3048): ("fts", "fps"),
}
_TEMPERATURE = {
    Unit("°C"): ("c", "degc", "celsius", "cel"),
    Unit("K", 1.0, -ZERO_CELSIUS): ("k", "degk", "kelvin"),
    Unit("°F", 5 / 9, -32 * 5 / 9): ("f", "degf", "fahrenheit"),
}
_PRESSURE = {
    Unit("hPa"): ("hpa", "mbar", "mb", "millibar"),
    Unit("Pa", 1e-2): ("pa", "pascal"),
    Unit("kPa", 10.0): ("kpa",),
    Unit("bar", 1000.0): ("bar",),
    Unit("mmHg", 1.33322387415): ("mmhg", "torr"),
    Unit("inHg", 33.8638866667): ("inhg",),
}
_HUMIDITY = {Unit("%"): ("percent", "pct", "percentrh"), Unit("fraction", 100.0): ("fraction",)}
# the size of the numbers says which unit since 1970 it is; the header's is taken and not needed
_TIME = {Unit("ISO 8601"): ("utc", "iso", "iso8601", "unix", "epoch", "s", "ms")}

_Units = Mapping[Unit, tuple[str, ...]]

_QUANTITY: Mapping[str, _Units] = {
    "timestamp": _TIME,
    "latitude": _ANGLE,
    "longitude": _ANGLE,
    "height_ato": _LENGTH,
    "height_agl": _LENGTH,
    "windspeed": _SPEED,
    "winddir": _ANGLE,
    "temperature": _TEMPERATURE,
    "pressure": _PRESSURE,
    "humidity": _HUMIDITY,
    "u": _SPEED,
    "v": _SPEED,
    "yaw": _ANGLE,
}

_COMMON_GASES = frozenset(
    [
        *("ch4", "co2", "co", "n2o", "nh3", "h2s", "so2", "no", "no2", "o3", "h2", "h2o", "sf6", "hcl", "hf", "hcn"),
        *("c2h2", "c2h4", "c2h6", "c3h8", "c4h10", "ch2o", "c6h6"),
    ]
)


def units_of(column: str) -> tuple[Unit, ...]:
    """Units known for a column, the table's own first; a name that is no column here is taken for a gas."""
    return tuple(_QUANTITY.get(column, _MOLE_FRACTION))


def find_unit(column: str, text: str) -> Unit | None:
    """The unit that a text such as ``km/h`` or ``ppb`` names for a column, or None."""
    key = plain(text)
    for unit, spellings in _QUANTITY.get(column, _MOLE_FRACTION).items():
        if key in spellings or key == plain(unit.name):
            return unit
    return None


def plain(header: str) -> str:
    """A header without case, blanks and punctuation; ``%``, ``°`` and ``µ`` are spelt out."""
    text = unicodedata.normalize("NFKC", header).casefold()
    text = text.replace("%", "percent").replace("°", "deg").replace("μ", "u")
    return re.sub(r"[^a-z0-9]", "", text)


def canonical(name: str) -> str | None:
    """The column that a name or one of its aliases (without a unit) stands for; None for others."""
    found = _known_headers().get(plain(name))
    return found.name if found and found.unit is None else None


@dataclass(frozen=True)
class Meaning:
    """What a header stands for."""

    name: str
    unit: Unit | None
    """As the header says; None where it says nothing."""
    rank: int
    """0 is the very name; the higher, the less sure."""


@dataclass(frozen=True)
class Match:
    """A column of the raw table that stands for one of ours."""

    position: int
    header: str
    name: str
    unit: Unit | None
    rank: int


def own_name(name: str) -> str:
    """The name used here for a column that users may call otherwise; a gas's in lower case."""
    return canonical(name) or name.strip().lower()


def match_columns(headers: Sequence[str], gases: Sequence[str] = ()) -> dict[str, list[Match]]:
    """Which raw columns stand for which of ours, the surest first.

    :param headers: as they came.
    :param gases: lower-case formulas.
    """
    known = dict(_known_headers())
    for gas in gases:
        known |= _meanings(gas, gas, _MOLE_FRACTION, rank=1)
    found: dict[str, list[Match]] = {}
    for position, header in enumerate(headers):
        meaning = known.get(plain(header))
        if meaning is not None:
            rank = 0 if header == meaning.name else meaning.rank
            found.setdefault(meaning.name, []).append(Match(position, header, meaning.name, meaning.unit, rank))
    for matches in found.values():
        matches.sort(key=lambda match: match.rank)
    return found


def gas_like(headers: Sequence[str]) -> list[str]:
    """Headers that look like a gas: a common formula, or a name that ends in a mole fraction's unit."""
    endings = ("ppm", "ppmv", "ppb", "ppbv")
    return [header for header in headers if plain(header) in _COMMON_GASES or plain(header).endswith(endings)]


def gas_of(header: str) -> str | None:
    """Formula, in lower case, of the gas that a header stands for; None where it is none for sure.

    Common gases are known by their formula alone, others (``v`` and ``in`` are formulas too) beside ppm or ppb only.
    """
    key = plain(header)
    if key in _COMMON_GASES:
        return key
    for unit, spellings in _MOLE_FRACTION.items():
        for spelling in spellings:
            formula = key.removesuffix(spelling) if key.endswith(spelling) else ""
            if formula in _COMMON_GASES or (unit.name in ("ppm", "ppb") and _is_formula(formula)):
                return formula
    return None


def _is_formula(text: str) -> bool:
    if not re.fullmatch("[a-z][a-z0-9]*", text) or canonical(text) is not None:
        return False
    try:
        molar_mass(text)
    except InputError:
        return False
    return True


@cache
def _known_headers() -> dict[str, Meaning]:
    table: dict[str, Meaning] = {}
    for name, aliases in ALIASES.items():
        for place, alias in enumerate((name, *aliases)):
            for key, meaning in _meanings(name, alias, _QUANTITY[name], rank=1 + 2 * place).items():
                table.setdefault(key, meaning)
    return table


def _meanings(name: str, alias: str, units: _Units, rank: int) -> dict[str, Meaning]:
    key = plain(alias)
    with_unit = {
        key + spelling: Meaning(name, unit, rank + 1) for unit, spellings in units.items() for spelling in spellings
    }
    return {**with_unit, key: Meaning(name, None, rank)}
