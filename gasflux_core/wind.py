"""Wind of each row: from the table's columns, or from an anemometer carried by the drone.

Conventions. ``winddir`` φ is the direction the wind comes FROM, degrees clockwise from true north.
``wind_east`` and ``wind_north`` are the velocity of the air over the ground, so they point to where
the wind goes: u_E = −V sin φ, u_N = −V cos φ (m/s).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gasflux_core.columns import needed_columns
from gasflux_core.errors import InputError
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.position import bearing

LIGHT_WIND = 2.0
"""Mean speed, m/s, below which the wind is flagged: transport is no longer by the mean wind."""

LARGE_TURN = 30.0
"""Turn over the flight, degrees, above which the wind is flagged."""

WGS84_SEMI_MAJOR_AXIS = 6378137.0
WGS84_ECCENTRICITY_SQUARED = 6.69437999014e-3

_Floats = npt.NDArray[np.float64]


class WindParameters(Parameters):
    """Where the wind comes from, and what is done with outliers."""

    wind_source: Literal["columns", "anemometer"] = parameter(
        "columns",
        title="Source of the wind",
        text="'columns': windspeed and winddir as given. 'anemometer': worked out from the flow that an anemometer "
        "on the drone measured, its yaw and its positions.",
    )
    outlier_fence: float = parameter(
        0.0,
        title="Fence for outliers",
        text="Speeds and directions further than this many interquartile ranges outside the quartiles are replaced "
        "by interpolation in time. 0 replaces none; 3 is the usual fence.",
        unit="1",
        ge=0.0,
        le=100.0,
    )
    anemometer_u: str = parameter(
        "u",
        title="Column of the flow to starboard",
        text="Column with the air's motion past the drone from port to starboard, m/s. Used with 'anemometer' only.",
    )
    anemometer_v: str = parameter(
        "v",
        title="Column of the flow to the nose",
        text="Column with the air's motion past the drone from aft to nose, m/s (negative in forward flight through "
        "still air). Used with 'anemometer' only.",
    )
    yaw: str = parameter(
        "yaw",
        title="Column of the yaw",
        text="Column with the direction the nose points to, degrees clockwise from true north. Used with "
        "'anemometer' only.",
    )


@dataclass(frozen=True, eq=False, slots=True)
class Wind:
    """The wind of a flight."""

    table: pd.DataFrame
    """The table with windspeed (m/s), winddir (deg), wind_east and wind_north (m/s) set."""
    mean_speed: float
    """Mean of the speeds, m/s."""
    mean_direction: float
    """Mean direction (from), deg, of unit vectors."""
    speed_std: float
    """Standard deviation of the speeds, m/s."""
    direction_std: float
    """Circular standard deviation √(−2 ln R) of the directions, deg (Mardia & Jupp 2000, §2.3)."""
    turn: float
    """Linear trend of the direction times the flight's duration, deg; positive where the wind veers (clockwise)."""
    replaced: int
    """Rows whose wind was an outlier and was interpolated in time."""
    flags: tuple[str, ...]
    """``light_wind``: mean below 2 m/s; ``turning_wind``: a turn of more than 30°."""

    def to_dict(self) -> dict[str, Any]:
        """Its figures as plain JSON values."""
        return {
            "mean_speed": self.mean_speed,
            "mean_direction": self.mean_direction,
            "speed_std": self.speed_std,
            "direction_std": self.direction_std,
            "turn": self.turn,
            "replaced": self.replaced,
            "flags": list(self.flags),
        }


def estimate_wind(table: pd.DataFrame, parameters: WindParameters) -> Wind:
    """Set the wind of every row.

    :raises InputFaults: where columns that the source needs are not there, or hold text or gaps.
    :raises InputError: where a speed is negative.
    """
    if parameters.wind_source == "anemometer":
        names = (parameters.anemometer_u, parameters.anemometer_v, parameters.yaw, "time", "latitude", "longitude")
        columns = needed_columns(table, names)
        u, v, yaw, time, latitude, longitude = (columns[name] for name in names)
        ground_east, ground_north = ground_velocity(time, latitude, longitude)
        wind_east, wind_north = wind_from_anemometer(u, v, yaw, ground_east, ground_north)
        speed = np.hypot(wind_east, wind_north)
        direction = bearing(-wind_east, -wind_north)
    else:
        columns = needed_columns(table, ("windspeed", "winddir", "time"))
        speed, direction, time = columns["windspeed"], columns["winddir"], columns["time"]
        if speed.min() < 0.0:
            row = int(np.argmax(speed < 0.0)) + 1
            raise InputError(
                f"Column windspeed: a speed is never negative, row {row} holds {speed[row - 1]:g} m/s",
                "table",
                column="windspeed",
                row=row,
            )
        direction = direction % 360.0
        wind_east, wind_north = _components(speed, direction)

    outliers = _outliers(speed, direction, parameters.outlier_fence)
    if outliers.any():
        wind_east = wind_east.copy()
        wind_north = wind_north.copy()
        for component in (wind_east, wind_north):
            component[outliers] = np.interp(time[outliers], time[~outliers], component[~outliers])
        speed = np.where(outliers, np.hypot(wind_east, wind_north), speed)
        direction = np.where(outliers, bearing(-wind_east, -wind_north), direction)

    mean_direction, direction_std = _circular_mean_and_std(direction)
    turn = direction_turn(time, direction)
    mean_speed = float(speed.mean())
    return Wind(
        table=table.assign(windspeed=speed, winddir=direction, wind_east=wind_east, wind_north=wind_north),
        mean_speed=mean_speed,
        mean_direction=mean_direction,
        speed_std=float(speed.std(ddof=1)) if speed.size > 1 else 0.0,
        direction_std=direction_std,
        turn=turn,
        replaced=int(outliers.sum()),
        flags=_flags(mean_speed, turn),
    )


