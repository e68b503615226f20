"""A look at a flight table before anything is calculated: what was understood, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.errors import InputError
from gasflux_core.flight import Examined, Flight, complete_flight, examine_flight, gas_names
from gasflux_core.flight_columns import declared_unit
from gasflux_core.flight_parameters import FlightParameters
from gasflux_core.headers import gas_of, match_columns, units_of
from gasflux_core.position import mean_angle
from gasflux_core.thinning import thinned_with_peaks
from gasflux_core.view import degrees, number, numbers

MOST_COLUMNS = 200
MOST_GASES = 20
MOST_FAULTS = 100
MOST_NOTES = 50
MOST_POINTS = 1000
PREVIEW_ROWS = 8
FIRST_CELLS = 3
LONGEST_CELL = 60
LONGEST_HEADER = 100
LONGEST_MESSAGE = 1000

_SPARE = frozenset({"h2o"})
"""Gases that a table often has beside the one that was looked for: taken only where they are named."""

_DEFAULT_GASES = ("ch4",)


def preview_flight(
    raw: pd.DataFrame, gases: Sequence[str] | None = None, parameters: FlightParameters | None = None
) -> dict[str, Any]:
    """What a flight table holds as it would be read, as plain JSON values; null for what can't be told.

    ``ready`` means that the table would be taken with these gases. Cells are text, whatever they hold; rows are
    those of data from 1, the header not counted, as in all messages.

    :param raw: as read from a file.
    :param gases: formulas; None: all columns that look like one.
    :raises InputError: a name that can't be a gas.
    """
    parameters = parameters or FlightParameters()
    headers = [str(header) for header in raw.columns]
    if gases is None:
        examined, notes = _examined(raw, headers, parameters)
    else:
        examined, notes = examine_flight(raw, gas_names(gases), parameters), []
    flight, faults = _completed(examined, parameters)
    notes += flight.notes if flight is not None else examined.notes
    there = [gas for gas in examined.gases if gas in {match.name for match in examined.chosen}]
    return {
        "rows": len(raw),
        "kept": len(flight.table) if flight is not None else None,
        "ready": flight is not None,
        "columns": _columns(raw, headers, examined, parameters),
        "more_columns": max(0, len(headers) - MOST_COLUMNS),
        "missing": list(examined.missing),
        "suggestions": {name: _header(near) for name, near in examined.missing.items() if near is not None},
        "gases": there,
        "time": _time(examined.table),
        "extent": _extent(examined.table),
        "wind": _wind(examined.table),
        "faults": [_fault(fault) for fault in faults[:MOST_FAULTS]],
        "more_faults": max(0, len(faults) - MOST_FAULTS),
        "notes": [plain_text(note, LONGEST_MESSAGE) for note in notes[:MOST_NOTES]],
        "preview": {
            "header": [_header(header) for header in headers[:MOST_COLUMNS]],
            "rows": [
                [_cell(value) for value in row]
                for row in raw.iloc[:PREVIEW_ROWS, :MOST_COLUMNS].itertuples(index=False, name=None)
            ],
        },
        "track": _track(examined.table, there),
    }


def plain_text(text: str, longest: int) -> str:
    """A text in one line without control characters, shortened."""
    # Only so much of it as can be shown, since a cell may hold megabytes.
    shown = "".join(c if c.isprintable() else " " for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _examined(raw: pd.DataFrame, headers: Sequence[str], parameters: FlightParameters) -> tuple[Examined, list[str]]:
    """The table read with all gases that it has, ch4 first; and why some were left out."""
    others = {match.position for matches in match_columns(headers).values() for match in matches}
    looked = [gas_of(header) for position, header in enumerate(headers) if position not in others]
    looked += [gas_of(name) for name in parameters.column_names.values()]
    gases = sorted(dict.fromkeys(filter(None, looked)), key=lambda gas: gas not in _DEFAULT_GASES)
    notes = [f"{gas} was not taken for a gas to work on; name it if you want it" for gas in gases if gas in _SPARE]
    found = tuple(gas for gas in gases if gas not in _SPARE)[:MOST_GASES]
    examined = examine_flight(raw, found or _DEFAULT_GASES, parameters)
    faulty = {
        match.name: fault.message
        for match in examined.chosen
        for fault in examined.faults
        if match.name in found and fault.column == match.header
    }
    # A column that can't be used is no reason to refuse the others.
    usable = tuple(gas for gas in found if gas not in faulty)
    if not faulty or not usable:
        return examined, notes
    notes += [f"{gas} was left out: {message}" for gas, message in faulty.items()]
    return examine_flight(raw, usable, parameters), notes


def _completed(examined: Examined, parameters: FlightParameters) -> tuple[Flight | None, list[InputError]]:
    if examined.faults:
        return None, list(examined.faults)
    try:
        return complete_flight(examined, parameters), []
    except InputError as error:
        return None, list(getattr(error, "faults", (error,)))


def _columns(
    raw: pd.DataFrame, headers: Sequence[str], examined: Examined, parameters: FlightParameters
) -> list[dict[str, Any]]:
    roles = {match.position: match for match in examined.chosen}
    taken = {match.name: match.header for match in examined.chosen}
    also = {
        match.position: name
        for name, matches in match_columns(headers, examined.gases).items()
        for match in matches
        if match.position not in roles and name in taken
    }
    described = []
    for position, header in enumerate(headers[:MOST_COLUMNS]):
        match, unit, note = roles.get(position), None, ""
        if match is not None:
            own = units_of(match.name)[0]
            given = declared_unit(match, parameters) or match.unit
            unit = (given or own).name
            if given is not None and (given.factor, given.offset) != (1.0, 0.0):
                note = f"converted from {given.name} to {own.name}"
        elif position in also:
            note = f"not used: {_header(taken[also[position]])} was taken as {also[position]}"
        described.append(
            {
                "header": _header(header),
                "role": match.name if match is not None else None,
                "unit": unit,
                "note": note,
                "first": [_cell(value) for value in raw.iloc[:FIRST_CELLS, position]],
            }
        )
    return described


def _time(table: pd.DataFrame) -> dict[str, Any] | None:
    times = table["timestamp"].dropna() if "timestamp" in table else pd.Series(dtype="datetime64[ns, UTC]")
    if times.empty:
        return None
    seconds = (times - times.min()).dt.total_seconds().to_numpy()
    return {
        "begin": _iso(times.min()),
        "end": _iso(times.max()),
        "duration": float(seconds.max()),
        "interval": number(float(np.median(np.diff(seconds)))) if len(seconds) > 1 else None,
    }


def _iso(time: pd.Timestamp) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _extent(table: pd.DataFrame) -> dict[str, list[float | None] | None]:
    columns = {"longitude": "longitude", "latitude": "latitude", "height": "height_ato"}
    extent: dict[str, list[float | None] | None] = {}
    for name, column in columns.items():
        values = _finite(table, column)
        figures = 9 if name != "height" else 5
        ends = [number(float(end), figures) for end in (values.min(), values.max())] if values.size else None
        extent[name] = ends
    return extent


def _finite(table: pd.DataFrame, column: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = table[column].to_numpy(dtype=float) if column in table else np.array([])
    return np.asarray(values[np.isfinite(values)])


def _wind(table: pd.DataFrame) -> dict[str, float | None] | None:
    speed, direction = _finite(table, "windspeed"), _finite(table, "winddir")
    if not speed.size or not direction.size:
        return None
    with np.errstate(over="ignore"):  # an infinite mean is null
        return {"speed": number(float(speed.mean())), "direction": number(mean_angle(direction))}


def _track(table: pd.DataFrame, gases: Sequence[str]) -> dict[str, Any] | None:
    """The flight on the map with the first gas; rows without a place on Earth are left out."""
    if not {"longitude", "latitude"} <= set(table.columns):
        return None
    longitude, latitude = (table[name].to_numpy(dtype=float) for name in ("longitude", "latitude"))
    with np.errstate(invalid="ignore"):
        places = np.flatnonzero((np.abs(longitude) <= 180) & (np.abs(latitude) <= 90))
    if not places.size:
        return None
    gas = table[gases[0]].to_numpy(dtype=float) if gases and gases[0] in table else np.full(len(table), np.nan)
    rows = places[thinned_with_peaks([gas[places]], MOST_POINTS)]
    return {
        "longitude": degrees(longitude[rows]),
        "latitude": degrees(latitude[rows]),
        "mole_fraction": numbers(gas[rows]),
    }


def _fault(fault: InputError) -> dict[str, Any]:
    return {
        "input": fault.parameter,
        "column": _header(fault.column) if fault.column is not None else None,
        "row": fault.row,
        "message": plain_text(fault.message, LONGEST_MESSAGE),
    }


def _header(text: str) -> str:
    return plain_text(text, LONGEST_HEADER)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return plain_text(value, LONGEST_CELL)
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float):
        return f"{value:.12g}"
    return plain_text(str(value), LONGEST_CELL)
