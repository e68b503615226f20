"""What a file really is, by its first bytes. Names and media types sent along are often wrong."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from gasflux_core.errors import InputError

TABLE_KINDS = "CSV, XLSX, XLS, GeoJSON, GeoPackage, GML, or a zip that holds one of them"

_SIGNATURES = (
    (b"SQLite format 3\0", "gpkg"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
    (b"\x09\x08\x10\x00", "xls"),
    (b"\x89PNG", "a PNG image"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"II+\0", "a TIFF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF", "an HDF5 or netCDF file"),
    (b"CDF", "a netCDF file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
)
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def kind_of(path: Path, parameter: str) -> str:
    """One of ``csv xlsx xls gpkg zip json xml``.

    :raises InputError: the file is empty, or of a kind that holds no table; says which.
    """
    with path.open("rb") as file:
        head = file.read(65536)
    if not head.strip():
        raise InputError(f"{parameter}: the file is empty; expected {TABLE_KINDS}", parameter)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_archive(path, parameter)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            if kind.startswith(("a ", "an ")):
                raise InputError(f"{parameter}: the file is {kind}; expected {TABLE_KINDS}", parameter)
            return kind
    if b"\0" in head and not head.startswith(_BYTE_ORDER_MARKS[1:]):
        raise InputError(f"{parameter}: the file is binary and of an unknown kind; expected {TABLE_KINDS}", parameter)
    text = head
    for mark in _BYTE_ORDER_MARKS:
        text = text.removeprefix(mark)
    text = text.replace(b"\0", b"").lstrip()
    if text.startswith(b"<"):
        _refuse_markup(text, parameter)
        return "xml"
    return "json" if text.startswith((b"{", b"[")) else "csv"


def open_archive(path: Path, parameter: str) -> zipfile.ZipFile:
    """A zip file opened.

    :raises InputError: it is damaged.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError):
        raise InputError(
            f"{parameter}: the zip or XLSX file is damaged or cut short; send it again", parameter
        ) from None


def _kind_of_archive(path: Path, parameter: str) -> str:
    with open_archive(path, parameter) as archive:
        names = set(archive.namelist())
    if "xl/workbook.xml" in names:
        return "xlsx"
    for member, kind in (("word/document.xml", "a Word document"), ("content.xml", "an OpenDocument file")):
        if member in names:
            raise InputError(f"{parameter}: the file is {kind}; expected {TABLE_KINDS}", parameter)
    return "zip"


def _refuse_markup(text: bytes, parameter: str) -> None:
    start = text[:2048].lower()
    if b"<!doctype html" in start or b"<html" in start:
        title = re.search(rb"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        shown = f" (title: {_quoted(title[1])})" if title else ""
        raise InputError(
            f"{parameter}: the file is an HTML page{shown}, perhaps an error page or a login; expected {TABLE_KINDS}",
            parameter,
        )
    if re.search(rb"<(?:\w+:)?(?:ExceptionReport|ServiceExceptionReport)\b", text[:4096]):
        said = re.search(rb"<(?:\w+:)?(?:ExceptionText|ServiceException)\b[^>]*>(.*?)</", text, re.DOTALL)
        shown = f": {_quoted(said[1])}" if said else ""
        raise InputError(f"{parameter}: the file is an exception report of a service{shown}", parameter)


def _quoted(text: bytes) -> str:
    return repr(" ".join(text.decode("utf-8", "replace").split())[:200])