def wind_from_anemometer(
    u: npt.ArrayLike, v: npt.ArrayLike, yaw: npt.ArrayLike, ground_east: npt.ArrayLike, ground_north: npt.ArrayLike
) -> tuple[_Floats, _Floats]:
    """Velocity of the air over the ground from the flow past a moving drone.

    The flow past the drone is a = w − g, with w the wind's velocity and g the drone's, both over
    the ground. With R(ψ) the rotation from the drone's axes (starboard, nose) to (east, north),
    w = R(ψ)(u, v) + g:

        w_E =  u cos ψ + v sin ψ + g_E
        w_N = −u sin ψ + v cos ψ + g_N

    w points to where the air goes. The vector −R(ψ)(u, v) − g points to where the wind comes from,
    and its azimuth is ``winddir``.

    :param u: flow from port to starboard, m/s.
    :param v: flow from aft to nose, m/s; −|g| when flying nose first through still air.
    :param yaw: ψ, direction of the nose, deg clockwise from true north.
    :param ground_east, ground_north: g, m/s, along true east and north.
    :returns: (w_E, w_N), m/s.
    """
    starboard, nose = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    psi = np.radians(np.asarray(yaw, dtype=float))
    east = starboard * np.cos(psi) + nose * np.sin(psi) + np.asarray(ground_east, dtype=float)
    north = -starboard * np.sin(psi) + nose * np.cos(psi) + np.asarray(ground_north, dtype=float)
    return east, north


def ground_velocity(time: _Floats, latitude: _Floats, longitude: _Floats) -> tuple[_Floats, _Floats]:
    """Velocity over the ground along true east and north, m/s, by central differences.

    From latitude and longitude with the WGS 84 ellipsoid's radii of curvature, so it refers to true
    north as yaw does; differences of UTM coordinates would be turned by the meridian convergence.

    :param time: s. :param latitude, longitude: deg.
    """
    phi = np.radians(latitude)
    # Unwrapped so that a flight over the 180th meridian has no jump.
    lambda_ = np.unwrap(np.radians(longitude))
    root = np.sqrt(1.0 - WGS84_ECCENTRICITY_SQUARED * np.sin(phi) ** 2)
    prime_vertical = WGS84_SEMI_MAJOR_AXIS / root
    meridional = WGS84_SEMI_MAJOR_AXIS * (1.0 - WGS84_ECCENTRICITY_SQUARED) / root**3
    east = prime_vertical * np.cos(phi) * np.gradient(lambda_, time)
    north = meridional * np.gradient(phi, time)
    return east, north


def direction_turn(time: npt.ArrayLike, direction: npt.ArrayLike) -> float:
    """Linear trend of a direction over the flight times the flight's duration, deg.

    The trend is the one that makes the directions, less the trend, most alike: the largest
    resultant |Σ exp i(θ − Tτ)| over T, τ the time scaled to 0…1, then refined by least squares on
    what is left. So it needs no unwrapping, which noise in light winds would break.

    :param time: s. :param direction: deg. :returns: T, deg, positive clockwise.
    """
    seconds, theta = np.asarray(time, dtype=float), np.asarray(direction, dtype=float)
    if seconds.size < 3 or seconds[-1] <= seconds[0]:
        return 0.0
    tau = (seconds - seconds[0]) / (seconds[-1] - seconds[0])
    unit = np.exp(1j * np.radians(theta))
    # 20° apart is fine: the resultant falls to its first zero at 360° from the peak.
    turns = np.arange(-540.0, 541.0, 20.0)
    step = np.exp(-1j * np.radians(turns[1] - turns[0]) * tau)
    turned = unit * np.exp(-1j * np.radians(turns[0]) * tau)
    resultants = []
    for _ in turns:
        resultants.append(abs(turned.sum()))
        turned *= step
    turn = float(turns[int(np.argmax(resultants))])
    for _ in range(3):
        residual = unit * np.exp(-1j * np.radians(turn) * tau)
        left = np.degrees(np.angle(residual * np.conj(residual.mean())))
        turn += float(np.polyfit(tau, left, 1)[0])
    return turn


def _components(speed: _Floats, direction: _Floats) -> tuple[_Floats, _Floats]:
    phi = np.radians(direction)
    return -speed * np.sin(phi), -speed * np.cos(phi)


def _circular_mean_and_std(direction: _Floats) -> tuple[float, float]:
    resultant = np.exp(1j * np.radians(direction)).mean()
    length = min(max(abs(resultant), np.finfo(float).tiny), 1.0)
    return float(np.degrees(np.angle(resultant)) % 360.0), float(np.degrees(np.sqrt(-2.0 * np.log(length))))


def _outliers(speed: _Floats, direction: _Floats, fence: float) -> npt.NDArray[np.bool_]:
    """Rows outside the fence in speed or in direction (as its deviation from the mean direction)."""
    outside = np.zeros(speed.shape, dtype=bool)
    if fence == 0.0:
        return outside
    mean_direction, _ = _circular_mean_and_std(direction)
    deviation = (direction - mean_direction + 180.0) % 360.0 - 180.0
    for values in (speed, deviation):
        low, high = np.percentile(values, (25.0, 75.0))
        # Where more than half of the values are equal the quartiles say nothing of the spread.
        if high > low:
            margin = fence * (high - low)
            outside |= (values < low - margin) | (values > high + margin)
    return outside


def _flags(mean_speed: float, turn: float) -> tuple[str, ...]:
    flags = []
    if mean_speed < LIGHT_WIND:
        flags.append("light_wind")
    if abs(turn) > LARGE_TURN:
        flags.append("turning_wind")
    return tuple(flags)
