"""Height above ground, from heights above take-off and a terrain model.

With H the heights above take-off and G the model's ground::

    height_agl = height_ato + G(take-off) − G(place)

Only differences of the model count, so that its vertical datum cancels; a geoid or an ellipsoid
makes no difference over the kilometre that a flight spans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import model_validator

from gasflux_core.columns import needed_columns
from gasflux_core.errors import InputError
from gasflux_core.parameters import Parameters, parameter

if TYPE_CHECKING:
    from pyproj import Transformer

_Floats = NDArray[np.float64]

_IN_THE_AIR = 5.0
"""Height above take-off of the first row from which on it is no place of take-off, m: what a flight's log may begin
late, or a barometer be off."""

_GAPS = 0.05
"""Share of the rows whose ground may be taken from their neighbours."""

_DEEPEST = -20.0
"""Height above ground under which no flight is, m: model and flight are not of one place, or take-off is wrong."""


class TerrainParameters(Parameters):
    """Where the heights of a flight begin."""

    take_off_latitude: float | None = parameter(
        None,
        title="Latitude of take-off",
        text="Where the drone took off, WGS 84; blank: at the first row. Give it, with the longitude, where the table "
        "begins in the air and the ground is not level.",
        unit="deg",
        ge=-90,
        le=90,
    )
    take_off_longitude: float | None = parameter(
        None,
        title="Longitude of take-off",
        text="Where the drone took off, WGS 84; blank: at the first row.",
        unit="deg",
        ge=-180,
        le=180,
    )

    @property
    def take_off(self) -> tuple[float, float] | None:
        """Longitude and latitude, deg, where they are given."""
        if self.take_off_longitude is None or self.take_off_latitude is None:
            return None
        return self.take_off_longitude, self.take_off_latitude

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.take_off_latitude is None) != (self.take_off_longitude is None):
            raise ValueError("take_off_latitude and take_off_longitude together, or neither")
        return self


@dataclass(frozen=True, eq=False, slots=True)
class Elevation:
    """The part of a terrain model over which a flight lies."""

    heights: _Floats
    """Rows from the model's top, columns from its left, of the cells' middles; m, NaN where there are none."""
    transform: tuple[float, float, float, float, float, float]
    """a, b, c, d, e, f: x = a·column + b·row + c, y = d·column + e·row + f, of the cells' upper left corners."""
    crs: str
    """Of x and y, as WKT; x is the easting or longitude."""
    source: str = "dem"
    """Name of the input that the model came by, for messages."""


ReadElevation = Callable[[_Floats, _Floats], Elevation]
"""Reads the part of a model over some places, given by longitude and latitude (deg)."""


