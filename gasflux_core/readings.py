"""Values of a raw column as numbers or times, with what is wrong with them in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.errors import InputError

_EPOCH_STEPS = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6), (np.inf, 1e-9))
"""Upper bound of a number since 1970 → its step in seconds (s, ms, µs, ns); seconds stay below 1e11 until year 5138."""

_EARLIEST, _LATEST = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
_WANTED_TIME = "expected ISO 8601 such as 2022-09-26T02:03:00.2Z, or seconds since 1970"


@dataclass(frozen=True)
class Source:
    """Which input, which of our columns, and the header it came under."""

    parameter: str
    name: str
    header: str

    def fault(self, text: str, row: int | None = None) -> InputError:
        """An error about this column; ``row`` is 1-based."""
        label = self.name if self.header == self.name else f"{self.name} (column {self.header!r})"
        return InputError(f"{label}: {text}", self.parameter, column=self.header, row=row)


def read_numbers(
    column: pd.Series, source: Source, *, gaps_allowed: bool = False
) -> tuple[NDArray[np.float64], list[InputError]]:
    """A column as float64; text, gaps and infinities come back as NaN, each kind as one fault."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        values = np.full(len(column), np.nan)
    else:
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    filled = column.notna().to_numpy() & (column.astype(str).str.strip() != "").to_numpy() if _texts(column) else None
    gap = np.isnan(values) if filled is None else ~filled
    text = np.isnan(values) & ~gap
    infinite = np.isinf(values)
    faults = []
    if text.any():
        first = int(np.argmax(text))
        hint = _comma_hint(str(column.iloc[first]))
        faults.append(
            source.fault(
                f"{_rows(text)} not a number, first in row {first + 1} ({_shown(column.iloc[first])}){hint}",
                first + 1,
            )
        )
    if gap.any() and not gaps_allowed:
        first = int(np.argmax(gap))
        faults.append(
            source.fault(
                f"{_rows(gap)} empty or NaN, first in row {first + 1}; fill them or take those rows out", first + 1
            )
        )
    if infinite.any():
        first = int(np.argmax(infinite))
        faults.append(source.fault(f"{_rows(infinite)} infinite, first in row {first + 1}", first + 1))
    return np.where(infinite, np.nan, values), faults


def read_times(column: pd.Series, source: Source) -> tuple[pd.Series, list[InputError], str | None]:
    """A column as datetime64[ns, UTC], NaT where there is no time.

    Takes ISO 8601 with or without zone (none means UTC), and numbers since 1970 in s, ms, µs or ns.

    :returns: the times, the faults, and a note where a zone had to be assumed.
    """
    note = None
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        times, faults = _epoch(column, source)
    else:
        if _texts(column):
            times, note = _parsed(column, source.name)
        elif pd.api.types.is_datetime64_any_dtype(column):
            times = pd.to_datetime(column, utc=True)
        else:
            times = pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns, UTC]")
        faults = []
    outside = (times < _EARLIEST) | (times > _LATEST)
    times = times.where(~outside).dt.as_unit("ns")
    missing = times.isna().to_numpy()
    if missing.any() and not faults:
        first = int(np.argmax(missing))
        faults = [
            source.fault(
                f"{_rows(missing)} without a time that can be read, first in row {first + 1} "
                f"({_shown(column.iloc[first])}); {_WANTED_TIME}",
                first + 1,
            )
        ]
    return times, faults, note


def check_order(times: pd.Series, source: Source) -> list[InputError]:
    """Faults of times that don't rise from row to row: going back, or standing still."""
    steps = np.diff(times.dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64))
    backwards, still = steps < 0, steps == 0
    faults = []
    if backwards.any():
        row = int(np.argmax(backwards)) + 2
        faults.append(
            source.fault(
                f"times go back at {_rows(backwards)}, first in row {row} "
                f"({times.iloc[row - 1].isoformat()} after {times.iloc[row - 2].isoformat()}); sort the rows by time",
                row,
            )
        )
    if still.any():
        row = int(np.argmax(still)) + 2
        faults.append(
            source.fault(
                f"{_rows(still)} with the same time as the row before, first in row {row} "
                f"({times.iloc[row - 1].isoformat()}); take duplicates out, and write fractions of a second where "
                "there are several rows a second",
                row,
            )
        )
    return faults


def _epoch(column: pd.Series, source: Source) -> tuple[pd.Series, list[InputError]]:
    numbers, faults = read_numbers(column, source)
    finite = numbers[np.isfinite(numbers)]
    typical = float(np.median(finite)) if finite.size else np.nan
    if typical < 1e8:
        faults.append(
            source.fault(
                f"numbers such as {typical:g} are no time of day (seconds since the start?); {_WANTED_TIME}", 1
            )
        )
        return pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns, UTC]"), faults
    step = next(step for bound, step in _EPOCH_STEPS if not typical >= bound)
    # a double of seconds since 1970 is good to 0.2 µs, so anything finer is rounding
    microseconds = np.round(numbers * (step * 1e6))
    readable = np.abs(microseconds) < 9e15
    stamps = np.where(readable, microseconds, 0).astype(np.int64).astype("datetime64[us]")
    times = pd.Series(stamps, index=column.index).dt.tz_localize("UTC")
    return times.where(readable), faults


def _parsed(column: pd.Series, name: str) -> tuple[pd.Series, str | None]:
    column = column.map(str, na_action="ignore")  # a workbook's dates are objects
    times = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
    failed = times.isna() & column.notna()
    if failed.any():
        # two spellings that ISO 8601 readers leave out: a zone by name, and a decimal comma
        text = column[failed].str.strip()
        text = text.str.replace(r"\s*(?:UTC|GMT)$", "Z", regex=True).str.replace(r"(:\d\d),(\d)", r"\1.\2", regex=True)
        times[failed] = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
    present = column.dropna()
    note = f"{name} carries no zone; it was taken as UTC"
    return times, None if present.empty or _has_zone(present.iloc[0]) else note


def _has_zone(text: str) -> bool:
    text = text.strip().upper()
    clock = text[10:]
    return text.endswith(("Z", "UTC", "GMT")) or "+" in clock or "-" in clock


def _texts(column: pd.Series) -> bool:
    return bool(pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column))


def _comma_hint(text: str) -> str:
    left, comma, right = text.strip().lstrip("+-").partition(",")
    return "; decimals are read after a point" if comma and left.isdigit() and right.isdigit() else ""


def _rows(mask: NDArray[np.bool_]) -> str:
    count = int(mask.sum())
    return "1 row" if count == 1 else f"{count} rows"


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
