"""The whole calculation: a flight table in, emission rates out, stage after stage.

Nothing is computed here: each stage is a function of its own, and this module hands the product of
one to the next, tells how far the work is, and gathers what all faces show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from gasflux_core.background import Background, BackgroundParameters, estimate_background
from gasflux_core.emission_rate import EmissionRate, estimate_emission_rate
from gasflux_core.flight import Flight, check_flight
from gasflux_core.flight_parameters import FlightParameters
from gasflux_core.flux_density import FluxDensity, FluxDensityParameters, calculate_flux_density
from gasflux_core.kriging import Field, KrigingParameters, krige_flux_plane
from gasflux_core.parameters import Parameters
from gasflux_core.plane import PlaneFit, PlaneParameters, fit_plane
from gasflux_core.stage_costs import Workload, expected_nodes, stage_begins
from gasflux_core.terrain import ReadElevation, Terrain, TerrainParameters, add_terrain, places_of
from gasflux_core.transects import TransectParameters, Transects, find_transects
from gasflux_core.uncertainty import EmissionRateParameters
from gasflux_core.variogram import Variogram, VariogramParameters, estimate_variogram
from gasflux_core.wind import Wind, WindParameters, estimate_wind

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1, rising) and what is being done, in words."""

LONG_FLIGHT = 45 * 60.0
"""Duration from which on wind and plume are taken to change within a flight, s."""

_PACKAGES = ("numpy", "scipy", "pandas", "scikit-gstat", "pybaselines", "pyproj")


class Settings(Parameters):
    """The parameters of all stages."""

    flight: FlightParameters = FlightParameters()
    terrain: TerrainParameters = TerrainParameters()
    wind: WindParameters = WindParameters()
    transects: TransectParameters = TransectParameters()
    background: BackgroundParameters = BackgroundParameters()
    plane: PlaneParameters = PlaneParameters()
    flux_density: FluxDensityParameters = FluxDensityParameters()
    variogram: VariogramParameters = VariogramParameters()
    kriging: KrigingParameters = KrigingParameters()
    emission_rate: EmissionRateParameters = EmissionRateParameters()


@dataclass(frozen=True, eq=False)
class GasResult:
    """What was found for one gas."""

    gas: str
    variogram: Variogram
    field: Field
    rate: EmissionRate


@dataclass(frozen=True, eq=False)
class Result:
    """Everything one run found, for the writers of files and reports."""

    flight: Flight
    wind: Wind
    transects: Transects
    background: Background
    plane_fit: PlaneFit
    flux: FluxDensity
    gases: dict[str, GasResult]
    settings: Settings
    versions: dict[str, str]
    notes: tuple[str, ...]
    flags: tuple[str, ...]
    """Of the flight as a whole; those of a gas are with its rate."""
    terrain: Terrain | None = None
    """Where heights above ground come from a terrain model."""

    @property
    def table(self) -> pd.DataFrame:
        """The flight table with the columns of all stages."""
        return self.flux.table

    def figures(self) -> dict[str, Any]:
        """All figures as plain JSON values: what the command line prints and the services return."""
        table = self.table
        gases = {}
        for name, gas in self.gases.items():
            figures = gas.rate.to_dict()
            figures["flags"] = list(dict.fromkeys([*self.flags, *figures["flags"]]))
            gases[name] = figures
        return {
            "gases": gases,
            "plane": self.plane_fit.plane.to_dict(),
            "flight": {
                "rows": len(table),
                "kept": int(table["kept"].sum()),
                "duration": float(table["time"].iloc[-1] - table["time"].iloc[0]),
                "transects": self.transects.count,
                "pattern": self.transects.pattern,
            },
            "wind": self.wind.to_dict(),
            "sensor_lag": {gas: lag.to_dict() for gas, lag in self.background.lags.items()},
            **({"terrain": self.terrain.to_dict()} if self.terrain is not None else {}),
            "notes": list(self.notes),
            "versions": dict(self.versions),
            "settings": self.configuration(),
        }

    def configuration(self) -> dict[str, Any]:
        """The gases and all parameters of the run as plain JSON values: as a configuration, it does the run again."""
        return {"gases": list(self.gases), **self.settings.model_dump(mode="json")}


