"""What can be set about a simulated flight."""

from __future__ import annotations

from typing import Literal

from gasflux_core.parameters import Parameters, parameter
from gasflux_core.plume import Stability


class Source(Parameters):
    """A point source of one or more gases."""

    rates: dict[str, float] = parameter(
        {"ch4": 10.0},
        title="Emission rates",
        text="Gas (formula in lower case) and its emission rate in kg/h, 0 or more.",
        unit="kg/h",
    )
    upwind: float | None = parameter(
        None,
        title="Distance upwind",
        text="Distance from the centre of the flight against the mean wind. Empty is 150 m for a curtain and 0, the "
        "centre itself, for a spiral.",
        unit="m",
        ge=-5_000,
        le=5_000,
    )
    offset: float = parameter(
        0.0,
        title="Offset",
        text="Shift of the source along the azimuth; the plume's axis meets the plane that far from its centre.",
        unit="m",
        ge=-2_000,
        le=2_000,
    )
    height: float = parameter(
        20.0,
        title="Height of the source",
        text="Height above ground of the plume's axis.",
        unit="m",
        ge=0,
        le=500,
    )


class SimulatedGas(Parameters):
    """Air and sensor of one gas."""

    background: float = parameter(
        0.0, title="Background", text="Mole fraction of the air that comes in.", unit="ppm", ge=0, le=1e6
    )
    noise: float = parameter(
        0.005, title="Sensor noise", text="Standard deviation of each reading.", unit="ppm", ge=0, le=1e4
    )
    drift: float = parameter(
        0.0, title="Sensor drift", text="Even change of the reading over the whole flight.", unit="ppm", ge=-1e4, le=1e4
    )
    gradient: float = parameter(
        0.0,
        title="Background gradient",
        text="Change of the background over 100 m along the azimuth.",
        unit="ppm",
        ge=-1e4,
        le=1e4,
    )


