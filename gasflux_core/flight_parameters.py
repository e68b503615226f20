"""What a user says of the flight table: names, units and allowed ranges of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

from pydantic import field_validator, model_validator

from gasflux_core.headers import find_unit, own_name, units_of
from gasflux_core.parameters import Parameters, parameter

DEFAULT_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "latitude": (-90.0, 90.0),
        "longitude": (-180.0, 180.0),
        "height_ato": (-200.0, 500.0),
        "height_agl": (-50.0, 1000.0),
        "windspeed": (0.0, 50.0),
        "winddir": (0.0, 360.0),
        "temperature": (-50.0, 60.0),
        "pressure": (400.0, 1100.0),
        "humidity": (0.0, 100.0),
        "ch4": (1.5, 500.0),
        "co2": (300.0, 5000.0),
        "c2h6": (-0.5, 10.0),
    }
)
"""Column → lowest and highest value taken, in the units of the table (deg, m, m/s, °C, hPa, %, ppm)."""


class FlightParameters(Parameters):
    """How the flight table is read and checked."""

    column_names: dict[str, str] = parameter(
        {},
        title="Column names",
        text="Your name of a column → the name used here, such as Wind: windspeed. Common names are found without it.",
    )
    units: dict[str, str] = parameter(
        {},
        title="Units of columns",
        text="Column → its unit where the header doesn't say, such as ch4: ppb or temperature: K.",
    )
    ranges: dict[str, tuple[float, float]] = parameter(
        dict(DEFAULT_RANGES),
        title="Allowed ranges",
        text="Column or gas → lowest and highest value taken, in the table's units after conversion. "
        "Those given replace the defaults one by one; a gas without a range is only checked to be finite.",
    )
    crs: str = parameter(
        "",
        title="Projected CRS",
        text="EPSG:n of a projected coordinate system in metres; empty takes the UTM zone of the flight's centre.",
    )
    sensor_lag: float = parameter(
        0.0,
        title="Sensor lag",
        text="Time from the inlet to the reading: gas values are moved earlier by it.",
        unit="s",
        ge=0,
        le=600,
    )

    @field_validator("ranges")
    @classmethod
    def _complete_ranges(cls, given: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in given.items():
            if not low < high:
                raise ValueError(f"for {name} a lowest value below the highest, not {low:g} to {high:g}")
        return dict(DEFAULT_RANGES) | {own_name(name): bounds for name, bounds in given.items()}

    @model_validator(mode="after")
    def _check_units(self) -> Self:
        for name, text in self.units.items():
            column = own_name(self.column_names.get(name, name))
            if find_unit(column, text) is None:
                known = ", ".join(unit.name for unit in units_of(column))
                raise ValueError(f"a unit known for {name} ({known}), not {text}")
        return self
