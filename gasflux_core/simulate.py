"""Flights through plumes of known emission rate: demonstration data, and the yardstick of the tests.

Point sources give Gaussian plumes (``gasflux_core.plume``) in a logarithmic wind, which carry exactly
the stated rates through the plane. A drone flies a plan (``gasflux_core.flight_plan``) through them and
reads position, wind, pressure, temperature and gases with the faults of real sensors. The wind
readings scatter as vectors about the mean wind, so that their mean carries the true flux.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.constants import GAS_CONSTANT, SECONDS_PER_HOUR, ZERO_CELSIUS
from gasflux_core.errors import InputError, TooLarge
from gasflux_core.flight_plan import Path, plan_path, transect_heights
from gasflux_core.molar_mass import molar_mass
from gasflux_core.plume import Curtain, Cylinder, LogWind, Plume
from gasflux_core.simulation_parameters import SimulatedGas, SimulationParameters, Source

__all__ = ["SimulatedGas", "Simulation", "SimulationParameters", "Source", "simulate_flight"]

_Floats = NDArray[np.float64]

_MOST_ROWS = 50_000

_USUAL_GASES = {
    "ch4": SimulatedGas(background=1.95, noise=0.005),
    "co2": SimulatedGas(background=420.0, noise=0.5),
    "n2o": SimulatedGas(background=0.335, noise=0.001),
    "c2h6": SimulatedGas(background=0.002, noise=0.001),
    "co": SimulatedGas(background=0.12, noise=0.005),
}

_UPWIND = 150.0
"""Distance of a source from a curtain where none is given, m."""

_LEAST_ANGLE = 5.0
"""Angle between wind and curtain under which no plume is led through it, deg."""

_MOLAR_MASS_OF_AIR = 0.0289652
"""kg mol⁻¹ (CIPM-2007)."""

_GRAVITY = 9.80665
_LAPSE_RATE = 0.0065
"""Fall of temperature with height, K m⁻¹ (ISO 2533:1975)."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_TEMPERATURE_NOISE = 0.05
_PRESSURE_NOISE = 0.02
_POSITION_TIME = 2.0
"""Correlation time of position errors, s: a receiver smooths its fixes."""

_NODES_UP = 64
_TIMES = 5
"""Nodes in height and in time of the integral that tells what share of the rate was sampled."""


@dataclass(frozen=True, eq=False, slots=True)
class Simulation:
    """A simulated flight and its truth."""

    table: pd.DataFrame
    """Columns as users have them: timestamp, latitude, longitude, height_ato, height_agl on sloping ground, windspeed,
    winddir, temperature, pressure, and one column a gas."""
    true_rates: dict[str, float]
    """Gas → emission rate of all sources, kg h⁻¹."""
    inside_fraction: dict[str, float]
    """Gas → share of the rate that passes the plane between the ends and between the lowest and the highest height
    of the transects, on average over the flight; 1 for a gas without a source."""
    description: str


def simulate_flight(parameters: SimulationParameters) -> Simulation:
    """Fly a plan through the plumes.

    :raises TooLarge: when the flight would have more than 50 000 rows.
    :raises InputError: when a gas is no formula or its rate negative, a time can't be read, the wind blows along the
        curtain, or a plume does not reach the flight.
    """
    gases = _checked_gases(parameters)
    begin = _checked_start(parameters.start)
    path = plan_path(parameters, _downwind(parameters))
    count = int(np.floor(path.duration * parameters.sample_rate + 1e-9)) + 1
    if count > _MOST_ROWS:
        raise TooLarge(
            f"the flight would take {path.duration:.0f} s and have {count} rows, the limit is {_MOST_ROWS}: take fewer "
            "transects or a lower sample_rate",
            "sample_rate",
        )
    time = np.arange(count) / parameters.sample_rate
    direction = _mean_direction(time, path, parameters)
    plumes = [_plume(source, parameters) for source in parameters.sources]
    _check_reached(plumes, direction, parameters)
    # one stream a sensor, so that the noise of one does not change the others
    streams = np.random.default_rng(parameters.seed).spawn(5)
    table = _readings(time, direction, path, streams, parameters)
    table.insert(0, "timestamp", (begin + pd.to_timedelta(np.round(time * 1e6), unit="us")).as_unit("ns"))
    seen = _concentrations(time, path, plumes, gases, streams[3], parameters)
    along, _, height = path.at(time - parameters.sensor_lag)
    noise = streams[4].standard_normal((len(gases), count))
    for number, (gas, air) in enumerate(gases.items()):
        temperature, pressure = _air(height, parameters)
        # mole fraction of an enhancement of 1 kg m⁻³, ppm
        per_mass = 1e6 * GAS_CONSTANT * (temperature + ZERO_CELSIUS) / (100.0 * pressure * molar_mass(gas))
        table[gas] = (
            air.background
            + air.gradient * along / 100.0
            + seen[gas] * per_mass
            + air.drift * time / max(path.duration, 1.0)
            + air.noise * noise[number]
        )
    return Simulation(
        table=table,
        true_rates={gas: sum(source.rates.get(gas, 0.0) for source in parameters.sources) for gas in gases},
        inside_fraction=_inside(plumes, gases, path, parameters),
        description=_description(parameters, gases, path),
    )


