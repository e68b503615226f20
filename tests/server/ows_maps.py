"""A finished job with results on the map, and an application that serves it, for the tests of the map services."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from gasflux_core.io.geotiff import write_flux_plane
from gasflux_core.io.layers import footprint_geojson, track_geojson
from gasflux_core.io.plane_map import write_flux_plane_map
from processes.declaration import OutputDeclaration, ProcessDeclaration
from server.jobs.model import JobStatus, ResultItem
from server.jobs.queue import NoSuchJob
from server.ows.blueprint import ows_blueprint
from server.ows.layers import GEOJSON, GEOTIFF
from server.settings import Settings, prepare
from server.store import FolderStore
from tests.core.test_geotiff import VERSIONS, field_of
from tests.core.test_layers import flown
from tests.core.test_plane_map import slanting
from tests.server.fakes import settings_in

JOB = "9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
RUNNING = "0b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
FAILED = "1b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
BARE = "2b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
UNKNOWN = "3b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"

FILES = {
    "flux_plane": ("flux_plane.tif", GEOTIFF),
    "flux_plane_map": ("flux_plane_map.tif", GEOTIFF),
    "track": ("track.geojson", GEOJSON),
    "footprint": ("footprint.geojson", GEOJSON),
    "table": ("table.csv", "text/csv"),
}


def write_results(folder: Path) -> None:
    """What gas_flux makes, of a plane and a flight that are known exactly."""
    folder.mkdir(parents=True)
    fields, plane = {"ch4": field_of(scale=1e-6), "co2": field_of("co2", scale=3e-6)}, slanting(160.0)
    write_flux_plane(folder / "flux_plane.tif", fields, plane, VERSIONS)
    write_flux_plane_map(folder / "flux_plane_map.tif", fields, plane, VERSIONS)
    (folder / "track.geojson").write_text(json.dumps(track_geojson(flown(), ["ch4"])))
    (folder / "footprint.geojson").write_text(json.dumps(footprint_geojson(plane, fields)))
    (folder / "table.csv").write_text("a\n1\n")


class Table:
    """A job table with a job of every kind."""

    def __init__(self, store: Any) -> None:
        self.store = store
        results = {
            name: ResultItem("complex", file=file, media_type=media_type) for name, (file, media_type) in FILES.items()
        }
        bare = {"table": results["table"], "wms": ResultItem("literal", text="http://x")}
        self.jobs: dict[str, Any] = {
            JOB: job(JOB, JobStatus.SUCCESSFUL, results),
            RUNNING: job(RUNNING, JobStatus.RUNNING, {}),
            FAILED: job(FAILED, JobStatus.FAILED, {}),
            BARE: job(BARE, JobStatus.SUCCESSFUL, bare),
        }

    def get(self, job_id: str) -> Any:
        if job_id not in self.jobs:
            raise NoSuchJob(f"There is no job {job_id[:60]}.", "jobid")
        return self.jobs[job_id]


def job(job_id: str, status: JobStatus, results: dict[str, ResultItem]) -> Any:
    return SimpleNamespace(id=job_id, attempt=1, status=status, results=results, process="gas_flux")


def declared(_job: Any) -> ProcessDeclaration:
    outputs = tuple(OutputDeclaration(name, name.title(), f"What {name} is.", "complex") for name in FILES)
    return ProcessDeclaration("gas_flux", "Emission rate", "It.", "1", (), (), outputs)


class Served:
    """The map services of that table."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.settings: Settings = settings_in(folder, GASFLUX_SERVER_URL="https://example.org/wps", **environ)
        prepare(self.settings)
        self.store = FolderStore(
            self.settings.server.outputpath, self.settings.server.workdir, self.settings.server.outputurl
        )
        write_results(self.store.outputs / JOB)
        (self.store.outputs / BARE).mkdir()
        self.table = Table(self.store)
        access = SimpleNamespace(address=lambda path, job_id: f"{self.settings.root}{path}")
        execution: Any = SimpleNamespace(
            settings=self.settings, jobs=self.table, job=self.table.get, declared=declared, access=access
        )
        app = Flask("ows", static_folder=None)
        app.register_blueprint(ows_blueprint(execution), url_prefix="/ows")
        self.client: FlaskClient = app.test_client()

    @property
    def maps(self) -> Path:
        return self.settings.server.workdir / "maps"
