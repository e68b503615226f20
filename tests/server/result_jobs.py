"""Runs of gas_flux as they stand in the job table once they were successful, made without a service."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasflux_core.io.tables import read_table
from gasflux_core.pipeline import Result, run_pipeline
from processes.gas_flux import GasFlux
from processes.products import FILE_NAMES, write_products
from server.jobs.model import Job, ResultItem
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest, Upload
from tests.conftest import ROOT

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"
GASES = ("ch4", "co2")


@cache
def example_result() -> Result:
    """The example flight, calculated once for all tests."""
    return run_pipeline(read_table(FLIGHT), GASES)


def publish_run(
    jobs: Jobs,
    *,
    file_name: str = "example_flight.csv",
    inputs: dict[str, str] | None = None,
    name: str = "",
    without: tuple[str, ...] = (),
) -> Job:
    """A successful run of the example flight, with all its files.

    :param file_name: what its sender called the flight.
    :param inputs: literal inputs beside the gases.
    :param without: outputs that it was not asked for.
    """
    content = FLIGHT.read_bytes()
    flight = InputItem(
        upload="flight",
        media_type="text/csv",
        file_name=file_name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    given = {gas: [InputItem(text=text)] for gas, text in (inputs or {}).items()}
    request = JobRequest(
        "gas_flux", {"flight": [flight], "gases": [InputItem(text=gas) for gas in GASES], **given}, mode="async"
    )
    wake, jobs.on_submit = jobs.on_submit, lambda job_id: None
    job_id = jobs.submit(request, [Upload("flight", content)], name=name).id
    jobs.on_submit = wake
    job = jobs.claim(Owner.this_process())
    assert job is not None and job.id == job_id
    folder = jobs.store.begin_attempt(job_id, 1) / "results"
    results = _write(folder, without)
    assert jobs.finish(job_id, 1, results, lambda: jobs.store.publish(job_id, 1))
    return jobs.get(job_id)


def _write(folder: Path, without: tuple[str, ...]) -> dict[str, ResultItem]:
    result = example_result()
    wanted = [name for name in FILE_NAMES if name not in without]
    paths = write_products(result, folder, wanted, source=FLIGHT)
    if "view" not in paths and "view" not in without:
        paths["view"] = folder / "view.json"
        paths["view"].write_text(json.dumps(view_of(result)), encoding="utf-8")
    declared = {output.identifier: output for output in GasFlux().outputs if hasattr(output, "data_format")}
    results = {
        name: ResultItem(
            "complex",
            file=path.name,
            media_type=declared[name].data_format.mime_type if name in declared else "application/json",
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for name, path in paths.items()
    }
    rate = result.gases["ch4"].rate
    results["emission_rate"] = ResultItem("literal", text=repr(rate.emission_rate), unit="kg/h", data_type="float")
    return results


def view_of(result: Result) -> dict[str, Any]:
    """What the figures of the page are drawn from, in the form of the product ``view``."""
    table = result.table
    plane = result.plane_fit.plane
    kept = table["kept"].to_numpy(dtype=bool)
    east0, north0 = table["easting"].iloc[0], table["northing"].iloc[0]
    field = next(iter(result.gases.values())).field
    edges = np.append(field.x, field.x[-1] + field.cell_width) - field.cell_width / 2
    longitude, latitude = plane.lonlat(edges)
    easting, northing = plane.position(edges)
    sector = np.round(table["winddir"].to_numpy(dtype=float) * 16 / 360).astype(int) % 16
    speed = table["windspeed"].to_numpy(dtype=float)
    classes = [0.0, 2.0, 4.0, 6.0, 8.0]
    return {
        "version": 1,
        "flight": {"begin": "2026-05-12T13:05:00Z", "seconds": _rounded(table["time"])},
        "track": {
            "longitude": table["longitude"].round(7).tolist(),
            "latitude": table["latitude"].round(7).tolist(),
            "east": _rounded(table["easting"] - east0),
            "north": _rounded(table["northing"] - north0),
            "height": _rounded(table["height_ato"]),
            "time": _rounded(table["time"]),
            "transect": np.nan_to_num(table["transect"].to_numpy(dtype=float)).astype(int).tolist(),
            "kept": kept.astype(int).tolist(),
        },
        "ground": {
            "x": _rounded(edges),
            "longitude": np.round(longitude, 7).tolist(),
            "latitude": np.round(latitude, 7).tolist(),
            "east": _rounded(easting - east0),
            "north": _rounded(northing - north0),
        },
        "wind": {
            "speed": float(f"{result.wind.mean_speed:.5g}"),
            "direction": float(f"{result.wind.mean_direction:.5g}"),
            "plane_normal": plane.to_dict()["normal_azimuth"],
            "sectors": 16,
            "speed_edges": classes,
            "counts": [
                [
                    int(((sector == one) & (speed >= low) & (speed < high)).sum())
                    for low, high in zip(classes, [*classes[1:], np.inf], strict=True)
                ]
                for one in range(16)
            ],
        },
        "gases": {gas: _gas_view(result, gas) for gas in result.gases},
    }


def _gas_view(result: Result, gas: str) -> dict[str, Any]:
    table, found = result.table, result.gases[gas]
    field, variogram = found.field, found.variogram
    kept = table[table["kept"].to_numpy(dtype=bool)]
    transects = [
        {
            "number": int(number),
            "height": float(f"{rows['z'].mean():.5g}"),
            "x": _rounded(rows["x"]),
            "enhancement": _rounded(rows[f"{gas}_enhancement"]),
        }
        for number, rows in kept.groupby("transect")
    ]
    reach = 1.2 * max(float(classes.lag.max()) for classes in variogram.experimental)
    lag = np.linspace(0.01, reach, 60)
    measured = {
        name: [
            [float(f"{value:.5g}") for value in row]
            for row in zip(classes.lag, classes.semivariance, classes.pairs, strict=True)
        ]
        for name, direction in (("along", 0.0), ("vertical", 90.0))
        for classes in variogram.experimental
        if classes.direction == direction
    }
    return {
        "unit": "ppm",
        "flux": _rounded(table[f"{gas}_flux_density"]),
        "mole_fraction": _rounded(table[gas]),
        "plane": {
            "x0": float(field.x[0]),
            "dx": float(field.cell_width),
            "nx": len(field.x),
            "z0": float(field.z[0]),
            "dz": float(field.cell_height),
            "nz": len(field.z),
            "flux": _rounded(field.estimate.ravel()),
            "error": _rounded(field.standard_error.ravel()),
            "sampled": (field.region == 1).astype(int).ravel().tolist(),
        },
        "background": {
            "time": _rounded(table["time"]),
            "reading": _rounded(table[gas]),
            "baseline": _rounded(table[f"{gas}_background"]),
            "signal": table[f"{gas}_signal"].astype(int).tolist(),
        },
        "transects": transects,
        "variogram": {
            "quantity": variogram.quantity,
            "unit": "kg m-3",
            "lag": _rounded(lag),
            "along": measured.get("along", []),
            "vertical": measured.get("vertical", []),
            "model": {
                "lag": _rounded(lag),
                "along": _rounded(variogram.semivariance(lag, 0)),
                "vertical": _rounded(variogram.semivariance(0, lag)),
            },
            "nugget": variogram.nugget,
            "sill": variogram.sill,
            "range_x": variogram.range_x,
            "range_z": variogram.range_z,
        },
    }


def _rounded(values: Any) -> list[float | None]:
    array: NDArray[np.float64] = np.asarray(values, dtype=float)
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in array]
