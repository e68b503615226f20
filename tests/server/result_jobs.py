"""Runs of gas_flux as they stand in the job table once they were successful, made without a service."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gasflux_core.configuration import read_configuration
from gasflux_core.io.tables import read_table
from gasflux_core.pipeline import Result, Settings, check_settings, run_pipeline
from processes.gas_flux import SETTINGS, GasFlux
from processes.products import FILE_NAMES, Source, write_products
from server.jobs.model import Job, ResultItem
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest, Upload
from tests.conftest import ROOT

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"
GASES = ("ch4", "co2")


def example_result(inputs: Mapping[str, str] | None = None) -> Result:
    """The example flight with these literal inputs, calculated once for all tests."""
    given = dict(inputs or {})
    sections = {
        name: dict(values) for name, values in read_configuration(given.get("configuration", "")).sections.items()
    }
    for setting in SETTINGS:
        if setting.identifier in given:
            sections.setdefault(setting.section, {})[setting.field] = given[setting.identifier]
    return _calculated(check_settings(sections).model_dump_json())


@cache
def _calculated(settings: str) -> Result:
    return run_pipeline(read_table(FLIGHT), GASES, Settings.model_validate_json(settings))


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
    given = {identifier: [InputItem(text=text)] for identifier, text in (inputs or {}).items()}
    request = JobRequest(
        "gas_flux", {"flight": [flight], "gases": [InputItem(text=gas) for gas in GASES], **given}, mode="async"
    )
    wake, jobs.on_submit = jobs.on_submit, lambda job_id: None
    job_id = jobs.submit(request, [Upload("flight", content)], name=name).id
    jobs.on_submit = wake
    job = jobs.claim(Owner.this_process())
    assert job is not None and job.id == job_id
    folder = jobs.store.begin_attempt(job_id, 1) / "results"
    results = _write(example_result(inputs), folder, Source(FLIGHT, file_name), without)
    assert jobs.finish(job_id, 1, results, lambda: jobs.store.publish(job_id, 1))
    return jobs.get(job_id)


def _write(result: Result, folder: Path, source: Source, without: tuple[str, ...]) -> dict[str, ResultItem]:
    wanted = [name for name in FILE_NAMES if name not in without]
    paths = write_products(result, folder, wanted, source=source)
    declared = {output.identifier: output for output in GasFlux().outputs if hasattr(output, "data_format")}
    results = {
        name: ResultItem(
            "complex",
            file=path.name,
            media_type=declared[name].data_format.mime_type,
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for name, path in paths.items()
    }
    rate = result.gases["ch4"].rate
    results["emission_rate"] = ResultItem("literal", text=repr(rate.emission_rate), unit="kg/h", data_type="float")
    return results
