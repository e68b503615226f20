"""The whole calculation: a flight in, emission rates out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from gasflux_core.errors import GasFluxError
from gasflux_core.io.tables import read_table
from gasflux_core.pipeline import Result, run_pipeline
from processes import formats
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.elevation import dem_inputs, read_dem
from processes.inputs import (
    Setting,
    configuration_input,
    configuration_url_input,
    flight_input,
    gases_input,
    read_configuration_input,
    read_gases,
    read_settings,
    setting_inputs,
)
from processes.outputs import (
    IMPLIED_BY_MAPS,
    complex_output,
    file_value,
    map_outputs,
    map_values,
    quantity_value,
    rate_outputs,
)
from processes.products import Source, write_products

SETTINGS = (
    Setting("pattern", "transects", "pattern"),
    Setting("background_algorithm", "background", "algorithm", "Background algorithm"),
    Setting("wind_source", "wind", "wind_source"),
    Setting("sensor_lag", "flight", "sensor_lag"),
    Setting("density_basis", "flux_density", "density_basis", "Basis of the gas density"),
    Setting("kriged_quantity", "variogram", "quantity", "Kriged quantity"),
    Setting("variogram_model", "variogram", "model", "Variogram model"),
    Setting("variogram_estimator", "variogram", "estimator", "Variogram estimator"),
    Setting("interpolator", "kriging", "interpolator"),
    Setting("below", "kriging", "below"),
    Setting("above", "kriging", "above"),
    Setting("resolution", "kriging", "resolution", "Number of cells"),
    Setting("cell_size", "kriging", "cell_size"),
    Setting("roughness_length", "kriging", "roughness_length"),
    Setting("distance_limit", "plane", "distance_limit"),
    Setting("wind_speed_uncertainty", "emission_rate", "wind_speed_uncertainty"),
    Setting("wind_direction_uncertainty", "emission_rate", "wind_direction_uncertainty"),
    Setting("seed", "emission_rate", "seed"),
)
"""The parameters that users change most, as inputs of their own; all others are in the configuration."""

_CALCULATED = 0.5
"""Share of the progress at which the calculation is done and the writing of files begins: where all files are made it
is 0.41 (1 000 rows, 1 gas) to 0.50 (1 000 rows, 3 gases) and 0.66 (17 000 rows, 3 gases) by measurement."""


class GasFlux(StageProcess):
    identifier = "gas_flux"
    title = "Emission rate from a flight"
    abstract = (
        "Turns a drone's flight table downwind of a source into the emission rate of each gas with its uncertainty: "
        "checks the table, estimates wind and background, finds the transects, fits the flight plane, kriges the flux "
        "density and integrates it. Gives a GeoTIFF of the plane, layers for a GIS, the processed table and a report."
    )
    keywords: ClassVar[tuple[str, ...]] = (
        "emission rate",
        "methane",
        "greenhouse gas",
        "drone",
        "mass balance",
        "flux plane",
        "kriging",
    )

    implies = IMPLIED_BY_MAPS
    flight_identifier = "flight"
    """The input by which the flight comes."""

    def declare_inputs(self) -> list[Any]:
        return [
            self.declare_flight(),
            gases_input(),
            *setting_inputs(SETTINGS),
            *self.declare_terrain(),
            configuration_input(),
            configuration_url_input(),
        ]

    def declare_flight(self) -> Any:
        """The input by which the flight comes."""
        return flight_input()

    def declare_terrain(self) -> list[Any]:
        """The inputs by which a terrain model may come."""
        return dem_inputs()

    def declare_outputs(self) -> list[Any]:
        return [
            complex_output(
                "flux_plane",
                "Flux plane",
                "GeoTIFF in metres along the plane and above take-off; for each gas two bands: flux density and its "
                "standard error, kg m-2 h-1.",
                formats.GEOTIFF,
            ),
            *rate_outputs(),
            complex_output(
                "figures",
                "Figures",
                "For every gas its rate, uncertainty, 95 % interval, budget and flags; plane, wind, notes, versions.",
                formats.JSON,
                by_reference=False,
            ),
            complex_output("track", "Track", "The flight as points with the flux density at each.", formats.GEOJSON),
            complex_output(
                "footprint",
                "Footprint",
                "The plane's line on the ground, one segment a grid step, with the flux through it.",
                formats.GEOJSON,
            ),
            complex_output("layers", "Layers", "Footprint and track in a zipped GeoPackage, for QGIS.", formats.ZIP),
            complex_output(
                "flux_plane_map",
                "Flux plane on the map",
                "The same bands as GeoTIFF in the map's metres (UTM): the plane folded flat to the ground, downwind "
                "about its lower edge, which lies on the footprint.",
                formats.GEOTIFF,
            ),
            *map_outputs(),
            complex_output("table", "Table", "The flight table with what every stage added.", formats.CSV),
            *report_outputs(),
            complex_output(
                "view",
                "View",
                "What a page needs to draw the result, thinned: track, plane, background, transects, variogram, wind.",
                formats.JSON,
            ),
            complex_output(
                "track_kml",
                "Track as KML",
                "Track, samples coloured by flux density, footprint and outline of the plane, for Google Earth and "
                "other globes; heights above ground, or above take-off where those aren't known.",
                formats.KML,
            ),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        addresses = map_values(context)
        flight = self.flight_file(inputs, context)
        result = self.calculate(flight, inputs, context)
        first = next(iter(result.gases.values())).rate
        return {
            "emission_rate": quantity_value(first.emission_rate, "kg/h"),
            "uncertainty": quantity_value(first.standard_uncertainty, "kg/h"),
            **addresses,
            **self.write(result, flight, inputs, context),
        }

    def calculate(self, flight: Path, inputs: Inputs, context: Context) -> Result:
        """Read the flight's file and run the whole calculation."""
        configuration = read_configuration_input(inputs, context)
        settings = read_settings(inputs, SETTINGS, configuration)
        gases = read_gases(inputs, configuration)
        dem = read_dem(inputs, context)
        context.progress(0.0, "Reading the flight table")
        raw = read_table(flight, inputs.media_type(self.flight_identifier), parameter=self.flight_identifier)

        def tell(fraction: float, text: str) -> None:
            context.progress(_CALCULATED * fraction, text)

        try:
            notes = (*configuration.notes, *dem.notes)
            return run_pipeline(raw, gases, settings, tell, notes, dem.read if dem.path else None)
        except GasFluxError as error:
            for fault in (error, *getattr(error, "faults", ())):
                # Stages call their data "flight" or "table"; here both came by one input.
                if fault.parameter in ("flight", "table"):
                    fault.parameter = self.flight_identifier
            raise

    def flight_file(self, inputs: Inputs, context: Context) -> Path:
        """Where the flight lies."""
        return inputs.file(self.flight_identifier)

    def flight_name(self, inputs: Inputs) -> str | None:
        """What its sender calls the flight's file."""
        return inputs.file_name(self.flight_identifier)

    def write(self, result: Result, flight: Path, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        """Write those products that this process declares and the client asked for."""

        def tell(fraction: float, text: str) -> None:
            context.progress(_CALCULATED + (1 - _CALCULATED) * fraction, text)

        made_as = {output.identifier: output.data_format for output in self.outputs if hasattr(output, "data_format")}
        wanted = [name for name in made_as if context.outputs is None or name in context.outputs]
        source = Source(flight, self.flight_name(inputs))
        paths = write_products(
            result, context.workdir, wanted, source=source, circumstances=context.circumstances, progress=tell
        )
        return {name: file_value(path, made_as[name]) for name, path in paths.items()}


def report_outputs() -> list[Any]:
    """The outputs for people to look at."""
    return [
        complex_output("report", "Report", "HTML page that needs no other file: figures, plots, budget.", formats.HTML),
        complex_output(
            "report_pdf",
            "Report as PDF",
            "The same report for files and for paper (A4); all settings are attached within it.",
            formats.PDF,
        ),
        complex_output("preview", "Preview", "Picture of the flux plane.", formats.PNG),
    ]
