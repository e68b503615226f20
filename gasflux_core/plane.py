"""The upright plane (or cylinder) in which a flight sampled, with a coordinate along it.

Curtain: the first principal axis of the kept positions (total least squares), so that no direction
is special. x runs from 0, at the first kept sample, along the azimuth in [0, 180) from true north.
Spiral: the cylinder over the best circle. x is the arc length clockwise (seen from above) from the
point due true north of the centre, periodic with the circumference.

Positions are in the projection's grid, winds refer to true north. The two differ by the meridian
convergence γ: true azimuth = grid azimuth + γ. Azimuths and normals are true; eastings and northings
are grid. x is in grid metres, so that places on the plane and on a map agree; in a UTM zone a grid
metre is within 0.1 % of a metre on the ground (Snyder 1987, *Map Projections*, p. 57), far less
than any term of the uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.circle import Circle, fit_circle
from gasflux_core.columns import kept_rows, needed_columns
from gasflux_core.errors import InputError, NoSolution
from gasflux_core.ground import ground_line
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.plane_geometry import Plane
from gasflux_core.position import mean_angle, projection, utm_zone
from gasflux_core.smoothed_positions import SMOOTHED

__all__ = ["Plane", "PlaneFit", "PlaneParameters", "fit_plane"]

_Floats = NDArray[np.float64]

_SMALLEST_EXTENT = 3.0
"""Horizontal extent under which positions are one place, m: some times the jitter of a receiver."""

_ROUND = 0.75
"""Share of the bearings round the centre that a spiral must cover."""

_ENOUGH_ROWS = 1000
"""Rows that tell whether a flight is round."""

_OBLIQUE = 30.0
"""Angle between mean wind and plane under which the normal wind is mostly an error of direction, deg."""

_FAR = 0.05
"""Root mean square distance, as a share of the plane's length or of the radius, that is flagged."""

_FEW = 3
"""Fewer transects than this say little of how the plume changes with height."""

_SAME_PLACE = 1.0
"""Distance over which a row's projected and geographic positions are not of one projection, m."""

FAR_FROM_PLANE = "far from the plane"
"""Reason of the rows that the distance limit leaves out."""

_NEEDED = ("latitude", "longitude", "easting", "northing", "height_ato", "wind_east", "wind_north", "transect")


class PlaneParameters(Parameters):
    """How the flight plane is fitted."""

    kind: Literal["auto", "curtain", "spiral"] = parameter(
        "auto",
        title="Kind of plane",
        text="'curtain' is an upright plane, 'spiral' an upright cylinder round the source. 'auto' takes the "
        "cylinder where the positions go round a circle that fits better than a line.",
    )
    distance_limit: float = parameter(
        0.0,
        title="Largest distance from the plane",
        text="Rows further from the first fit are left out, and the plane is fitted once more. 0 keeps all rows.",
        unit="m",
        ge=0,
        le=10_000,
    )


@dataclass(frozen=True, eq=False, slots=True)
class PlaneFit:
    """A plane with the table's positions in it."""

    table: pd.DataFrame
    """The table with x, z, height_above_ground and distance_from_plane (all m) for every row."""
    plane: Plane
    removed: int
    """Rows left out by the distance limit."""
    height_scatter: float
    """Root mean square deviation of the heights from their transect's straight line in time, m."""
    wind_angle: float | None
    """Angle between the mean wind and the plane, 0 (along it) to 90 (through it) deg; None for a cylinder."""
    flags: tuple[str, ...]
    """``oblique_wind``: mean wind less than 30° from the plane; ``far_from_plane``: rms distance over 5 % of
    length or radius; ``few_transects``: fewer than 3."""


def fit_plane(table: pd.DataFrame, parameters: PlaneParameters, crs: str = "") -> PlaneFit:
    """Fit the plane to the kept rows, and place all rows in it.

    :param table: with latitude, longitude (deg), easting, northing, height_ato (m), wind_east, wind_north
        (m s⁻¹), transect, kept, and where known height_agl (m).
    :param crs: projection of the eastings and northings, ``EPSG:n``; empty for the UTM zone of the flight.
    :raises InputFaults: when a column is missing or holds gaps.
    :raises InputError: when the eastings and northings are not of that projection.
    :raises NoSolution: when no row is kept, or all kept rows lie at one place.
    """
    columns = needed_columns(table, [*_NEEDED, *(["height_agl"] if "height_agl" in table.columns else [])])
    kept = kept_rows(table)
    crs = _checked_crs(columns, crs)
    # Where the receiver is noisy, the transects' own places
    columns |= {name: table[smooth].to_numpy(dtype=float) for name, smooth in SMOOTHED.items() if smooth in table}
    plane = _fit(columns, kept, crs, parameters.kind)
    removed = np.zeros(len(table), dtype=bool)
    if parameters.distance_limit:
        distance = plane.distance(columns["easting"], columns["northing"])
        removed = kept & (distance > parameters.distance_limit)
        if removed.any():
            kept = kept & ~removed
            plane = _fit(columns, kept, crs, plane.kind)
    placed = _placed(table, columns, plane)
    if removed.any():
        reason = placed["reason"] if "reason" in placed.columns else pd.Series("", index=placed.index)
        placed = placed.assign(kept=kept, reason=reason.mask(removed, FAR_FROM_PLANE))
    transects = np.where(kept, columns["transect"], 0)
    angle = _wind_angle(columns, kept, plane)
    return PlaneFit(
        table=placed,
        plane=plane,
        removed=int(removed.sum()),
        height_scatter=_height_scatter(columns["height_ato"], transects),
        wind_angle=angle,
        flags=_flags(plane, angle, transects),
    )


