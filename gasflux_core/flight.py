"""The flight table: columns found, units converted, values checked, position and course added.

Everything that is wrong with a table is told at once, so that a user mends it in one go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.errors import InputError, InputFaults
from gasflux_core.flight_columns import choose_columns, missing_columns
from gasflux_core.flight_parameters import FlightParameters
from gasflux_core.headers import (
    ALIASES,
    ANEMOMETER,
    OPTIONAL,
    REQUIRED,
    Match,
    Unit,
    units_of,
)
from gasflux_core.position import angle_between, locate
from gasflux_core.readings import Source, check_order, read_numbers, read_times

MINIMUM_ROWS = 20
MAXIMUM_EXTENT = 50_000.0
"""Metres from the flight's middle beyond which a position is taken for a fault of the receiver."""

_ORDER = [*(name for name in REQUIRED if name != "timestamp"), *OPTIONAL]

UNBOUNDED = (-1e30, 1e30)
"""Range of a column that has none; beyond it sums of squares overflow."""


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
    fits = _within(place, parameters)
    if not fits.all():
        # Of a few rows only, it is these that are wrong.
        if fits.mean() < 0.5 and _within({"latitude": longitude, "longitude": latitude}, parameters).all():
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


def _within(place: Mapping[str, NDArray[np.float64]], parameters: FlightParameters) -> NDArray[np.bool_]:
    """Whether each row is within the allowed ranges."""
    bounds = parameters.ranges
    fits = [(bounds[name][0] <= values) & (values <= bounds[name][1]) for name, values in place.items()]
    return np.asarray(np.all(fits, axis=0))


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
