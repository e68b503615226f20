"""Tables read and written: flights as users send them, and the tables that stages hand on."""

from __future__ import annotations

import csv
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.columns import stage_adding
from gasflux_core.errors import InputError, InputFaults, MissingInput, TooLarge
from gasflux_core.io.content import TABLE_KINDS, kind_of, open_archive
from gasflux_core.io.delimited import read_delimited
from gasflux_core.io.vector import read_geojson, read_geopackage, read_gml
from gasflux_core.io.workbook import check_unpacked_size, read_workbook
from gasflux_core.readings import Source, read_numbers, read_times

_ROWS_AT_A_TIME = 10_000
"""Rows that are written at a time: as texts they take more memory than as numbers."""

_TimeUnit = Literal["s", "ms", "us", "ns"]
_TIME_STEPS: tuple[tuple[_TimeUnit, int], ...] = (("s", 10**9), ("ms", 10**6), ("us", 10**3))


def read_table(
    path: Path, media_type: str | None = None, *, parameter: str = "flight", max_rows: int = 2_000_000
) -> pd.DataFrame:
    """Read a table from CSV, XLSX, XLS, GeoJSON, GeoPackage, GML, or a zip that holds one of them.

    The content decides which it is. Columns come as they are named, in their order; rows with
    nothing in them are left out at the end.

    :param media_type: what the sender said the file is; named in the message when it can't be read.
    :param parameter: name of the input, for messages.
    :raises TooLarge: more than ``max_rows`` rows.
    :raises InputError: empty, of another kind, or damaged; says what it is.
    """
    try:
        table = _read(path, kind_of(path, parameter), parameter, max_rows)
    except TooLarge:
        raise
    except InputError as error:
        if media_type is None:
            raise
        raise InputError(
            f"{error.message} (it was sent as {media_type})", error.parameter, column=error.column, row=error.row
        ) from None
    if len(table) > max_rows:
        raise TooLarge(f"{parameter}: more than {max_rows} rows; send fewer at a time", parameter)
    return _without_empty_end(table)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV so that `read_stage_table` gives the very same figures.

    Times are ISO 8601 with Z, booleans ``true`` and ``false``, floats the shortest text that
    gives the same double, NaN an empty field.
    """
    times = {name: _iso_texts(table[name]) for name in table if isinstance(table[name].dtype, pd.DatetimeTZDtype)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        for begin in range(0, len(table), _ROWS_AT_A_TIME):
            rows = slice(begin, begin + _ROWS_AT_A_TIME)
            columns = [
                times[name][rows].tolist() if name in times else _fields(table[name].iloc[rows]) for name in table
            ]
            writer.writerows(zip(*columns, strict=True))


def _fields(column: pd.Series) -> list[object]:
    """What the CSV writer turns into a column's texts: None for an empty field."""
    if column.dtype == bool:
        return ["true" if value else "false" for value in column.to_numpy()]
    fields: list[object] = column.tolist()
    for row in np.flatnonzero(column.isna().to_numpy()):
        fields[row] = None
    return fields


def read_stage_table(path: Path, needs: Sequence[str], *, parameter: str = "table") -> pd.DataFrame:
    """Read a table that a stage wrote.

    :param needs: columns that the next stage reads.
    :raises InputFaults: every column of ``needs`` that is missing, with the stage that adds it, and every
        column whose values are of another type than the stage wrote.
    """
    table = read_table(path, parameter=parameter)
    faults: list[InputError] = [_missing(name, parameter) for name in needs if name not in table.columns]
    for name in table.columns:
        source = Source(parameter, name, name)
        if name == "timestamp":
            table[name], found, _ = read_times(table[name], source)
        elif name == "reason":
            table[name], found = table[name].astype(object).fillna("").astype(str), []
        elif name == "kept" or name.endswith("_signal"):
            found = [] if table[name].dtype == bool else [source.fault("expected true or false in every row")]
        elif name == "transect":
            found = [] if table[name].dtype.kind == "i" else [source.fault("expected a whole number in every row")]
        elif name not in needs:
            continue
        else:
            # gaps are the business of the stage, which knows the rows it reads
            table[name], found = read_numbers(table[name], source, gaps_allowed=True)
        faults += found
    if faults:
        raise InputFaults(faults, parameter)
    return table


def _read(path: Path, kind: str, parameter: str, max_rows: int) -> pd.DataFrame:
    if kind in ("xlsx", "xls"):
        return read_workbook(path, cast(Literal["xlsx", "xls"], kind), parameter, max_rows)
    readers = {"csv": read_delimited, "json": read_geojson, "gpkg": read_geopackage, "xml": read_gml, "zip": _read_zip}
    return readers[kind](path, parameter, max_rows)


def _read_zip(path: Path, parameter: str, max_rows: int) -> pd.DataFrame:
    with open_archive(path, parameter) as archive:
        members = [info for info in archive.infolist() if not info.is_dir() and _counts(info.filename)]
        if len(members) != 1:
            names = ", ".join(info.filename[:60] for info in members[:10]) or "none"
            raise InputError(f"{parameter}: expected one table in the zip, found {len(members)} ({names})", parameter)
        check_unpacked_size([members[0].file_size], parameter)
        with tempfile.TemporaryDirectory() as folder:
            inner = Path(folder, "member")
            try:
                inner.write_bytes(archive.read(members[0]))
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
                raise InputError(f"{parameter}: the zip can't be unpacked ({str(error)[:100]})", parameter) from None
            kind = kind_of(inner, parameter)
            if kind == "zip":
                raise InputError(f"{parameter}: the zip holds another zip; expected {TABLE_KINDS}", parameter)
            return _read(inner, kind, parameter, max_rows)


def _counts(name: str) -> bool:
    """Whether a member can be the table: no system files, no schema beside a GML."""
    base = name.rpartition("/")[2]
    return not (name.startswith("__MACOSX/") or base.startswith(".") or base.lower().endswith((".xsd", ".gfs")))


def _without_empty_end(table: pd.DataFrame) -> pd.DataFrame:
    filled = table.notna().any(axis=1).to_numpy()
    last = int(np.flatnonzero(filled)[-1]) + 1 if filled.any() else 0
    return table.iloc[:last].reset_index(drop=True)


def _iso_texts(times: pd.Series) -> NDArray[np.str_]:
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None)
    nanoseconds: NDArray[np.datetime64] = naive.to_numpy(dtype="datetime64[ns]")
    whole = nanoseconds.astype(np.int64)
    unit: _TimeUnit = next((unit for unit, step in _TIME_STEPS if (whole % step == 0).all()), "ns")
    texts: NDArray[np.str_] = np.datetime_as_string(nanoseconds, unit=unit)
    return np.char.add(texts, "Z")


def _missing(name: str, parameter: str) -> MissingInput:
    stage = stage_adding(name)
    advice = (
        f"the stage {stage} adds it: send the table that {stage} (or a later stage) gave"
        if stage
        else ("the flight table must have it")
    )
    return MissingInput(f"{parameter}: column {name} is missing; {advice}", parameter, column=name)
