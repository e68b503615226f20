"""Results on the map as features in longitude and latitude: a GeoJSON layer's, or a raster's cells.

Both are kept as arrays of boxes and times, so that what lies in a box or an interval is found at once, and a feature
is made only when it is shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gasflux_core.position import projection

Box = tuple[float, float, float, float]
"""West, south, east, north, degrees."""

Interval = tuple[datetime | None, datetime | None]
"""From and to, both included; None is open."""

_TIME = "timestamp"
"""Property with the time of a feature, ISO 8601."""

_DECIMALS = 8
"""Of degrees: about 1 mm."""

_FIGURES = 9
"""Significant figures of values: more than float32 has."""


class MapLayer(Protocol):
    """Features of one kind, in an order that stays."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def bounds(self) -> Box | None:
        """Box around all; None where there are none."""

    @property
    def interval(self) -> Interval | None:
        """First and last time; None where the features have no time."""

    def select(self, box: Box | None, interval: Interval | None) -> NDArray[np.intp]:
        """Places, in order, of those that meet a box and whose time lies in an interval."""

    def find(self, identifier: str) -> int | None:
        """Place of the feature of an identifier."""

    def feature(self, place: int) -> dict[str, Any]:
        """A feature as GeoJSON (RFC 7946) has it."""


@dataclass(frozen=True, eq=False)
class VectorLayer:
    """A layer read from GeoJSON."""

    features: tuple[dict[str, Any], ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.features)

    @property
    def bounds(self) -> Box | None:
        """Box around all."""
        return _around(self._boxes) if self.features else None

    @property
    def interval(self) -> Interval | None:
        """First and last time."""
        known = self._times[~np.isnan(self._times)]
        return (_moment(known.min()), _moment(known.max())) if known.size else None

    @cached_property
    def geometry(self) -> str:
        """Kind of the first feature's geometry, ``Point`` and so on."""
        return str(self.features[0]["geometry"]["type"]) if self.features else ""

    @cached_property
    def properties(self) -> dict[str, tuple[float, float] | None]:
        """Name of each property → least and greatest value; None where it holds no numbers."""
        ranges: dict[str, tuple[float, float] | None] = {}
        for name in dict.fromkeys(name for feature in self.features for name in feature["properties"]):
            values = [feature["properties"].get(name) for feature in self.features]
            numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
            others = [value for value in values if value is not None]
            ranges[name] = (min(numbers), max(numbers)) if numbers and len(numbers) == len(others) else None
        return ranges

    def select(self, box: Box | None, interval: Interval | None) -> NDArray[np.intp]:
        """Places of those that meet a box and lie in an interval; those without a time lie in all."""
        chosen = _meeting(self._boxes, box, self._shapes)
        if interval is not None:
            times = self._times
            first, last = (None if moment is None else moment.timestamp() for moment in interval)
            inside = np.ones(len(times), dtype=bool)
            if first is not None:
                inside &= times >= first
            if last is not None:
                inside &= times <= last
            chosen &= inside | np.isnan(times)
        return np.flatnonzero(chosen)

    def find(self, identifier: str) -> int | None:
        """Place of the feature of an identifier."""
        return self._places.get(identifier)

    def feature(self, place: int) -> dict[str, Any]:
        """A feature, with its identifier."""
        return {"type": "Feature", "id": self._ids[place], **self.features[place]}

    @cached_property
    def _ids(self) -> list[int | str]:
        return [feature.get("id", number) for number, feature in enumerate(self.features, start=1)]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {str(identifier): place for place, identifier in enumerate(self._ids)}

    @cached_property
    def _boxes(self) -> NDArray[np.float64]:
        boxes = [_box_of(feature["geometry"]["coordinates"]) for feature in self.features]
        return np.array(boxes, dtype=float).reshape(-1, 4)

    def _shapes(self, places: NDArray[np.intp]) -> NDArray[np.object_]:
        import shapely

        return np.array([shapely.from_geojson(json.dumps(self.features[place]["geometry"])) for place in places])

    @cached_property
    def _times(self) -> NDArray[np.float64]:
        texts = [feature["properties"].get(_TIME) for feature in self.features]
        return np.array([math.nan if text is None else read_moment(text).timestamp() for text in texts], dtype=float)


