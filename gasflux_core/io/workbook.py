"""Excel workbooks, XLSX and XLS: the first sheet that holds anything."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from gasflux_core.errors import InputError
from gasflux_core.io.content import open_archive

MAXIMUM_UNPACKED = 1_000_000_000
"""Bytes that a workbook or zip may unpack to; more is taken for a bomb."""

Cells = Sequence[Any]


def read_workbook(path: Path, kind: Literal["xlsx", "xls"], parameter: str, max_rows: int) -> pd.DataFrame:
    """Read the first sheet with anything in it; its first filled row is the header.

    Formulas give the value that was stored with them.

    :param max_rows: one row more than this is read at most, for the caller to tell.
    :raises InputError: damaged, protected by a password, or empty.
    """
    if kind == "xlsx":
        with open_archive(path, parameter) as archive:
            check_unpacked_size([info.file_size for info in archive.infolist()], parameter)
    try:
        for rows in _xlsx_sheets(path) if kind == "xlsx" else _xls_sheets(path):
            table = _table(rows, max_rows)
            if table is not None:
                return table
    except MemoryError:
        raise
    except Exception as error:
        # both readers raise whatever their parsers stumble on (KeyError, struct.error, BadZipFile, XMLSyntaxError…)
        reason = "it is protected by a password" if "encrypt" in str(error).lower() else "it is damaged"
        raise InputError(
            f"{parameter}: the {kind.upper()} workbook can't be read, {reason}; save it anew or send CSV", parameter
        ) from error
    raise InputError(f"{parameter}: no sheet of the workbook holds anything", parameter)


def check_unpacked_size(sizes: list[int], parameter: str) -> None:
    """Refuse an archive that unpacks to more than :data:`MAXIMUM_UNPACKED` bytes, before unpacking it.

    :raises InputError: with the size.
    """
    if sum(sizes) > MAXIMUM_UNPACKED:
        raise InputError(
            f"{parameter}: the file unpacks to {sum(sizes) / 1e9:.1f} GB; the limit is {MAXIMUM_UNPACKED / 1e9:g} GB",
            parameter,
        )


def _xlsx_sheets(path: Path) -> Iterator[Iterable[Cells]]:
    # openpyxl takes 0.2 s to import, and most flights come as CSV
    import openpyxl

    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some writers state them wrongly
            yield sheet.iter_rows(values_only=True)


def _xls_sheets(path: Path) -> Iterator[Iterable[Cells]]:
    import xlrd

    def value(cell: Any, datemode: int) -> Any:
        if cell.ctype == xlrd.XL_CELL_DATE:
            return xlrd.xldate_as_datetime(cell.value, datemode)
        return None if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK, xlrd.XL_CELL_ERROR) else cell.value

    # without a log of its own the reader writes what it finds odd to standard output
    book = xlrd.open_workbook(str(path), logfile=io.StringIO())
    for sheet in book.sheets():
        yield ([value(cell, book.datemode) for cell in sheet.row(i)] for i in range(sheet.nrows))


def _table(rows: Iterable[Cells], max_rows: int) -> pd.DataFrame | None:
    """The table of a sheet, or None where the sheet is empty."""
    remaining = iter(rows)
    header = next((row for row in remaining if any(_filled(cell) for cell in row)), None)
    if header is None:
        return None
    names = [str(name).strip() if _filled(name) else "" for name in header]
    while names and not names[-1]:
        names.pop()
    width = len(names)
    cells = [[*row[:width], *[None] * (width - len(row))] for row in islice(remaining, max_rows + 1)]
    table = pd.DataFrame(cells, columns=range(width), dtype=object)
    table = table.apply(_typed) if len(table) else table
    table.columns = pd.Index(names)
    return table


def _typed(column: pd.Series) -> pd.Series:
    # a workbook's 1.0 is the integer 1 to the reader; times of day and dates stay objects
    blank = column.map(lambda cell: not _filled(cell))
    return column.mask(blank, None).infer_objects()


def _filled(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())
