"""Bounding boxes as text, in the order of OWS Common's key-value encoding (OGC 06-121r3, clause 10.2.3)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from gasflux_core.errors import InputError
from processes.declaration import InputDeclaration

WGS84 = "urn:ogc:def:crs:EPSG::4326"
"""Latitude, longitude; degrees."""
CRS84 = "urn:ogc:def:crs:OGC:1.3:CRS84"
"""Longitude, latitude; degrees."""

_NAMES = re.compile(
    r"(?:urn:(?:x-)?ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?(EPSG|OGC)[:/](?:[\d.]*[:/])?(\w+)"
)


@dataclass(frozen=True)
class BoundingBox:
    """A box whose sides are parallel to the axes of a coordinate reference system, in its units and order of axes."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    crs: str

    @property
    def text(self) -> str:
        """Lower corner, upper corner and reference system, by commas."""
        return ",".join([*map(repr, (*self.lower, *self.upper)), self.crs])


def read_bounding_box(declaration: InputDeclaration, text: str) -> BoundingBox:
    """The box of an input.

    :param text: ``minimum 1,minimum 2,maximum 1,maximum 2[,crs]``, or with three coordinates a corner; without a
        reference system it is in the first one declared.
    :raises InputError: naming the input, what was expected and what came.
    """
    parts = [part.strip() for part in text.split(",")]
    numbers: list[float] = []
    while parts and (number := _number(parts[0])) is not None:
        numbers.append(number)
        parts.pop(0)
    shown = text if len(text) <= 80 else text[:77] + "..."
    name = declaration.identifier
    # Four numbers, or six for a system with heights; some clients add the number of dimensions after the system.
    if len(numbers) not in (4, 6) or len(parts) > 2:
        raise InputError(f"{name}: expected lower corner, upper corner and crs by commas, got '{shown}'", name)
    crs = declared_crs(declaration, parts[0] if parts else "")
    half = len(numbers) // 2
    lower, upper = tuple(numbers[:half]), tuple(numbers[half:])
    if any(low > high for low, high in zip(lower, upper, strict=True)):
        raise InputError(f"{name}: the lower corner must lie below the upper one, got '{shown}'", name)
    return BoundingBox(lower, upper, crs)


def declared_crs(declaration: InputDeclaration, name: str) -> str:
    """The declared reference system that a name means; the first one where the name is empty.

    :raises InputError: where it is none of those declared.
    """
    if not name:
        return declaration.crs[0]
    wanted = _plain(name)
    for known in declaration.crs:
        if _plain(known) == wanted:
            return known
    expected = ", ".join(declaration.crs)
    text = f"{declaration.identifier}: expected one of the reference systems {expected}, got '{name[:80]}'"
    raise InputError(text, declaration.identifier)


def _plain(crs: str) -> str:
    """``EPSG:4326`` out of any of its spellings."""
    match = _NAMES.fullmatch(crs.strip())
    return f"{match[1]}:{match[2]}".upper() if match else crs.strip()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and text.isascii() and "_" not in text else None