@dataclass(frozen=True, eq=False, slots=True)
class Terrain:
    """A flight table with heights above ground."""

    table: pd.DataFrame
    """The table with ground (m above take-off) and height_agl (m)."""
    take_off: tuple[float, float]
    """Longitude and latitude, deg."""
    take_off_height: float
    """Of the ground there, m in the model's own datum."""
    lowest_ground: float
    """Under the flight, m above take-off."""
    highest_ground: float
    """Under the flight, m above take-off."""
    replaced: bool
    """Whether the table had heights above ground of its own, which these replace."""
    filled: int
    """Rows without a height of the model, whose ground is their neighbours'."""
    flags: tuple[str, ...]
    """``take_off_unsure``: the table begins in the air; ``terrain_gaps``: some rows are filled."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "take_off": list(self.take_off),
            "take_off_height": self.take_off_height,
            "lowest_ground": self.lowest_ground,
            "highest_ground": self.highest_ground,
            "replaced": self.replaced,
            "filled": self.filled,
            "flags": list(self.flags),
        }


def add_terrain(table: pd.DataFrame, elevation: Elevation, parameters: TerrainParameters | None = None) -> Terrain:
    """Give every row its height above the ground of a terrain model.

    The ground between the middles of cells is interpolated bilinearly; within the outer half of the model's border
    cells it is that of the nearest middle.

    :param table: with latitude, longitude (deg, WGS 84) and height_ato (m).
    :raises InputFaults: a column is missing or holds gaps.
    :raises InputError: the model has no height at take-off or for too many rows (says which), or heights above ground
        come out that can't be.
    """
    parameters = parameters or TerrainParameters()
    parameter = elevation.source
    columns = needed_columns(table, ["latitude", "longitude", "height_ato"])
    longitude, latitude = columns["longitude"], columns["latitude"]
    given = parameters.take_off
    place = given or (float(longitude[0]), float(latitude[0]))
    found = ground_heights(elevation, np.append(longitude, place[0]), np.append(latitude, place[1]))
    heights, start = found[:-1], float(found[-1])
    if np.isnan(start):
        where = "given as take-off" if given else "of the first row, taken as take-off,"
        raise InputError(
            f"{parameter}: the terrain model has no height at the place {where} ({place[1]:.5f}, {place[0]:.5f}); "
            "send one that covers it, or give take_off_latitude and take_off_longitude",
            parameter,
            row=None if given else 1,
        )
    gaps = np.isnan(heights)
    heights = _filled(heights, gaps, parameter)
    ground = heights - start
    above = columns["height_ato"] - ground
    _check_above(above, parameter)
    flags = []
    if not given and abs(columns["height_ato"][0]) > _IN_THE_AIR:
        flags.append("take_off_unsure")
    if gaps.any():
        flags.append("terrain_gaps")
    return Terrain(
        table=_with_heights(table, ground, above),
        take_off=place,
        take_off_height=start,
        lowest_ground=float(ground.min()),
        highest_ground=float(ground.max()),
        replaced="height_agl" in table.columns,
        filled=int(gaps.sum()),
        flags=tuple(flags),
    )


def places_of(table: pd.DataFrame, parameters: TerrainParameters) -> tuple[_Floats, _Floats]:
    """Longitudes and latitudes (deg) of all places whose ground :func:`add_terrain` asks for.

    :raises InputFaults: a column is missing or holds gaps.
    """
    columns = needed_columns(table, ["longitude", "latitude"])
    start = parameters.take_off
    longitude, latitude = ([start[0]], [start[1]]) if start else ([], [])
    return np.append(columns["longitude"], longitude), np.append(columns["latitude"], latitude)


def ground_heights(elevation: Elevation, longitude: _Floats, latitude: _Floats) -> _Floats:
    """Ground under places, m in the model's datum, by bilinear interpolation; NaN where the model has none.

    :param longitude, latitude: deg, WGS 84.
    """
    x, y = transformer(elevation.crs, elevation.source).transform(longitude, latitude)
    a, b, c, d, e, f = elevation.transform
    determinant = a * e - b * d
    east, north = np.asarray(x) - c, np.asarray(y) - f
    column = (e * east - b * north) / determinant
    row = (a * north - d * east) / determinant
    rows, columns = elevation.heights.shape
    inside = (column >= 0) & (column <= columns) & (row >= 0) & (row <= rows)
    left, across = _between(column, columns)
    top, down = _between(row, rows)
    ground = np.zeros(len(column))
    for next_row, by_row in ((0, 1 - down), (1, down)):
        for next_column, by_column in ((0, 1 - across), (1, across)):
            weight = by_row * by_column
            height = elevation.heights[
                np.minimum(top + next_row, rows - 1), np.minimum(left + next_column, columns - 1)
            ]
            # a cell without a height counts only where it has a weight
            ground += np.where(weight > 0, weight * np.where(weight > 0, height, 0.0), 0.0)
    return np.where(inside, ground, np.nan)


def transformer(crs: str, parameter: str) -> Transformer:
    """From longitude and latitude (deg, WGS 84) to a terrain model's own coordinates.

    :raises InputError: PROJ doesn't know the system.
    """
    # pyproj takes 0.1 s to import
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError, ProjError

    try:
        known = CRS.from_wkt(crs)
        # heights are compared with each other only, so that their datum is of no matter
        flat = known.sub_crs_list[0] if known.is_compound else known.to_2d()
        return Transformer.from_crs("EPSG:4326", flat, always_xy=True)
    except (CRSError, ProjError):
        raise InputError(
            f"{parameter}: the coordinate system of the terrain model is not known; reproject it to EPSG:4326 or UTM",
            parameter,
        ) from None


def _between(position: _Floats, size: int) -> tuple[NDArray[np.intp], _Floats]:
    """The cell whose middle is before a position, and how far on it is to the next one, 0 to 1."""
    centred = np.clip(np.nan_to_num(position, nan=0.0, posinf=0.0, neginf=0.0) - 0.5, 0, size - 1)
    first = np.floor(centred).astype(np.intp)
    return first, centred - first


def _filled(heights: _Floats, gaps: NDArray[np.bool_], parameter: str) -> _Floats:
    count = int(gaps.sum())
    if count == 0:
        return heights
    rows = np.flatnonzero(gaps) + 1
    if count > _GAPS * len(heights):
        shown = ", ".join(str(row) for row in rows[:5]) + (", ..." if count > 5 else "")
        raise InputError(
            f"{parameter}: the terrain model has no height under {count} of {len(heights)} rows ({shown}); send one "
            "that covers the flight",
            parameter,
            row=int(rows[0]),
        )
    places = np.arange(len(heights))
    filled: _Floats = np.interp(places, places[~gaps], heights[~gaps])
    return filled


def _check_above(above: _Floats, parameter: str) -> None:
    deep = above < _DEEPEST
    if deep.any():
        worst = int(np.argmin(above))
        raise InputError(
            f"{parameter}: by the terrain model {int(deep.sum())} rows lie more than {-_DEEPEST:g} m under the ground, "
            f"the deepest in row {worst + 1} ({above[worst]:.1f} m); check that height_ato is above take-off, and give "
            "take_off_latitude and take_off_longitude where the table does not begin there",
            parameter,
            row=worst + 1,
        )


def _with_heights(table: pd.DataFrame, ground: _Floats, above: _Floats) -> pd.DataFrame:
    """The table with the height above ground beside that above take-off."""
    rest = table.drop(columns=["height_agl", "ground"], errors="ignore")
    after = list(rest.columns).index("height_ato") + 1
    rest.insert(after, "height_agl", above)
    rest.insert(after + 1, "ground", ground)
    return rest
