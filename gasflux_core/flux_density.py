"""From mole fractions and winds to the flux density of a gas through the plane.

u_n = u_E n_E + u_N n_N                 normal wind, signed: a reversal carries gas back
ρ_g = p M / (R T)                       density of the pure gas at ambient pressure and temperature
Δc  = Δχ · 10⁻⁶ · ρ_g                   mass enhancement
q   = Δc · u_n · 3600                   flux density, kg m⁻² h⁻¹
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gasflux_core.columns import kept_rows, needed_columns
from gasflux_core.constants import GAS_CONSTANT, SECONDS_PER_HOUR, ZERO_CELSIUS
from gasflux_core.errors import InputError
from gasflux_core.molar_mass import molar_mass
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.plane import Plane

__all__ = [
    "FluxDensity",
    "FluxDensityParameters",
    "calculate_flux_density",
    "gas_density",
    "molar_mass",
    "vapour_pressure",
]

_Floats = NDArray[np.float64]

_PER_MILLION = 1e-6

_REVERSED = 0.1
"""Share of kept rows with a reversed normal wind that is flagged."""


class FluxDensityParameters(Parameters):
    """How mole fractions become masses."""

    density_basis: Literal["row", "mean"] = parameter(
        "row",
        title="Pressure and temperature of the gas density",
        text="'row' takes each row's own pressure and temperature, 'mean' their mean over the kept rows, for sensors "
        "that are noisy.",
    )
    dry_mole_fraction: bool = parameter(
        False,
        title="Mole fractions are of dry air",
        text="The gas columns are mole fractions in dry air, as many analysers give them: the pressure of the water "
        "vapour is then taken off the air's. Needs the column humidity.",
    )


@dataclass(frozen=True, eq=False, slots=True)
class FluxDensity:
    """The flight's flux densities."""

    table: pd.DataFrame
    """The table with wind_normal (m s⁻¹) and for each gas <gas>_density, <gas>_mass_enhancement (kg m⁻³) and
    <gas>_flux_density (kg m⁻² h⁻¹), for every row."""
    molar_masses: dict[str, float]
    """Gas → kg mol⁻¹."""
    mean_wind_normal: float
    """Mean over the kept rows, m s⁻¹."""
    flags: tuple[str, ...]
    """``reversed_wind``: the normal wind of a curtain is negative in more than a tenth of the kept rows."""


def gas_density(formula: str, temperature_celsius: ArrayLike, pressure_hpa: ArrayLike) -> _Floats:
    """Density of a pure ideal gas, ρ_g = p M / (R T), kg m⁻³.

    :param temperature_celsius: °C. :param pressure_hpa: hPa. Shapes broadcast.
    """
    kelvin = np.asarray(temperature_celsius, dtype=float) + ZERO_CELSIUS
    pascal = 100.0 * np.asarray(pressure_hpa, dtype=float)
    return np.asarray(pascal * molar_mass(formula) / (GAS_CONSTANT * kelvin), dtype=float)


def vapour_pressure(temperature_celsius: ArrayLike, humidity_percent: ArrayLike) -> _Floats:
    """Partial pressure of water vapour, hPa: 6.112 exp(17.62 t / (243.12 + t)) · RH/100.

    Magnus' formula over water with the constants of WMO-No. 8 (2018), annex 4.B, −45 to 60 °C.
    """
    celsius = np.asarray(temperature_celsius, dtype=float)
    saturated = 6.112 * np.exp(17.62 * celsius / (243.12 + celsius))
    return np.asarray(saturated * np.asarray(humidity_percent, dtype=float) / 100.0, dtype=float)


def calculate_flux_density(
    table: pd.DataFrame, plane: Plane, gases: Sequence[str], parameters: FluxDensityParameters
) -> FluxDensity:
    """Add normal wind, densities, mass enhancements and flux densities to the table.

    :param table: with x (m), wind_east, wind_north (m s⁻¹), temperature (°C), pressure (hPa), kept, and
        <gas>_enhancement (ppm) of each gas; humidity (%) for dry mole fractions.
    :raises InputFaults: when a column is missing or holds gaps.
    :raises InputError: when a gas is no chemical formula, or a pressure or temperature can't be.
    """
    needed = ["x", "wind_east", "wind_north", "temperature", "pressure"]
    if parameters.dry_mole_fraction:
        needed.append("humidity")
    enhancements = [f"{gas}_enhancement" for gas in gases]
    columns = needed_columns(table, [*needed, *enhancements])
    kept = kept_rows(table)
    molar_masses = {gas: molar_mass(gas) for gas in gases}
    temperature, pressure = columns["temperature"], columns["pressure"]
    if parameters.dry_mole_fraction:
        pressure = pressure - vapour_pressure(temperature, columns["humidity"])
    _check_possible(temperature, pressure)
    if parameters.density_basis == "mean" and kept.any():
        temperature = np.full(len(table), temperature[kept].mean())
        pressure = np.full(len(table), pressure[kept].mean())
    normal_east, normal_north = plane.normal(columns["x"])
    wind_normal = columns["wind_east"] * normal_east + columns["wind_north"] * normal_north
    added: dict[str, _Floats] = {"wind_normal": wind_normal}
    for gas in gases:
        density = gas_density(gas, temperature, pressure)
        mass = columns[f"{gas}_enhancement"] * _PER_MILLION * density
        added[f"{gas}_density"] = density
        added[f"{gas}_mass_enhancement"] = mass
        added[f"{gas}_flux_density"] = mass * wind_normal * SECONDS_PER_HOUR
    backward = float(np.mean(wind_normal[kept] < 0)) if kept.any() else 0.0
    return FluxDensity(
        table=table.assign(**added),
        molar_masses=molar_masses,
        mean_wind_normal=float(wind_normal[kept].mean()) if kept.any() else 0.0,
        flags=("reversed_wind",) if plane.kind == "curtain" and backward > _REVERSED else (),
    )


def _check_possible(temperature: _Floats, pressure: _Floats) -> None:
    for name, values, possible, expected in (
        ("temperature", temperature, temperature > -ZERO_CELSIUS, "degrees Celsius above absolute zero"),
        ("pressure", pressure, pressure > 0, "hPa, larger than the pressure of the water vapour"),
    ):
        if not possible.all():
            row = int(np.argmin(possible)) + 1
            raise InputError(
                f"column {name}: expected {expected}; row {row} has {values[row - 1]:g}", "table", column=name, row=row
            )