class SimulationParameters(Parameters):
    """Site, weather, sources, sensors and flight plan."""

    seed: int = parameter(
        0,
        title="Seed",
        text="Number from which all randomness comes: the same seed gives the same flight.",
        ge=0,
        le=2**32 - 1,
    )
    start: str = parameter(
        "2026-06-01T10:00:00Z", title="Start", text="Time of the first row, ISO 8601, UTC where no offset is given."
    )
    latitude: float = parameter(
        51.4, title="Latitude", text="Latitude of the flight's centre.", unit="deg", ge=-80, le=84
    )
    longitude: float = parameter(
        -1.3, title="Longitude", text="Longitude of the flight's centre.", unit="deg", ge=-180, le=180
    )
    sources: tuple[Source, ...] = parameter(
        (Source(),), title="Sources", text="Point sources, each with its rates, place and height."
    )
    gases: dict[str, SimulatedGas] = parameter(
        {},
        title="Gases",
        text="Gas and its background, noise, drift and gradient; for gases that are not named here usual values are "
        "taken. A gas without a source is measured too.",
    )
    pattern: Literal["curtain", "spiral"] = parameter(
        "curtain",
        title="Flight pattern",
        text="'curtain' flies level transects above each other, 'spiral' climbs steadily round the centre.",
    )
    azimuth: float = parameter(
        90.0,
        title="Azimuth",
        text="Direction of the curtain from true north; the ground slope and the gradient run along it too.",
        unit="deg",
        ge=0,
        le=360,
    )
    width: float = parameter(
        200.0, title="Width of the curtain", text="Length of each transect.", unit="m", ge=20, le=5_000
    )
    radius: float = parameter(
        60.0, title="Radius of the spiral", text="Distance from the centre.", unit="m", ge=10, le=2_000
    )
    lowest_height: float = parameter(
        2.0,
        title="Lowest height",
        text="Height of the lowest transect above the highest ground under the flight.",
        unit="m",
        ge=0.5,
        le=500,
    )
    spacing: float = parameter(
        6.0, title="Spacing", text="Height between transects, or climb of one revolution.", unit="m", ge=0.5, le=100
    )
    transects: int = parameter(
        12, title="Transects", text="Number of transects of the curtain or revolutions of the spiral.", ge=1, le=100
    )
    up_and_down: bool = parameter(
        False, title="Up and down", text="Fly the transects once more on the way down, without the highest."
    )
    legs: bool = parameter(
        False, title="Climb-out and return", text="Begin and end at the take-off point, 60 m downwind of the flight."
    )
    ground_speed: float = parameter(5.0, title="Ground speed", text="Speed of the drone.", unit="m/s", ge=0.5, le=30)
    turn_time: float = parameter(
        2.0, title="Duration of a turn", text="Time between the transects of a curtain.", unit="s", ge=0.5, le=60
    )
    turn_radius: float = parameter(
        0.0,
        title="Radius of a turn",
        text="How far a turn goes beyond the end of the transect; with 0 the drone climbs on the spot.",
        unit="m",
        ge=0,
        le=50,
    )
    sample_rate: float = parameter(1.0, title="Sample rate", text="Rows a second.", unit="Hz", ge=0.1, le=20)
    wind_speed: float = parameter(
        4.0, title="Wind speed", text="Mean speed 10 m above ground.", unit="m/s", gt=0.1, le=30
    )
    wind_direction: float = parameter(
        0.0, title="Wind direction", text="Mean direction that the wind comes from.", unit="deg", ge=0, le=360
    )
    wind_turn: float = parameter(
        0.0,
        title="Turn of the wind",
        text="Even change of the mean direction over the flight, half of it before and half after the middle.",
        unit="deg",
        ge=-120,
        le=120,
    )
    roughness_length: float = parameter(
        0.03, title="Roughness length", text="z₀ of the logarithmic wind profile.", unit="m", ge=1e-4, le=2
    )
    wind_speed_noise: float = parameter(
        0.3, title="Gusts", text="Standard deviation of the wind readings along the wind.", unit="m/s", ge=0, le=5
    )
    wind_direction_noise: float = parameter(
        5.0,
        title="Scatter of direction",
        text="Standard deviation of the readings' direction.",
        unit="deg",
        ge=0,
        le=45,
    )
    gust_time: float = parameter(
        3.0, title="Time scale of gusts", text="Correlation time of the wind readings' scatter.", unit="s", gt=0, le=600
    )
    stability: Stability = parameter(
        "C", title="Stability", text="Pasquill class of the air, A (very unstable, broad plumes) to F (stable, narrow)."
    )
    meander: float = parameter(
        0.0,
        title="Meander",
        text="Standard deviation of the plume centre's wandering as a share of the plume's mean spread.",
        unit="1",
        ge=0,
        le=0.95,
    )
    meander_time: float = parameter(
        30.0,
        title="Time scale of the meander",
        text="Correlation time of meander and intermittency.",
        unit="s",
        gt=0,
        le=3600,
    )
    intermittency: float = parameter(
        0.0,
        title="Intermittency",
        text="Relative standard deviation of the plume's strength in time; its mean stays.",
        unit="1",
        ge=0,
        le=3,
    )
    ground_slope: float = parameter(
        0.0,
        title="Ground slope",
        text="Rise of the ground along the azimuth, m per m; transects stay level and the table then has height_agl.",
        unit="1",
        ge=-0.5,
        le=0.5,
    )
    pressure: float = parameter(1010.0, title="Pressure", text="Air pressure at take-off.", unit="hPa", ge=400, le=1100)
    temperature: float = parameter(
        15.0, title="Temperature", text="Air temperature at take-off.", unit="Cel", ge=-50, le=60
    )
    position_noise: float = parameter(
        0.2, title="Position noise", text="Standard deviation of each reported coordinate.", unit="m", ge=0, le=10
    )
    sensor_lag: float = parameter(
        0.0, title="Sensor lag", text="Time by which the gas readings come late.", unit="s", ge=0, le=60
    )
