"""Geometry of a flight plane: from x along it to places and normals, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasflux_core.position import projection

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """An upright plane ('curtain') or an upright cylinder ('spiral').

    Angles are in degrees clockwise, lengths in metres of the projection's grid. For the cylinder,
    azimuth, grid_azimuth and normal_azimuth are None; for the curtain, radius is None.
    """

    kind: Literal["curtain", "spiral"]
    crs: str
    """Projection of eastings and northings, ``EPSG:n``."""
    azimuth: float | None
    """Direction in which x increases, from true north, [0, 180)."""
    grid_azimuth: float | None
    """The same from grid north, azimuth − convergence."""
    convergence: float
    """Meridian convergence γ at the centre: true = grid + γ."""
    origin_easting: float
    origin_northing: float
    """Place of x = 0."""
    normal_azimuth: float | None
    """Direction of the unit normal, from true north: that side of the plane to which the mean wind blows."""
    length: float
    """Extent of the kept samples along x; of the cylinder, its circumference."""
    rms_distance: float
    """Root mean square distance of the kept samples from the plane."""
    centre_easting: float
    centre_northing: float
    """Of the kept samples; of the cylinder, its axis."""
    radius: float | None
    start: tuple[float, float]
    """Longitude, latitude of x = 0 (WGS 84)."""
    end: tuple[float, float]
    """Longitude, latitude of x = length."""
    ground: tuple[tuple[float, float], ...] = ()
    """The ground line as (x, height of the ground above take-off), x rising; empty where unknown."""

    @property
    def period(self) -> float | None:
        """Length after which x comes back to the same place; None for the curtain."""
        return self.length if self.kind == "spiral" else None

    def normal(self, x: ArrayLike) -> tuple[_Floats, _Floats]:
        """Unit normals at x as true east and north components: downwind, or outward from the axis."""
        places = np.asarray(x, dtype=float)
        if self.radius is not None:
            bearing = places / self.radius
        else:
            bearing = np.full(places.shape, np.radians(self.normal_azimuth))  # type: ignore[arg-type]
        return np.sin(bearing), np.cos(bearing)

    def position(self, x: ArrayLike) -> tuple[_Floats, _Floats]:
        """Easting and northing of places along the plane."""
        places = np.asarray(x, dtype=float)
        if self.radius is not None:
            bearing = places / self.radius - np.radians(self.convergence)
            return (
                self.centre_easting + self.radius * np.sin(bearing),
                self.centre_northing + self.radius * np.cos(bearing),
            )
        east, north = self._direction()
        return self.origin_easting + places * east, self.origin_northing + places * north

    def folded(self, x: ArrayLike, distance: ArrayLike) -> tuple[_Floats, _Floats]:
        """Easting and northing of places beside the plane's line: downwind of the curtain, outward of the cylinder.

        With the height above the fold as the distance, these are the plane's places after it was folded flat.

        :param distance: m, at right angles to the line.
        """
        east, north = self.normal(x)
        turn = np.radians(self.convergence)
        away = np.asarray(distance, dtype=float)
        easting, northing = self.position(x)
        return (
            np.asarray(easting + away * (east * np.cos(turn) - north * np.sin(turn)), dtype=float),
            np.asarray(northing + away * (north * np.cos(turn) + east * np.sin(turn)), dtype=float),
        )

    def along(self, easting: ArrayLike, northing: ArrayLike) -> _Floats:
        """The x of places, by the shortest way to the plane; on the cylinder in [0, period)."""
        if self.radius is not None:
            east = np.asarray(easting, dtype=float) - self.centre_easting
            north = np.asarray(northing, dtype=float) - self.centre_northing
            bearing = np.arctan2(east, north) + np.radians(self.convergence)
            x = self.radius * np.mod(bearing, 2 * np.pi)
            # the remainder of a tiny negative angle rounds to the whole turn
            return np.where(x >= self.length, 0.0, x)
        east = np.asarray(easting, dtype=float) - self.origin_easting
        north = np.asarray(northing, dtype=float) - self.origin_northing
        along_east, along_north = self._direction()
        return np.asarray(east * along_east + north * along_north, dtype=float)

    def distance(self, easting: ArrayLike, northing: ArrayLike) -> _Floats:
        """Horizontal distances of places from the plane, ≥ 0."""
        if self.radius is not None:
            east = np.asarray(easting, dtype=float) - self.centre_easting
            north = np.asarray(northing, dtype=float) - self.centre_northing
            return np.abs(np.hypot(east, north) - self.radius)
        east = np.asarray(easting, dtype=float) - self.origin_easting
        north = np.asarray(northing, dtype=float) - self.origin_northing
        along_east, along_north = self._direction()
        return np.abs(east * along_north - north * along_east)

    def lonlat(self, x: ArrayLike) -> tuple[_Floats, _Floats]:
        """Longitude and latitude (degrees, WGS 84) of places along the plane."""
        longitude, latitude = projection(self.crs).transform(*self.position(x), direction="INVERSE")
        return np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float)

    def ground_height(self, x: ArrayLike) -> _Floats:
        """Height of the ground above take-off at x, m: linear between known points; 0 where none is known."""
        places = np.asarray(x, dtype=float)
        if not self.ground:
            return np.zeros(places.shape)
        known_x, known_height = np.array(self.ground).T
        return np.asarray(np.interp(places, known_x, known_height, period=self.period), dtype=float)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["start"], values["end"] = list(self.start), list(self.end)
        values["ground"] = [list(point) for point in self.ground]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plane:
        """The inverse of :meth:`to_dict`."""
        given = dict(values)
        given["start"], given["end"] = tuple(given["start"]), tuple(given["end"])
        given["ground"] = tuple((float(x), float(height)) for x, height in given.get("ground", ()))
        return cls(**given)

    def _direction(self) -> tuple[float, float]:
        azimuth = np.radians(self.grid_azimuth)  # type: ignore[arg-type]
        return float(np.sin(azimuth)), float(np.cos(azimuth))