def _fit(columns: dict[str, _Floats], kept: NDArray[np.bool_], crs: str, kind: str) -> Plane:
    if int(kept.sum()) < 2:
        raise NoSolution(
            "no plane can be fitted: fewer than 2 rows are kept; widen the limits of transects or distance_limit",
            "distance_limit",
        )
    easting, northing = columns["easting"][kept], columns["northing"][kept]
    centre = np.array([easting.mean(), northing.mean()])
    offsets = np.stack([easting, northing], axis=1) - centre
    # eigenvectors of the 2 × 2 scatter: the first principal axis and, across it, the squared distances
    spread, axes = np.linalg.eigh(offsets.T @ offsets / len(offsets))
    along = offsets @ axes[:, 1]
    if not np.ptp(along) >= _SMALLEST_EXTENT:
        raise NoSolution(
            f"all kept rows lie at one place, within {np.ptp(along):.2g} m: a plane needs transects along a line",
            "table",
        )
    convergence = _convergence(crs, centre)
    line_distance = float(np.sqrt(max(spread[0], 0.0)))
    circle = None if kind == "curtain" else _round_flight(easting, northing, line_distance, kind)
    if circle is not None:
        plane = _cylinder(circle, crs, convergence)
    else:
        plane = _curtain(offsets, centre, axes[:, 1], columns, kept, crs, convergence)
    if "height_agl" not in columns:
        return plane
    x = plane.along(easting, northing)
    ground = columns["height_ato"][kept] - columns["height_agl"][kept]
    return replace(plane, ground=ground_line(x, ground, plane.length, plane.period))


def _curtain(
    offsets: _Floats,
    centre: _Floats,
    axis: _Floats,
    columns: dict[str, _Floats],
    kept: NDArray[np.bool_],
    crs: str,
    convergence: float,
) -> Plane:
    grid_azimuth = float(np.degrees(np.arctan2(axis[0], axis[1])))
    azimuth = (grid_azimuth + convergence) % 180.0
    azimuth = 0.0 if azimuth >= 180.0 else azimuth  # the remainder of a tiny negative angle rounds to 180
    grid_azimuth = azimuth - convergence
    direction = np.array([np.sin(np.radians(grid_azimuth)), np.cos(np.radians(grid_azimuth))])
    along = offsets @ direction
    across = offsets @ np.array([direction[1], -direction[0]])
    origin = centre + along.min() * direction
    # to the right of x, unless the mean wind blows to the left
    right = np.radians(azimuth + 90.0)
    through = columns["wind_east"][kept].mean() * np.sin(right) + columns["wind_north"][kept].mean() * np.cos(right)
    plane = Plane(
        kind="curtain",
        crs=crs,
        azimuth=azimuth,
        grid_azimuth=grid_azimuth,
        convergence=convergence,
        origin_easting=float(origin[0]),
        origin_northing=float(origin[1]),
        normal_azimuth=(azimuth + (90.0 if through >= 0 else 270.0)) % 360.0,
        length=float(np.ptp(along)),
        rms_distance=float(np.sqrt(np.mean(across**2))),
        centre_easting=float(centre[0]),
        centre_northing=float(centre[1]),
        radius=None,
        start=(0.0, 0.0),
        end=(0.0, 0.0),
    )
    return _with_ends(plane)


def _cylinder(circle: Circle, crs: str, convergence: float) -> Plane:
    plane = Plane(
        kind="spiral",
        crs=crs,
        azimuth=None,
        grid_azimuth=None,
        convergence=convergence,
        origin_easting=circle.easting - circle.radius * float(np.sin(np.radians(convergence))),
        origin_northing=circle.northing + circle.radius * float(np.cos(np.radians(convergence))),
        normal_azimuth=None,
        length=2 * float(np.pi) * circle.radius,
        rms_distance=circle.rms_distance,
        centre_easting=circle.easting,
        centre_northing=circle.northing,
        radius=circle.radius,
        start=(0.0, 0.0),
        end=(0.0, 0.0),
    )
    return _with_ends(plane)