def _readings(
    time: _Floats, direction: _Floats, path: Path, streams: list[np.random.Generator], parameters: SimulationParameters
) -> pd.DataFrame:
    along, across, height = path.at(time)
    ground = parameters.ground_slope * along
    step = 1.0 / parameters.sample_rate
    errors = parameters.position_noise * _wandering(streams[0], time.size, 3, step / _POSITION_TIME)
    east, north = _true_east_north(along, across, parameters.azimuth)
    longitude, latitude = _geographic(east + errors[:, 0], north + errors[:, 1], parameters)
    columns = {"latitude": latitude, "longitude": longitude, "height_ato": height + errors[:, 2]}
    if parameters.ground_slope:
        columns["height_agl"] = columns["height_ato"] - ground
    speed = _wind(parameters).speed(height - ground)
    gusts = _wandering(streams[1], time.size, 2, step / parameters.gust_time)
    downwind = speed + parameters.wind_speed_noise * gusts[:, 0]
    sideways = speed * np.radians(parameters.wind_direction_noise) * gusts[:, 1]
    columns["windspeed"] = np.hypot(downwind, sideways)
    columns["winddir"] = (direction + np.degrees(np.arctan2(sideways, downwind))) % 360.0
    temperature, pressure = _air(height, parameters)
    noise = streams[2].standard_normal((2, time.size))
    columns["temperature"] = temperature + _TEMPERATURE_NOISE * noise[0]
    columns["pressure"] = pressure + _PRESSURE_NOISE * noise[1]
    return pd.DataFrame(columns)


def _concentrations(
    time: _Floats,
    path: Path,
    plumes: list[Plume],
    gases: Iterable[str],
    stream: np.random.Generator,
    parameters: SimulationParameters,
) -> dict[str, _Floats]:
    """Mass enhancement of each gas at the sensor, kg m⁻³: what was there a lag ago."""
    then = time - parameters.sensor_lag
    along, across, height = path.at(then)
    east, north = _true_east_north(along, across, parameters.azimuth)
    above_ground = height - parameters.ground_slope * along
    direction = _mean_direction(then, path, parameters)
    found = {gas: np.zeros(time.size) for gas in gases}
    wander = _wandering(stream, time.size, 2 * len(plumes), 1.0 / (parameters.sample_rate * parameters.meander_time))
    width = np.sqrt(np.log1p(parameters.intermittency**2))
    for number, (source, plume) in enumerate(zip(parameters.sources, plumes, strict=True)):
        shape = plume.concentration(east, north, above_ground, direction, wander[:, 2 * number], parameters.meander)
        # a log-normal strength with mean 1
        strength = np.exp(width * wander[:, 2 * number + 1] - width**2 / 2)
        for gas, rate in source.rates.items():
            found[gas] += rate / SECONDS_PER_HOUR * shape * strength
    return found


