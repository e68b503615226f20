"""Runs with results, put into the table without calculating them, for tests of the pages that show them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from processes.gas_flux import GasFlux
from server.app import create_app, service_of
from server.jobs.database import writing
from server.jobs.model import Job, JobError, JobRow, ResultItem
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest
from tests.server.fakes import PRELOAD, settings_in

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"


@cache
def registry() -> Mapping[str, Any]:
    """The one process whose runs these are."""
    return {"gas_flux": GasFlux()}


@contextmanager
def pages_app(folder: Path, **environ: str) -> Iterator[Flask]:
    """The application, in which nothing runs."""
    app = create_app(settings_in(folder, **environ), registry, PRELOAD)
    service = service_of(app)
    service.jobs.on_submit = service.jobs.on_dismiss = lambda job_id: None
    yield app
    service.jobs.close()


def sent(
    jobs: Jobs,
    name: str = "",
    *,
    file: str = "flight.csv",
    content: str = "one flight",
    process: str = "gas_flux",
    face: str = "web",
    client: str = "",
    inputs: Mapping[str, str] | None = None,
    created: datetime | None = None,
    notes: str = "",
) -> Job:
    """A run that waits."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    flight = InputItem(upload="input-1", file_name=file, size=len(content), sha256=sha256)
    literals = {identifier: [InputItem(text=text)] for identifier, text in (inputs or {}).items()}
    asked = JobRequest(process, {"flight": [flight], **literals}, mode="async", face=face)
    job = jobs.submit(asked, [], version="1.0", client=client, name=name)
    _change(jobs, job.id, notes=notes, **({"created": created} if created else {}))
    return jobs.get(job.id)


def successful(
    jobs: Jobs, name: str = "", *, figures: Mapping[str, Any] | None = None, view: Any = None, **more: Any
) -> Job:
    """A run with its rate, its figures, and what its pictures are drawn from."""
    return finished(jobs, sent(jobs, name, **more), figures or flight_figures(), view)


def finished(jobs: Jobs, waiting: Job, told: Mapping[str, Any], view: Any = None) -> Job:
    """The run that waits, with its results."""
    job = _begun(jobs, waiting)
    gas = next(iter(told["gases"].values()))
    folder = jobs.store.begin_attempt(job.id, job.attempt) / "results"
    results = {
        "emission_rate": ResultItem("literal", text=repr(gas["emission_rate"]), unit="kg/h", data_type="float"),
        "uncertainty": ResultItem("literal", text=repr(gas["standard_uncertainty"]), unit="kg/h", data_type="float"),
    }
    for output, value in (("figures", told), ("view", view)):
        if value is not None:
            (folder / f"{output}.json").write_text(json.dumps(value), encoding="utf-8")
            size = (folder / f"{output}.json").stat().st_size
            results[output] = ResultItem(
                "complex", file=f"{output}.json", media_type="application/json", size=size, sha256="0" * 64
            )
    assert jobs.finish(job.id, job.attempt, results, lambda: jobs.store.publish(job.id, job.attempt))
    _change(jobs, job.id, started=job.created, finished=job.created + timedelta(seconds=83))
    return jobs.get(job.id)


def failed(jobs: Jobs, name: str = "", message: str = "flight, column pressure: expected hPa", **more: Any) -> Job:
    """A run that failed."""
    job = _begun(jobs, sent(jobs, name, **more))
    assert jobs.fail(job.id, job.attempt, JobError("input", message, "flight"))
    return jobs.get(job.id)


def flight_figures(
    rate: float = 12.0, uncertainty: float = 1.5, *, gas: str = "ch4", azimuth: float = 80.0, **plane: Any
) -> dict[str, Any]:
    """Figures such as a run's, with what the pages read of them."""
    return {
        "gases": {
            gas: {
                "emission_rate": rate,
                "unit": "kg/h",
                "standard_uncertainty": uncertainty,
                "interval95": [rate - 1.96 * uncertainty, rate + 1.96 * uncertainty],
                "detection_limit": uncertainty / 5,
                "flags": ["light_wind"] if rate > 12 else [],
                "budget": {},
            }
        },
        "plane": {
            "kind": "curtain",
            "crs": "EPSG:32633",
            "azimuth": azimuth,
            "grid_azimuth": azimuth,
            "origin_easting": 525000.0,
            "origin_northing": 6080000.0,
            "length": 200.0,
            **plane,
        },
        "flight": {"rows": 1000, "kept": 990, "duration": 999.0, "transects": 10, "pattern": "curtain"},
        "wind": {"mean_speed": 4.2, "mean_direction": 349.2, "flags": []},
        "notes": [],
        "versions": {"gasflux-wps": "0.1.0"},
    }


def flight_view(gases: Mapping[str, float], *, dx: float = 5.0, nx: int = 40, nz: int = 12) -> dict[str, Any]:
    """What pictures are drawn from: a plume in the middle of a plane of 200 m by 60 m.

    :param gases: gas → flux density in its middle, kg m⁻² h⁻¹.
    """

    def plane(most: float) -> dict[str, Any]:
        centres = [(5.0 * row + 2.5, dx * (column + 0.5)) for row in range(nz) for column in range(nx)]
        flux = [most * math.exp(-(((x - 100) / 30) ** 2) - ((z - 25) / 12) ** 2) for z, x in centres]
        return {
            "x0": dx / 2, "dx": dx, "nx": nx, "z0": 2.5, "dz": 5.0, "nz": nz,
            "flux": [None if number == 0 else value for number, value in enumerate(flux)],
            "error": [0.1 * most] * len(flux), "sampled": [1] * len(flux),
        }  # fmt: skip

    return {"version": 1, "gases": {gas: {"unit": "ppm", "plane": plane(most)} for gas, most in gases.items()}}


def _begun(jobs: Jobs, job: Job) -> Job:
    # The oldest of those that wait is claimed first; there is only this one.
    begun = jobs.claim(Owner.this_process())
    assert begun is not None and begun.id == job.id, "runs that wait are made last"
    return begun


def _change(jobs: Jobs, job_id: str, **values: Any) -> None:
    with Session(writing(jobs._engine)) as session, session.begin():
        session.execute(update(JobRow).where(JobRow.id == job_id).values(**values))