@dataclass(frozen=True, eq=False)
class CellLayer:
    """The cells of a raster that have a value in any band, as quadrilaterals."""

    names: tuple[str, ...]
    """Property of each band."""
    values: NDArray[np.float32]
    """(bands, rows, columns)."""
    longitude: NDArray[np.float64]
    """(rows + 1, columns + 1) of the cells' corners, degrees."""
    latitude: NDArray[np.float64]

    interval: Interval | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._cells)

    @property
    def bounds(self) -> Box | None:
        """Box around all."""
        return _around(self._boxes) if self.count else None

    def select(self, box: Box | None, interval: Interval | None) -> NDArray[np.intp]:
        """Places of those that meet a box; the cells have no time, so they lie in every interval."""
        return np.flatnonzero(_meeting(self._boxes, box, self._shapes))

    def find(self, identifier: str) -> int | None:
        """Place of the cell of a number."""
        if not identifier.isascii() or not identifier.isdecimal() or len(identifier) > 9:
            return None
        place = int(np.searchsorted(self._cells, int(identifier) - 1))
        return place if place < self.count and self._cells[place] == int(identifier) - 1 else None

    def feature(self, place: int) -> dict[str, Any]:
        """A cell; its identifier counts along the rows, from 1."""
        cell = int(self._cells[place])
        row, column = divmod(cell, self.values.shape[2])
        # counter-clockwise, as RFC 7946 has it, whichever way the raster is turned
        ring = [self._corner(row + down, column + right) for down, right in ((0, 0), (1, 0), (1, 1), (0, 1))]
        if _area(ring) < 0:
            ring.reverse()
        return {
            "type": "Feature",
            "id": cell + 1,
            "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
            "properties": {
                "row": row + 1,
                "column": column + 1,
                **{name: _plain(float(self.values[band, row, column])) for band, name in enumerate(self.names)},
            },
        }

    def _shapes(self, places: NDArray[np.intp]) -> NDArray[np.object_]:
        import shapely

        row, column = np.divmod(self._cells[places], self.values.shape[2])
        corners = ((row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1))
        rings = np.array([[self.longitude[corner], self.latitude[corner]] for corner in corners])
        return np.asarray(shapely.polygons(rings.transpose(2, 0, 1)))

    def _corner(self, row: int, column: int) -> list[float]:
        return [
            round(float(self.longitude[row, column]), _DECIMALS),
            round(float(self.latitude[row, column]), _DECIMALS),
        ]

    @cached_property
    def _cells(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.isfinite(self.values).any(axis=0))

    @cached_property
    def _boxes(self) -> NDArray[np.float64]:
        row, column = np.divmod(self._cells, self.values.shape[2])
        places = ((row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1))
        longitude = np.array([self.longitude[place] for place in places])
        latitude = np.array([self.latitude[place] for place in places])
        return np.column_stack(
            [longitude.min(axis=0), latitude.min(axis=0), longitude.max(axis=0), latitude.max(axis=0)]
        )


def read_vector_layer(path: Path) -> VectorLayer:
    """A layer as this service writes it."""
    layer = json.loads(path.read_text(encoding="utf-8"))
    return VectorLayer(tuple(layer["features"]))


def read_cell_layer(path: Path) -> CellLayer:
    """The cells of a GeoTIFF that lies on the map."""
    # rasterio takes 0.2 s to import
    import rasterio

    with rasterio.open(path) as raster:
        column, row = np.meshgrid(np.arange(raster.width + 1.0), np.arange(raster.height + 1.0))
        easting, northing = raster.transform @ (column, row)
        to_grid = projection(raster.crs.to_string())
        longitude, latitude = to_grid.transform(easting, northing, direction="INVERSE")
        names = tuple((description or "").replace(" ", "_") for description in raster.descriptions)
        return CellLayer(names, raster.read(), np.asarray(longitude), np.asarray(latitude))


def read_moment(text: str) -> datetime:
    """A time of RFC 3339; without a zone it is taken as UTC.

    :raises ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _box_of(coordinates: Any) -> Box:
    places = np.array(_places_of(coordinates), dtype=float)
    west, south = places.min(axis=0)
    east, north = places.max(axis=0)
    return float(west), float(south), float(east), float(north)


def _places_of(coordinates: Any) -> list[Any]:
    if coordinates and isinstance(coordinates[0], int | float):
        return [coordinates[:2]]
    return [place for part in coordinates for place in _places_of(part)]


def _around(boxes: NDArray[np.float64]) -> Box:
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def _meeting(
    boxes: NDArray[np.float64], box: Box | None, shapes: Callable[[NDArray[np.intp]], NDArray[np.object_]]
) -> NDArray[np.bool_]:
    """Which features meet a box.

    :param boxes: around each feature.
    :param shapes: gives the features' geometries.
    """
    if box is None:
        return np.ones(len(boxes), dtype=bool)
    # shapely takes a while to import
    import shapely

    west, south, east, north = box
    # over the 180th meridian (OGC 17-069r4, 7.15.3)
    parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    chosen = np.zeros(len(boxes), dtype=bool)
    for left, right in parts:
        near = (boxes[:, 0] <= right) & (boxes[:, 2] >= left) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
        within = (boxes[:, 0] >= left) & (boxes[:, 2] <= right) & (boxes[:, 1] >= south) & (boxes[:, 3] <= north)
        # Only those at the box's edge need a closer look.
        edge = np.flatnonzero(near & ~within)
        chosen |= within
        chosen[edge] |= shapely.intersects(shapely.box(left, south, right, north), shapes(edge))
    return chosen


def _area(ring: list[list[float]]) -> float:
    """Twice the area, positive where the ring runs counter-clockwise."""
    return sum(one[0] * other[1] - other[0] * one[1] for one, other in zip(ring, [*ring[1:], ring[0]], strict=True))


def _plain(value: float) -> float | None:
    return float(f"{value:.{_FIGURES}g}") if math.isfinite(value) else None