def _with_ends(plane: Plane) -> Plane:
    longitude, latitude = plane.lonlat(np.array([0.0, plane.length]))
    return replace(
        plane,
        start=(float(longitude[0]), float(latitude[0])),
        end=(float(longitude[1]), float(latitude[1])),
    )


def _round_flight(easting: _Floats, northing: _Floats, line_distance: float, kind: str) -> Circle | None:
    """The circle of a spiral; None where 'auto' finds that the flight is none."""
    if kind == "spiral":
        return fit_circle(easting, northing)
    # Whether the flight is round can be seen from some of the rows, and most flights are not
    step = max(1, len(easting) // _ENOUGH_ROWS)
    if step > 1 and _round_flight(easting[::step], northing[::step], line_distance, kind) is None:
        return None
    try:
        circle = fit_circle(easting, northing)
    except NoSolution:
        return None
    bearing = np.degrees(np.arctan2(easting - circle.easting, northing - circle.northing)) % 360.0
    covered = len(np.unique((bearing // 10.0).astype(int))) / 36.0
    return circle if covered >= _ROUND and circle.rms_distance < line_distance else None


def _convergence(crs: str, centre: _Floats) -> float:
    """Meridian convergence: minus the grid bearing of a short step to true north, deg."""
    to_grid = projection(crs)
    longitude, latitude = to_grid.transform(centre[0], centre[1], direction="INVERSE")
    step = 1e-4 if latitude < 89.0 else -1e-4
    easting, northing = to_grid.transform([longitude, longitude], [latitude, latitude + step])
    east, north = (easting[1] - easting[0]) * np.sign(step), (northing[1] - northing[0]) * np.sign(step)
    return -float(np.degrees(np.arctan2(east, north)))


def _checked_crs(columns: dict[str, _Floats], crs: str) -> str:
    longitude, latitude = columns["longitude"], columns["latitude"]
    crs = crs.strip().upper() or utm_zone((mean_angle(longitude) + 180.0) % 360.0 - 180.0, float(latitude.mean()))
    easting, northing = projection(crs).transform(longitude[0], latitude[0])
    if not np.hypot(easting - columns["easting"][0], northing - columns["northing"][0]) < _SAME_PLACE:
        raise InputError(
            f"crs: row 1 has easting {columns['easting'][0]:.1f}, northing {columns['northing'][0]:.1f}; in {crs} its "
            f"place is {easting:.1f}, {northing:.1f}. Give the crs that the stage flight used",
            "crs",
            row=1,
        )
    return crs


def _placed(table: pd.DataFrame, columns: dict[str, _Floats], plane: Plane) -> pd.DataFrame:
    height = columns["height_ato"]
    return table.assign(
        x=plane.along(columns["easting"], columns["northing"]),
        z=height,
        height_above_ground=columns.get("height_agl", height),
        distance_from_plane=plane.distance(columns["easting"], columns["northing"]),
    )


def _height_scatter(height: _Floats, transect: _Floats) -> float:
    squares, count = 0.0, 0
    for number in np.unique(transect[transect > 0]):
        rows = np.flatnonzero(transect == number)
        if len(rows) < 3:
            continue
        line = np.polynomial.Polynomial.fit(rows, height[rows], 1)
        squares += float(np.sum((height[rows] - line(rows)) ** 2))
        count += len(rows)
    return float(np.sqrt(squares / count)) if count else 0.0


def _wind_angle(columns: dict[str, _Floats], kept: NDArray[np.bool_], plane: Plane) -> float | None:
    if plane.azimuth is None:
        return None
    east, north = float(columns["wind_east"][kept].mean()), float(columns["wind_north"][kept].mean())
    azimuth = np.radians(plane.azimuth)
    along = east * np.sin(azimuth) + north * np.cos(azimuth)
    through = east * np.cos(azimuth) - north * np.sin(azimuth)
    return float(np.degrees(np.arctan2(abs(through), abs(along))))


def _flags(plane: Plane, angle: float | None, transect: _Floats) -> tuple[str, ...]:
    flags = []
    if angle is not None and angle < _OBLIQUE:
        flags.append("oblique_wind")
    if plane.rms_distance > _FAR * (plane.radius or plane.length):
        flags.append("far_from_plane")
    if len(np.unique(transect[transect > 0])) < _FEW:
        flags.append("few_transects")
    return tuple(flags)
