"""The flight table: columns found, units converted, values checked, position and course added.

Everything that is wrong with a table is told at once, so that a user mends it in one go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from gasflux_core.errors import InputError, InputFaults
from gasflux_core.flight_columns import choose_columns, missing_columns, own_name
from gasflux_core.headers import (
    ALIASES,
    ANEMOMETER,
    OPTIONAL,
    REQUIRED,
    Match,
    Unit,
    find_unit,
    units_of,
)
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.position import angle_between, locate
from gasflux_core.readings import Source, check_order, read_numbers, read_times

MINIMUM_ROWS = 20
MAXIMUM_EXTENT = 50_000.0
"""Metres from the flight's middle beyond which a position is taken for a fault of the receiver."""

DEFAULT_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "latitude": (-90.0, 90.0),
        "longitude": (-180.0, 180.0),
        "height_ato": (-200.0, 500.0),
        "height_agl": (-50.0, 1000.0),
        "windspeed": (0.0, 50.0),
        "winddir": (0.0, 360.0),
        "temperature": (-50.0, 60.0),
        "pressure": (400.0, 1100.0),
        "humidity": (0.0, 100.0),
        "ch4": (1.5, 500.0),
        "co2": (300.0, 5000.0),
        "c2h6": (-0.5, 10.0),
    }
)
"""Column → lowest and highest value taken, in the units of the table (deg, m, m/s, °C, hPa, %, ppm)."""

_ORDER = [*(name for name in REQUIRED if name != "timestamp"), *OPTIONAL]

UNBOUNDED = (-1e30, 1e30)
"""Range of a column that has none; beyond it sums of squares overflow."""


