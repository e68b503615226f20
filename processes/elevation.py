"""The terrain model as an input: sent as a file, or fetched from an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pywps import ComplexInput

from gasflux_core.errors import InputError, MissingInput
from gasflux_core.io.elevation import is_vector, read_elevation
from gasflux_core.terrain import Elevation
from processes import formats
from processes.base import Inputs, Literal
from processes.declaration import Context
from processes.inputs import text_input

_WHAT = (
    "heights of the ground in m, in any coordinate system and any vertical datum; first band of a GeoTIFF. It gives "
    "heights above ground where the flight has no height_agl of its own"
)


@dataclass(frozen=True)
class Dem:
    """The terrain model that came, if any did."""

    path: Path | None
    source: str
    """Name of the input it came by."""
    notes: tuple[str, ...]
    """What was left out, for the result."""

    def read(self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> Elevation:
        """The part of it over some places (deg, WGS 84).

        :raises InputError: it can't be read, or covers none of them.
        """
        if self.path is None:
            raise MissingInput(f"{self.source}: a terrain model is required", self.source)
        return read_elevation(self.path, longitude, latitude, parameter=self.source)


def dem_input(*, required: bool = False) -> ComplexInput:
    """The terrain model as a file."""
    return ComplexInput(
        "dem",
        "Terrain model",
        abstract=f"Terrain under the flight: {_WHAT}. By value, or by the address of a GeoTIFF or a WCS GetCoverage "
        "request. A vector layer, as QGIS sends for every complex input, is left out with a note.",
        supported_formats=list(formats.TERRAIN_FORMATS),
        min_occurs=1 if required else 0,
    )


def dem_url_input() -> Literal:
    """The terrain model's address."""
    return text_input(
        "dem_url",
        "Address of the terrain model",
        f"Address (http or https) of a GeoTIFF, or a GetCoverage request to a WCS: {_WHAT}.",
    )


def dem_inputs() -> list[Any]:
    """Both, of which one may come."""
    return [dem_input(), dem_url_input()]


def read_dem(inputs: Inputs, context: Context) -> Dem:
    """The terrain model that came by one of the inputs ``dem`` and ``dem_url``.

    :raises InputError: both came.
    """
    notes: list[str] = []
    path, source = _sent(inputs, notes), "dem"
    url = inputs.text("dem_url")
    if url is not None:
        if path is not None:
            raise InputError("dem_url: give either this or dem, not both", "dem_url")
        path, source = context.fetch(url, "dem_url", _media_types(formats.TERRAIN_FORMATS)), "dem_url"
    return Dem(path, source, tuple(notes))


def _sent(inputs: Inputs, notes: list[str]) -> Path | None:
    try:
        path = inputs.file("dem")
    except MissingInput:
        return None
    if is_vector(path):
        notes.append("the input dem held a vector layer (XML), as some clients send for every input; it was left out")
        return None
    return path


def _media_types(known: Sequence[Any]) -> list[str]:
    return [str(one.mime_type) for one in known]
