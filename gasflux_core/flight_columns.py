"""Which columns of a raw table are a flight's, by their headers and by what the user says of them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import pandas as pd

from gasflux_core.errors import InputError
from gasflux_core.flight_parameters import FlightParameters
from gasflux_core.headers import (
    ALIASES,
    ANEMOMETER,
    OPTIONAL,
    REQUIRED,
    Match,
    Unit,
    find_unit,
    gas_like,
    match_columns,
    own_name,
    plain,
    units_of,
)


def choose_columns(
    raw: pd.DataFrame, gases: Sequence[str], parameters: FlightParameters
) -> tuple[list[Match], list[str], list[InputError]]:
    """Which columns stand for what, notes on what was assumed, and what is wrong with that.

    :param gases: lower-case formulas.
    """
    headers = [str(header) for header in raw.columns]
    found = match_columns(headers, gases)
    _take_x_y(found, headers)
    faults = _apply_names(found, headers, gases, parameters)
    chosen: list[Match] = []
    notes: list[str] = []
    for name in (*REQUIRED, *OPTIONAL, *gases):
        matches = found.get(name, [])
        if not matches:
            continue
        best = matches[0]
        if len(matches) > 1:
            others = ", ".join(repr(match.header) for match in matches)
            if matches[1].rank == best.rank:
                faults.append(
                    InputError(
                        f"{name}: more than one column could be meant ({others}); rename or name one in column_names",
                        "flight",
                        column=best.header,
                    )
                )
            else:
                notes.append(f"of the columns {others} {best.header!r} was taken as {name}")
        elif plain(best.header) != plain(name):
            notes.append(f"column {best.header!r} was taken as {name}")
        declared = declared_unit(best, parameters)
        unit = declared or best.unit
        if unit is not None and (unit.factor, unit.offset) != (1.0, 0.0):
            notes.append(f"{name} was converted from {unit.name} to {units_of(name)[0].name}")
        chosen.append(Match(best.position, best.header, name, unit, best.rank))
    return chosen, notes, faults + _missing(chosen, headers, gases)


def missing_columns(chosen: Sequence[Match], headers: Sequence[str]) -> dict[str, str | None]:
    """Column that is needed and isn't there → the header most like it, if any is."""
    there = {match.name for match in chosen}
    wanted = [name for name in REQUIRED if name not in there]
    if there.issuperset(ANEMOMETER):  # the wind can come from the anemometer
        wanted = [name for name in wanted if name not in ("windspeed", "winddir")]
    spare = _spare(chosen, headers)
    meant: dict[str, str | None] = {}
    for name in wanted:
        near = get_close_matches(plain(name), [plain(header) for header in spare], 1, 0.7)
        meant[name] = next((header for header in spare if near == [plain(header)]), None)
    return meant


def _take_x_y(found: dict[str, list[Match]], headers: Sequence[str]) -> None:
    """Without latitude and longitude take the coordinates as GIS programs and WFS servers name them in CSV."""
    if "latitude" in found or "longitude" in found:
        return
    for name, letter in (("longitude", "x"), ("latitude", "y")):
        found[name] = [Match(i, header, name, None, 99) for i, header in enumerate(headers) if header.lower() == letter]


def _apply_names(
    found: dict[str, list[Match]], headers: Sequence[str], gases: Sequence[str], parameters: FlightParameters
) -> list[InputError]:
    """Put the columns named by the user first; tell names that fit nothing."""
    faults = []
    for own, target in parameters.column_names.items():
        name = own_name(target)
        places = [i for i, header in enumerate(headers) if header == own]
        places = places or [i for i, header in enumerate(headers) if plain(header) == plain(own)]
        if name not in ALIASES and name not in gases:
            known = ", ".join([*ALIASES, *gases])
            faults.append(InputError(f"column_names: {target!r} is no column known here ({known})", "column_names"))
        elif len(places) != 1:
            what = "is not in the table" if not places else "stands in the table more than once"
            faults.append(
                InputError(f"column_names: {own!r} {what}; its columns: {_listed(headers)}", "column_names", column=own)
            )
        else:
            guessed = next((m.unit for ms in found.values() for m in ms if m.position == places[0]), None)
            unit = guessed if guessed in units_of(name) else None
            for matches in found.values():
                matches[:] = [match for match in matches if match.position != places[0]]
            found[name] = [Match(places[0], headers[places[0]], name, unit, 0)]
    return faults


def declared_unit(match: Match, parameters: FlightParameters) -> Unit | None:
    """The unit that the user says a column is in, or None."""
    for name, text in parameters.units.items():
        if own_name(name) == match.name or plain(name) == plain(match.header):
            return find_unit(match.name, text)
    return None


def _missing(chosen: Sequence[Match], headers: Sequence[str], gases: Sequence[str]) -> list[InputError]:
    there = {match.name for match in chosen}
    spare = _spare(chosen, headers)
    wanted = missing_columns(chosen, headers)
    faults = []
    if wanted:
        hints = [f"{name} (is it {near!r}?)" if near is not None else name for name, near in wanted.items()]
        plural = "missing columns" if len(wanted) > 1 else "missing column"
        faults.append(
            InputError(
                f"{plural}: {', '.join(hints)}; the table has {_listed(headers)}. Rename them or set column_names",
                "flight",
                column=next(iter(wanted)),
            )
        )
    for gas in gases:
        if gas not in there:
            like = gas_like(spare) + [match.header for match in chosen if match.name in gases]
            seen = f"columns that look like a gas: {_listed(like)}" if like else "no column looks like a gas"
            faults.append(InputError(f"gases: no column {gas} in the table; {seen}", "gases", column=gas))
    return faults


def _spare(chosen: Sequence[Match], headers: Sequence[str]) -> list[str]:
    taken = {match.position for match in chosen}
    return [header for position, header in enumerate(headers) if position not in taken]


def _listed(headers: Sequence[str]) -> str:
    shown = ", ".join(repr(header[:40]) for header in headers[:30])
    return shown + (f" and {len(headers) - 30} more" if len(headers) > 30 else "")