def run_pipeline(
    raw: pd.DataFrame,
    gases: Sequence[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
    notes: Sequence[str] = (),
    elevation: ReadElevation | None = None,
) -> Result:
    """Turn a raw flight table into emission rates.

    :param raw: as read from the user's file.
    :param gases: formulas, such as ``("ch4", "co2")``.
    :param progress: told before each stage; fractions go by what the stages cost (``gasflux_core.stage_costs``).
    :param notes: what was noted before (in the configuration, say), carried into the result.
    :param elevation: reads a terrain model; heights above ground come from it where the flight has none.
    :raises InputFaults: with all faults of the table.
    :raises InputError: the terrain model can't be used.
    :raises NoSolution: when no transect, plane or field can be had from the flight.
    """
    settings = settings or Settings()
    tell = progress or _silent
    tell(0.0, "Checking the flight table")
    flight = check_flight(raw, gases, settings.flight)
    modelled = elevation is not None and "height_agl" not in flight.table.columns
    begins = _begins(flight, settings, modelled)
    if modelled:
        tell(begins["terrain", 0], "Reading the terrain model")
    flight, terrain = _over_terrain(flight, elevation, settings.terrain)
    tell(begins["wind", 0], "Estimating the wind")
    wind = estimate_wind(flight.table, settings.wind)
    tell(begins["transects", 0], "Finding the transects")
    transects = find_transects(wind.table, settings.transects)
    tell(begins["background", 0], "Estimating the background")
    background = estimate_background(transects.table, flight.gases, settings.background)
    tell(begins["plane", 0], "Fitting the flight plane")
    plane_fit = fit_plane(background.table, settings.plane, flight.crs)
    tell(begins["flux_density", 0], "Calculating the flux density")
    flux = calculate_flux_density(plane_fit.table, plane_fit.plane, flight.gases, settings.flux_density)
    found = {}
    for number, gas in enumerate(flight.gases):
        tell(begins["variogram", number], f"Fitting the variogram of {gas}")
        variogram = estimate_variogram(flux.table, gas, plane_fit.plane, settings.variogram)
        tell(begins["kriging", number], f"Kriging the flux plane of {gas}")
        field = krige_flux_plane(flux.table, gas, plane_fit.plane, variogram, settings.kriging)
        tell(begins["emission_rate", number], f"Estimating the emission rate of {gas}")
        rate = estimate_emission_rate(
            flux.table, gas, plane_fit.plane, field, background.gases[gas], settings.emission_rate
        )
        found[gas] = GasResult(gas, variogram, field, rate)
    tell(1.0, "Calculated")
    return Result(
        flight=flight,
        wind=wind,
        transects=transects,
        background=background,
        plane_fit=plane_fit,
        flux=flux,
        gases=found,
        settings=settings,
        versions=versions(),
        notes=(*notes, *flight.notes, *background.notes),
        flags=_flight_flags(flight, terrain, wind, transects, plane_fit, flux),
        terrain=terrain,
    )


def versions() -> dict[str, str]:
    """Versions of this program and of the libraries that the figures depend on."""
    found = {"gasflux-wps": _version("gasflux-wps")}
    found.update({name: _version(name) for name in _PACKAGES})
    return found


def check_settings(sections: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Settings from a configuration's sections, section → parameter → value.

    :raises InputFaults: naming each parameter at fault with its section.
    """
    return Settings.check(sections)


def _begins(flight: Flight, settings: Settings, terrain: bool) -> dict[tuple[str, int], float]:
    """Fraction of the calculation at which each stage of each gas begins, by what the stages cost."""
    nodes = expected_nodes(flight.table, settings.kriging)
    work = Workload(len(flight.table), len(flight.gases), nodes, terrain)
    return stage_begins(work, settings.variogram, settings.kriging)


def _over_terrain(
    flight: Flight, elevation: ReadElevation | None, parameters: TerrainParameters
) -> tuple[Flight, Terrain | None]:
    """The flight with heights above ground from a terrain model, where there is one and the flight has none."""
    if elevation is None:
        return flight, None
    if "height_agl" in flight.table.columns:
        note = "heights above ground are the flight's own (height_agl); the terrain model was not used"
        return replace(flight, notes=(*flight.notes, note)), None
    model = elevation(*places_of(flight.table, parameters))
    terrain = add_terrain(flight.table, model, parameters)
    note = (
        "heights above ground are from the terrain model, with take-off at "
        f"{terrain.take_off[1]:.5f}, {terrain.take_off[0]:.5f}"
    )
    return replace(flight, table=terrain.table, notes=(*flight.notes, note)), terrain


def _flight_flags(
    flight: Flight,
    terrain: Terrain | None,
    wind: Wind,
    transects: Transects,
    plane_fit: PlaneFit,
    flux: FluxDensity,
) -> tuple[str, ...]:
    flags = [
        *(terrain.flags if terrain is not None else ()),
        *wind.flags,
        *transects.flags,
        *plane_fit.flags,
        *flux.flags,
    ]
    time = flight.table["time"]
    if float(time.iloc[-1] - time.iloc[0]) > LONG_FLIGHT:
        flags.append("long_flight")
    return tuple(dict.fromkeys(flags))


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _silent(fraction: float, text: str) -> None:
    """Progress that nobody asked for."""
