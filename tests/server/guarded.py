"""A service that asks for keys, with a finished job of one of them, for the tests of who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from processes.base import StageProcess
from server.app import create_app, service_of
from server.jobs.model import JobStatus, ResultItem
from server.jobs.owner import Owner
from server.jobs.request import OutputRequest
from server.keys import Keys
from server.links import Links
from server.ows.layers import GEOJSON, GEOTIFF
from tests.server.fakes import PRELOAD, registry, request, settings_in
from tests.server.ows_maps import write_results
from tests.server.web_app import registry as registry_of_pages

ROOT = "https://gas.example.org/flux"
BOOTSTRAP = "correct horse battery staple"

Headers = dict[str, str]


def processes() -> Mapping[str, StageProcess]:
    """Those that these tests send, and those that the pages are made of."""
    return {**registry(), **registry_of_pages()}


class Guarded:
    """The application, its keys, and a job that the owner sent.

    :param mode: of the setting ``keys``.
    """

    def __init__(self, folder: Path, mode: str = "all", **environ: str) -> None:
        told = {
            "GASFLUX_SERVER_URL": f"{ROOT}/wps",
            "GASFLUX_SERVER_OUTPUTURL": f"{ROOT}/outputs",
            "GASFLUX_SECURITY_KEYS": mode,
            "GASFLUX_SECURITY_ADMIN_BOOTSTRAP_KEY": BOOTSTRAP,
        }
        settings = settings_in(folder, **(told | environ))
        self.settings = settings
        self.app: Flask = create_app(settings, processes, PRELOAD)
        service = service_of(self.app)
        self.jobs, self.store = service.jobs, service.store
        # Nothing is run: the one job is ended by hand.
        self.jobs.on_submit = self.jobs.on_dismiss = lambda job_id: None
        self.keys = Keys.open(settings.jobs.database)
        self.links = Links(settings)
        self.owner = self.key("owner")
        self.job = self.finished(self.id_of(self.owner))

    def key(self, name: str, **more: object) -> Headers:
        """Headers with a new key."""
        return {"X-API-Key": self.keys.create(name, **more)}  # type: ignore[arg-type]

    def id_of(self, headers: Headers) -> str:
        return headers["X-API-Key"].split("_")[1]

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def finished(self, client: str) -> str:
        """Id of a job that ended well."""
        for waiting in self.jobs.find(statuses=[JobStatus.ACCEPTED]):
            self.jobs.dismiss(waiting.id)
        asked = request("echo", "x", mode="async", outputs=[OutputRequest("page", by_reference=True)])
        job = self.jobs.submit(asked, version="1.2.3", client=client)
        claimed = self.jobs.claim(Owner.this_process())
        assert claimed is not None
        assert claimed.id == job.id
        results = self.store.begin_attempt(job.id, claimed.attempt) / "results"
        results.rmdir()
        write_results(results)
        (results / "page.html").write_text(f"<p>{ROOT}/wps</p>")
        items = {
            "answer": ResultItem("literal", text="x"),
            "page": ResultItem("complex", file="page.html", media_type="text/html", size=9),
            "flux_plane_map": ResultItem("complex", file="flux_plane_map.tif", media_type=GEOTIFF),
            "track": ResultItem("complex", file="track.geojson", media_type=GEOJSON),
            "wms": ResultItem("literal", text=f"{ROOT}/ows/{job.id}?service=WMS"),
        }
        assert self.jobs.finish(job.id, claimed.attempt, items, lambda: self.store.publish(job.id, claimed.attempt))
        return job.id

    def close(self) -> None:
        self.jobs.close()
        self.keys.engine.dispose()