class FlightParameters(Parameters):
    """How the flight table is read and checked."""

    column_names: dict[str, str] = parameter(
        {},
        title="Column names",
        text="Your name of a column → the name used here, such as Wind: windspeed. Common names are found without it.",
    )
    units: dict[str, str] = parameter(
        {},
        title="Units of columns",
        text="Column → its unit where the header doesn't say, such as ch4: ppb or temperature: K.",
    )
    ranges: dict[str, tuple[float, float]] = parameter(
        dict(DEFAULT_RANGES),
        title="Allowed ranges",
        text="Column or gas → lowest and highest value taken, in the table's units after conversion. "
        "Those given replace the defaults one by one; a gas without a range is only checked to be finite.",
    )
    crs: str = parameter(
        "",
        title="Projected CRS",
        text="EPSG:n of a projected coordinate system in metres; empty takes the UTM zone of the flight's centre.",
    )
    sensor_lag: float = parameter(
        0.0,
        title="Sensor lag",
        text="Time from the inlet to the reading: gas values are moved earlier by it.",
        unit="s",
        ge=0,
        le=600,
    )

    @field_validator("ranges")
    @classmethod
    def _complete_ranges(cls, given: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in given.items():
            if not low < high:
                raise ValueError(f"for {name} a lowest value below the highest, not {low:g} to {high:g}")
        return dict(DEFAULT_RANGES) | {own_name(name): bounds for name, bounds in given.items()}

    @model_validator(mode="after")
    def _check_units(self) -> Self:
        for name, text in self.units.items():
            column = own_name(self.column_names.get(name, name))
            if find_unit(column, text) is None:
                known = ", ".join(unit.name for unit in units_of(column))
                raise ValueError(f"a unit known for {name} ({known}), not {text}")
        return self


@dataclass(frozen=True, eq=False, slots=True)
class Flight:
    """A checked flight."""

    table: pd.DataFrame
    """timestamp, time, latitude, longitude, heights, wind, temperature, pressure, gases, position and course,
    in the units of :data:`gasflux_core.constants.COLUMN_UNITS`; columns that no stage reads are left out."""
    gases: tuple[str, ...]
    crs: str
    """``EPSG:n`` of easting and northing."""
    notes: tuple[str, ...]
    """What was assumed: names taken for others, units converted, rows left out."""


def check_flight(raw: pd.DataFrame, gases: Sequence[str], parameters: FlightParameters | None = None) -> Flight:
    """Check a raw table whole, bring it to this library's names and units, and add position and course.

    :param raw: as read from a file; rows in the order of time.
    :param gases: formulas, in upper or lower case, each a column of the table.
    :raises InputFaults: every missing column, text, gap, value out of range, time that doesn't rise, too few rows.
    :raises InputError: the CRS can't be used (:func:`gasflux_core.position.locate`).
    """
    parameters = parameters or FlightParameters()
    examined = examine_flight(raw, gas_names(gases), parameters)
    if examined.faults:
        raise InputFaults(examined.faults, examined.faults[0].parameter or "flight")
    return complete_flight(examined, parameters)


@dataclass(frozen=True, eq=False, slots=True)
class Examined:
    """A raw table as far as it could be read, with all that is wrong with it."""

    table: pd.DataFrame
    """The columns found, by their own names and in their own units; NaN or NaT where a value can't be read."""
    gases: tuple[str, ...]
    chosen: tuple[Match, ...]
    """Which column was taken for what."""
    missing: Mapping[str, str | None]
    """Column that is needed and isn't there → header that is perhaps meant, or None."""
    notes: tuple[str, ...]
    faults: tuple[InputError, ...]


def examine_flight(raw: pd.DataFrame, gases: tuple[str, ...], parameters: FlightParameters) -> Examined:
    """Find a raw table's columns, read and check them, and gather what is wrong.

    :param gases: as :func:`gas_names` gives them.
    """
    chosen, notes, faults = choose_columns(raw, gases, parameters)
    if len(raw) < MINIMUM_ROWS:
        faults.append(
            InputError(f"{len(raw)} rows of data; at least {MINIMUM_ROWS} are needed", "flight", row=len(raw) or None)
        )
    table = pd.DataFrame(index=pd.RangeIndex(len(raw)))
    for match in chosen if len(raw) else ():
        column = raw.iloc[:, match.position].reset_index(drop=True)
        source = Source("flight", match.name, match.header)
        if match.name == "timestamp":
            table["timestamp"], found, note = read_times(column, source)
            found = found or check_order(table["timestamp"], source)
            notes += [note] if note else []
        else:
            values, found = read_numbers(column, source)
            table[match.name] = _converted(values, match.unit)
            found = found + _check_range(values, match, parameters, source)
        if found and _is_spare(match.name, chosen):
            notes.append(f"column {match.header!r} was left out: {found[0].message}")
            table = table.drop(columns=match.name)
        else:
            faults += found
    faults += _check_place(table, parameters)
    missing = missing_columns(chosen, [str(header) for header in raw.columns])
    return Examined(table, gases, tuple(chosen), missing, tuple(notes), tuple(faults))


def complete_flight(examined: Examined, parameters: FlightParameters) -> Flight:
    """A table without faults with position and course added.

    :raises InputError: the CRS can't be used, or the sensor's lag leaves too few rows.
    """
    table, names = examined.table, examined.gases
    elapsed = (table["timestamp"] - table["timestamp"].iloc[0]).to_numpy().astype("timedelta64[ns]")
    table = table.copy()
    table.insert(1, "time", elapsed.astype(np.int64) / 1e9)
    order = ["timestamp", "time", *(n for n in _ORDER if n in table), *(g for g in names)]
    table, moved = _move_gases(table[order], names, parameters.sensor_lag)
    table, crs = locate(table, parameters.crs)
    note = f"the flight's middle is at {_place(table)} ({crs})"
    return Flight(table, names, crs, (*examined.notes, *moved, note))


def _place(table: pd.DataFrame) -> str:
    latitude, longitude = float(table["latitude"].median()), float(table["longitude"].median())
    return (
        f"{abs(latitude):.4f}° {'N' if latitude >= 0 else 'S'}, {abs(longitude):.4f}° {'E' if longitude >= 0 else 'W'}"
    )


def gas_names(gases: Sequence[str]) -> tuple[str, ...]:
    """Formulas in lower case, each once, in the order given.

    :raises InputError: there is none, or one can't be a formula.
    """
    names = tuple(dict.fromkeys(str(gas).strip().lower() for gas in gases))
    if not names or names == ("",):
        raise InputError("gases: name at least one gas, such as ch4", "gases")
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9]{0,30}", name) or name in ALIASES:
            raise InputError(f"gases: expected a formula such as ch4 or c2h6, got {name[:40]!r}", "gases")
    return names


def _is_spare(name: str, chosen: Sequence[Match]) -> bool:
    """Whether the flight can do without: an anemometer's columns beside a measured wind."""
    return name in ANEMOMETER and {"windspeed", "winddir"} <= {match.name for match in chosen}


