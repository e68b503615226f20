"""Delimited text: comma, semicolon or tab, with what spreadsheets and loggers do to it."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gasflux_core.errors import InputError

_SEPARATORS = (",", ";", "\t")
_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written."""

    encoding: str
    separator: str
    decimal: str
    skipped_lines: int
    """Lines up to and with the header."""
    header: tuple[str, ...]
    """Names of the columns, as many as the rows have fields."""
    trailing: bool
    """Whether each row ends in a separator with nothing after it."""


def read_delimited(path: Path, parameter: str, max_rows: int) -> pd.DataFrame:
    """Read a delimited file; numbers as numbers, everything else as text.

    Decimal commas are seen where the fields of the first rows have them. Floats are read to the
    nearest double (pandas ≥ 3.1), so that a table written by `write_table` comes back the same.

    :param max_rows: one row more than this is read at most, for the caller to tell.
    :raises InputError: no table with columns, or rows of differing lengths.
    """
    dialect = _dialect(path, parameter)
    try:
        table = pd.read_csv(
            path,
            sep=dialect.separator,
            decimal=dialect.decimal,
            encoding=dialect.encoding,
            encoding_errors="replace",  # a stray byte spoils its field, not the table
            skiprows=dialect.skipped_lines,
            header=None,
            names=range(len(dialect.header) + dialect.trailing),
            index_col=False,
            nrows=max_rows + 1,
            skipinitialspace=True,
            low_memory=False,  # a column's type is judged whole, not by blocks
        )
    except pd.errors.ParserError as error:
        raise _uneven(error, dialect, parameter) from None
    except pd.errors.EmptyDataError:
        table = pd.DataFrame(columns=range(len(dialect.header) + dialect.trailing))
    table = table.iloc[:, : len(dialect.header)]
    table.columns = pd.Index(dialect.header)
    return table


def _dialect(path: Path, parameter: str) -> Dialect:
    encoding = _encoding(path)
    with path.open("rb") as file:
        head = file.read(65536)
    lines = head.decode(encoding, "replace").splitlines()
    start = 0
    separators: tuple[str, ...] = _SEPARATORS
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith(("#", "sep="))):
        if lines[start].startswith("sep="):  # Excel's own first line
            separators = (lines[start][4:5],) if lines[start][4:5] in _SEPARATORS else _SEPARATORS
        start += 1
    if start == len(lines):
        raise InputError(f"{parameter}: the file holds no header and no rows", parameter)
    separator = max(separators, key=lambda candidate: len(_fields(lines[start], candidate)))
    header = [name.strip() for name in _fields(lines[start], separator)]
    if len(header) < 2:
        raise InputError(
            f"{parameter}: only one column was found ({header[0][:60]!r}); expected a table with a header line and "
            "columns separated by comma, semicolon or tab",
            parameter,
        )
    # the last line of the block may be cut
    rows = [_fields(line, separator) for line in lines[start + 1 : start + 40] if line.strip()]
    rows = rows[:-1] if len(head) == 65536 and len(rows) > 1 else rows
    trailing = False
    if rows and len(rows[0]) == len(header) + 1:
        trailing = rows[0][-1].strip() == ""
        # R leaves the name of its row-number column out
        header = header if trailing else ["", *header]
    elif rows and len(rows[0]) > len(header):
        raise InputError(
            f"{parameter}: row 1 has {len(rows[0])} fields, the header {len(header)}{_comma_advice(separator)}",
            parameter,
            row=1,
        )
    return Dialect(encoding, separator, _decimal(rows), start + 1, tuple(header), trailing)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        mark = file.read(2)
        if mark in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(65536):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def _decimal(rows: list[list[str]]) -> str:
    fields = [field.strip() for row in rows for field in row]
    commas = any(re.fullmatch(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?", field) for field in fields)
    points = any(re.fullmatch(r"[+-]?\d+\.\d+(?:[eE][+-]?\d+)?", field) for field in fields)
    return "," if commas and not points else "."


def _uneven(error: pd.errors.ParserError, dialect: Dialect, parameter: str) -> InputError:
    counts = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if counts is None:
        return InputError(f"{parameter}: the table can't be read ({str(error).strip()[:150]})", parameter)
    expected, line, came = (int(number) for number in counts.groups())
    return InputError(
        f"{parameter}: line {line} of the file has {came} fields where {expected} were expected"
        f"{_comma_advice(dialect.separator)}",
        parameter,
        row=max(line - dialect.skipped_lines, 1),
    )


def _comma_advice(separator: str) -> str:
    name = _SEPARATOR_NAMES[separator]
    advice = f"; columns are separated by {name} here"
    return advice + " (decimal commas need semicolons between columns)" if separator == "," else advice