def _inside(
    plumes: list[Plume], gases: Iterable[str], path: Path, parameters: SimulationParameters
) -> dict[str, float]:
    shares = [_inside_of(plume, path, parameters) for plume in plumes]
    fractions = {}
    for gas in gases:
        rates = [source.rates.get(gas, 0.0) for source in parameters.sources]
        total = sum(rates)
        fractions[gas] = sum(r * s for r, s in zip(rates, shares, strict=True)) / total if total else 1.0
    return fractions


def _inside_of(plume: Plume, path: Path, parameters: SimulationParameters) -> float:
    """∫ C u_n dA over the sampled window for a unit rate, on average over the turning wind."""
    heights = transect_heights(parameters)
    if parameters.pattern == "spiral":
        bearing = np.linspace(0.0, 2 * np.pi, _nodes_along(2 * np.pi * parameters.radius))
        east, north = parameters.radius * np.sin(bearing), parameters.radius * np.cos(bearing)
        lengths, outward = parameters.radius * bearing, bearing
    else:
        lengths = np.linspace(-parameters.width / 2, parameters.width / 2, _nodes_along(parameters.width))
        east, north = _true_east_north(lengths, np.zeros_like(lengths), parameters.azimuth)
        outward = np.full_like(lengths, np.radians(parameters.azimuth + 90.0 * _downwind(parameters)))
    azimuth = np.radians(parameters.azimuth)
    ground = parameters.ground_slope * (east * np.sin(azimuth) + north * np.cos(azimuth))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES_UP)
    rise = max(float(heights[-1] - heights[0]), 0.0)
    above_ground = heights[0] + rise * (nodes[:, None] + 1) / 2 - ground
    times = np.linspace(0.0, path.duration, _TIMES) if parameters.wind_turn else np.array([0.5 * path.duration])
    shares = []
    for direction in _mean_direction(times, path, parameters):
        shape = plume.concentration(east, north, above_ground, float(direction), 0.0, 0.0)
        through = plume.wind.speed(above_ground) * np.cos(np.radians(direction + 180.0) - outward)
        columns = rise / 2 * (weights @ (shape * through))
        shares.append(float(np.trapezoid(columns, lengths)))
    return float(np.mean(shares))


def _nodes_along(length: float) -> int:
    """A node a metre, which is less than half the spread of any plume that a flight can see."""
    return int(np.clip(length, 160, 2000)) + 1


def _plume(source: Source, parameters: SimulationParameters) -> Plume:
    spiral = parameters.pattern == "spiral"
    upwind = source.upwind if source.upwind is not None else (0.0 if spiral else _UPWIND)
    azimuth, wind_from = np.radians(parameters.azimuth), np.radians(parameters.wind_direction)
    return Plume(
        source_east=float(source.offset * np.sin(azimuth) + upwind * np.sin(wind_from)),
        source_north=float(source.offset * np.cos(azimuth) + upwind * np.cos(wind_from)),
        source_height=source.height,
        stability=parameters.stability,
        wind=_wind(parameters),
        surface=Cylinder(parameters.radius) if spiral else Curtain(parameters.azimuth),
    )


def _wind(parameters: SimulationParameters) -> LogWind:
    return LogWind(parameters.wind_speed, parameters.roughness_length)


def _air(height: _Floats, parameters: SimulationParameters) -> tuple[_Floats, _Floats]:
    """Temperature (°C) and pressure (hPa) at heights above take-off, hydrostatic."""
    scale = GAS_CONSTANT * (parameters.temperature + ZERO_CELSIUS) / (_MOLAR_MASS_OF_AIR * _GRAVITY)
    return parameters.temperature - _LAPSE_RATE * height, parameters.pressure * np.exp(-height / scale)


def _mean_direction(time: _Floats, path: Path, parameters: SimulationParameters) -> _Floats:
    return parameters.wind_direction + parameters.wind_turn * (time / path.duration - 0.5)


def _downwind(parameters: SimulationParameters) -> float:
    """1 where the mean wind blows to the right of the azimuth, −1 to the left."""
    return 1.0 if np.sin(np.radians(parameters.wind_direction + 180.0 - parameters.azimuth)) >= 0 else -1.0


