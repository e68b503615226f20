"""Where the drone was and which way it flew: projected coordinates, course and ground speed."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gasflux_core.errors import InputError

if TYPE_CHECKING:
    from pyproj import Transformer

MAXIMUM_SCALE_ERROR = 0.01
"""A projection whose metre differs from the ground's by more than this is refused: distances along the
plane go straight into the emission rate. UTM stays below 0.001 within its zone."""


def locate(table: pd.DataFrame, crs: str = "") -> tuple[pd.DataFrame, str]:
    """Add projected coordinates, course and ground speed to a flight table.

    The course of a row is that of the leg from the row before to it; the first row, which has none,
    takes the course of the second. With ΔE, ΔN, Δz the differences of easting, northing and height
    and d² = ΔE² + ΔN²::

        course_azimuth   = atan2(ΔE, ΔN)  (degrees clockwise from GRID north, [0, 360); 0 where d = 0)
        course_elevation = atan2(Δz, d)   (degrees, [-90, 90]; 0 in a hover)
        ground_speed     = d / Δt         (m/s, horizontal)

    :param table: with latitude, longitude (deg, WGS 84), height_ato (m), time (s, strictly rising).
    :param crs: ``EPSG:n`` of a projected CRS in metres, or empty for the UTM zone of the flight's centre.
    :returns: a new table with easting, northing (m), course_azimuth, course_elevation (deg),
        ground_speed (m/s), and the CRS used.
    :raises InputError: the CRS is unknown, not projected in metres east and north, or unfit for the place.
    """
    longitude = table["longitude"].to_numpy(dtype=float)
    latitude = table["latitude"].to_numpy(dtype=float)
    centre = _mean_longitude(longitude), float(latitude.mean())
    crs = crs.strip().upper() or utm_zone(*centre)
    to_plane = projection(crs)
    _check_scale(crs, to_plane, *centre)
    easting, northing = to_plane.transform(longitude, latitude)
    if not (np.isfinite(easting).all() and np.isfinite(northing).all()):
        raise InputError(f"crs: the flight's positions lie outside {crs}; leave crs empty for the UTM zone", "crs")

    east, north = np.diff(easting), np.diff(northing)
    distance = np.hypot(east, north)
    climb = np.diff(table["height_ato"].to_numpy(dtype=float))
    seconds = np.diff(table["time"].to_numpy(dtype=float))
    located = table.assign(
        easting=easting,
        northing=northing,
        course_azimuth=_first_as_second(bearing(east, north)),
        course_elevation=_first_as_second(np.degrees(np.arctan2(climb, distance))),
        ground_speed=_first_as_second(distance / seconds),
    )
    return located, crs


def utm_zone(longitude: float, latitude: float) -> str:
    """EPSG code of the UTM zone (WGS 84) that holds a place given in degrees."""
    zone = int((longitude + 180.0) % 360.0 // 6.0) + 1
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def bearing(east: ArrayLike, north: ArrayLike) -> NDArray[np.float64]:
    """Direction of a vector in degrees clockwise from north, [0, 360)."""
    degrees = np.degrees(np.arctan2(np.asarray(east, dtype=float), np.asarray(north, dtype=float))) % 360.0
    # the remainder of a tiny negative angle rounds to 360 itself
    turned: NDArray[np.float64] = np.where(degrees >= 360.0, 0.0, degrees)
    return turned


def mean_angle(degrees: ArrayLike) -> float:
    """Direction of the mean of unit vectors, degrees in [0, 360); NaN where they cancel out.

    Mardia & Jupp, Directional Statistics (2000), eq. 2.2.
    """
    radians = np.radians(np.asarray(degrees, dtype=float))
    east, north = float(np.mean(np.sin(radians))), float(np.mean(np.cos(radians)))
    if math.hypot(east, north) < 1e-12:
        return math.nan
    return float(bearing(east, north))


def angle_between(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Smallest angle between two directions in degrees, [0, 180]; shapes broadcast."""
    turn = np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float)) % 360.0
    smallest: NDArray[np.float64] = np.minimum(turn, 360.0 - turn)
    return smallest


@lru_cache(maxsize=32)
def projection(crs: str) -> Transformer:
    """Transformer from longitude and latitude (deg, WGS 84) to easting and northing (m) of a projected CRS.

    :raises InputError: the CRS is unknown, or not projected in metres with axes east and north.
    """
    # pyproj takes 0.1 s to import
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    # anything but a code could be a path or an address that PROJ would open
    if not crs.upper().startswith("EPSG:") or not crs[5:].isdigit():
        raise InputError(f"crs: expected EPSG:n such as EPSG:32630, or empty for the UTM zone; got {crs!r}", "crs")
    try:
        known = CRS.from_user_input(crs)
    except CRSError:
        raise InputError(f"crs: there is no {crs}; look it up at epsg.org or leave crs empty", "crs") from None
    axes = [(axis.direction, axis.unit_name) for axis in known.axis_info[:2]]
    if not known.is_projected or sorted(axes) != [("east", "metre"), ("north", "metre")]:
        raise InputError(
            f"crs: {crs} ({known.name}) is not projected in metres to the east and north; "
            "give a UTM zone or a national grid, or leave crs empty",
            "crs",
        )
    return Transformer.from_crs("EPSG:4326", known, always_xy=True)


def _check_scale(crs: str, to_plane: Any, longitude: float, latitude: float) -> None:
    step = 1e-3
    metres_per_degree = 111_195.0 * math.cos(math.radians(latitude))
    if metres_per_degree * step < 1.0:
        return  # at the pole an east–west step has no length to compare with
    from pyproj import Geod

    east = np.array([longitude - step, longitude + step])
    here = np.array([latitude, latitude])
    x, y = to_plane.transform(east, here)
    length = Geod(ellps="WGS84").inv(east[0], latitude, east[1], latitude)[2]
    scale = float(math.hypot(x[1] - x[0], y[1] - y[0])) / length
    if not abs(scale - 1.0) <= MAXIMUM_SCALE_ERROR:
        raise InputError(
            f"crs: at the flight's place ({latitude:.3f}° N, {longitude:.3f}° E) one metre on the ground is "
            f"{scale:.3f} m in {crs}; distances would be wrong. Leave crs empty for the UTM zone",
            "crs",
        )


def _mean_longitude(longitude: NDArray[np.float64]) -> float:
    # as an angle, so that a flight over the 180° meridian has its centre there
    mean = mean_angle(longitude)
    return (mean + 180.0) % 360.0 - 180.0


def _first_as_second(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([values[:1], values])