def _check_range(
    values: NDArray[np.float64], match: Match, parameters: FlightParameters, source: Source
) -> list[InputError]:
    low, high = bounds = parameters.ranges.get(match.name, UNBOUNDED)
    converted = _converted(values, match.unit)
    excess = np.fmax(low - converted, converted - high)
    outside = excess > 0
    if not outside.any():
        return []
    worst, first = int(np.nanargmax(excess)), int(np.argmax(outside))
    count = int(outside.sum())
    unit = units_of(match.name)[0].name
    text = (
        f"{count} {'row' if count == 1 else 'rows'} outside {low:g} to {high:g} {unit}, first in row {first + 1} "
        f"({converted[first]:g}), the farthest {converted[worst]:g} in row {worst + 1}"
    )
    return [source.fault(text + _likely_unit(values, match, bounds), first + 1)]


def _converted(values: NDArray[np.float64], unit: Unit | None) -> NDArray[np.float64]:
    if unit is None:
        return values
    with np.errstate(over="ignore"):  # an infinity is out of every range
        return values * unit.factor + unit.offset


def _likely_unit(values: NDArray[np.float64], match: Match, bounds: tuple[float, float]) -> str:
    if match.name == "winddir" and np.nanmin(values) >= -180 and np.nanmax(values) <= 180:
        return "; for directions from −180 to 180 add 360 to the negative ones"
    for unit in units_of(match.name):
        converted = _converted(values, unit)
        if unit != match.unit and bounds[0] <= np.nanmin(converted) and np.nanmax(converted) <= bounds[1]:
            return (
                f"; the values would fit in {unit.name}: say so in the header or set units to {match.name}: {unit.name}"
            )
    return ""


def _check_place(table: pd.DataFrame, parameters: FlightParameters) -> list[InputError]:
    if not {"latitude", "longitude"} <= set(table.columns):
        return []
    latitude, longitude = table["latitude"].to_numpy(), table["longitude"].to_numpy()
    if np.isnan(latitude).any() or np.isnan(longitude).any():
        return []
    place = {"latitude": latitude, "longitude": longitude}
    if not _within(place, parameters):
        # A single wrong position may fit the other's range too; the flight as a whole tells.
        middle_place = {name: np.median(values, keepdims=True) for name, values in place.items()}
        swapped = {"latitude": longitude, "longitude": latitude}
        if not _within(middle_place, parameters) and _within(swapped, parameters):
            text = "latitude and longitude look swapped: each fits the other's range"
            return [InputError(text, "flight", column="latitude")]
        return []
    middle = float(np.median(latitude))
    across = angle_between(longitude, np.median(longitude)) * np.cos(np.radians(middle))
    away = 111_195.0 * np.hypot(latitude - middle, across)
    far = away > MAXIMUM_EXTENT
    if not far.any():
        return []
    row, count = int(np.argmax(far)) + 1, int(far.sum())
    return [
        InputError(
            f"latitude, longitude: {count} {'row lies' if count == 1 else 'rows lie'} more than "
            f"{MAXIMUM_EXTENT / 1000:g} km from the flight's "
            f"middle, first row {row} ({latitude[row - 1]:g}, {longitude[row - 1]:g}); take them out",
            "flight",
            column="latitude",
            row=row,
        )
    ]


def _within(place: Mapping[str, NDArray[np.float64]], parameters: FlightParameters) -> bool:
    return all(
        parameters.ranges[name][0] <= values.min() and values.max() <= parameters.ranges[name][1]
        for name, values in place.items()
    )


def _move_gases(table: pd.DataFrame, gases: Sequence[str], lag: float) -> tuple[pd.DataFrame, list[str]]:
    """Give each row the gas value that the sensor showed ``lag`` seconds later."""
    if lag == 0:
        return table, []
    time = table["time"].to_numpy()
    moved = {gas: np.interp(time + lag, time, table[gas].to_numpy()) for gas in gases}
    # beyond the last reading there is nothing to move, and nothing is made up
    kept = table.assign(**moved)[time + lag <= time[-1]].reset_index(drop=True)
    if len(kept) < MINIMUM_ROWS:
        raise InputError(
            f"sensor_lag: {lag:g} s leaves {len(kept)} of {len(table)} rows; at least {MINIMUM_ROWS} are needed",
            "sensor_lag",
        )
    lost = len(table) - len(kept)
    note = f"gas values were moved {lag:g} s earlier; the last {lost} rows, left without one, were taken out"
    return kept, [note]