def _true_east_north(along: _Floats, across: _Floats, azimuth: float) -> tuple[_Floats, _Floats]:
    sine, cosine = np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))
    return along * sine + across * cosine, along * cosine - across * sine


def _geographic(east: _Floats, north: _Floats, parameters: SimulationParameters) -> tuple[_Floats, _Floats]:
    # pyproj takes 0.1 s to import
    from pyproj import Proj

    local = Proj(proj="tmerc", lat_0=parameters.latitude, lon_0=parameters.longitude, k=1, ellps="WGS84")
    longitude, latitude = local(east, north, inverse=True)
    return np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float)


def _wandering(stream: np.random.Generator, count: int, series: int, step: float) -> _Floats:
    """Series (count, series) of unit variance whose correlation falls as exp(−steps · step)."""
    noise = stream.standard_normal((count, series))
    memory = float(np.exp(-step))
    fresh = np.sqrt(1.0 - memory**2)
    for row in range(1, count):
        noise[row] = memory * noise[row - 1] + fresh * noise[row]
    return noise


def _checked_gases(parameters: SimulationParameters) -> dict[str, SimulatedGas]:
    named = dict.fromkeys([*(gas for source in parameters.sources for gas in source.rates), *parameters.gases])
    if not named:
        raise InputError("sources: name at least one gas, such as ch4, with its rate in kg/h (0 for none)", "sources")
    for gas in named:
        molar_mass(gas, "sources")
        if gas != gas.lower():
            raise InputError(f"sources: write the gas {gas} in lower case, {gas.lower()}", "sources")
    for source in parameters.sources:
        for gas, rate in source.rates.items():
            if not rate >= 0:
                raise InputError(f"sources: the rate of {gas} is {rate:g} kg/h, expected 0 or more", "sources")
    return {gas: parameters.gases.get(gas) or _USUAL_GASES.get(gas, SimulatedGas()) for gas in named}


def _checked_start(start: str) -> pd.Timestamp:
    try:
        begin = pd.Timestamp(start)
        if not _FIRST_YEAR <= begin.year <= _LAST_YEAR:  # NaT has no year
            raise ValueError(start)
    except ValueError:
        raise InputError(f"start: expected a time such as 2026-06-01T10:00:00Z, got {start!r}", "start") from None
    return begin.tz_localize("UTC") if begin.tzinfo is None else begin.tz_convert("UTC")


def _check_reached(plumes: list[Plume], direction: _Floats, parameters: SimulationParameters) -> None:
    if parameters.pattern == "spiral":
        for plume in plumes:
            if np.hypot(plume.source_east, plume.source_north) > 0.9 * parameters.radius:
                raise InputError(
                    "sources: a spiral must hold its sources, no further from the centre than nine tenths of its "
                    f"radius of {parameters.radius:g} m",
                    "sources",
                )
        return
    through = np.sin(np.radians(direction + 180.0 - parameters.azimuth)) * _downwind(parameters)
    if through.min() < np.sin(np.radians(_LEAST_ANGLE)):
        raise InputError(
            f"wind_direction: the wind comes within {_LEAST_ANGLE:g}° of blowing along the curtain of azimuth "
            f"{parameters.azimuth:g}° or turns across it; give a direction that blows through it",
            "wind_direction",
        )
    for plume in plumes:
        if not plume.axis_distance(direction).min() > 0:
            raise InputError("sources: a source lies downwind of the curtain; give it a larger upwind", "sources")


def _description(parameters: SimulationParameters, gases: Iterable[str], path: Path) -> str:
    kind = (
        f"curtain of {parameters.transects} transects of {parameters.width:g} m, azimuth {parameters.azimuth:g}°"
        if parameters.pattern == "curtain"
        else f"spiral of {parameters.transects} revolutions of radius {parameters.radius:g} m"
    )
    return (
        f"Simulated flight of {path.duration:.0f} s: {kind}, {parameters.spacing:g} m apart; wind "
        f"{parameters.wind_speed:g} m/s from {parameters.wind_direction:g}°; {len(parameters.sources)} source(s) of "
        f"{', '.join(gases)}; seed {parameters.seed}"
    )
