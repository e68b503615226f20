"""A job as RO-Crate: what it was is told after the standard, and the archive holds it all."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from gasflux_core.errors import GasFluxError
from processes import registry
from processes.base import declaration
from server.crate import crate_blueprint
from server.jobs.model import Job, JobError, JobStatus, ResultItem
from server.jobs.queue import NoSuchJob
from server.jobs.request import InputItem, JobRequest
from server.outputs import outputs_blueprint
from server.sections import MetadataSection
from server.store import NoSuchFile, StoredFile

ID = "9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
CONTENTS = {"flux_plane.tif": bytes(range(256)) * 3000, "report.html": b"<p>report</p>" * 1000, "figures.json": b"{}"}
PROCESS = declaration(registry()["gas_flux"])


def _item(name: str, media_type: str) -> ResultItem:
    content = CONTENTS[name]
    digest = hashlib.sha256(content).hexdigest()
    return ResultItem("complex", file=name, media_type=media_type, size=len(content), sha256=digest)


JOB = Job(
    id=ID,
    status=JobStatus.SUCCESSFUL,
    process="gas_flux",
    version="0.1.0",
    face="web",
    mode="async",
    client="k1",
    parent=None,
    label="",
    created=datetime(2026, 5, 4, 10, 0, tzinfo=UTC),
    started=datetime(2026, 5, 4, 10, 0, 1, tzinfo=UTC),
    finished=datetime(2026, 5, 4, 10, 0, 8, tzinfo=UTC),
    owner=None,
    heartbeat=None,
    attempt=1,
    losses=0,
    progress=1.0,
    message="",
    request=JobRequest(
        "gas_flux",
        {
            "flight": [
                InputItem(upload="flight-1", media_type="text/csv", file_name="航次/1.csv", size=123, sha256="ab" * 32)
            ],
            "dem": [InputItem(href="https://user:secret@example.org/dem.tif?token=secret")],
            "wind_source": [InputItem(text="columns")],
            "resolution": [InputItem(text="500")],
        },
    ),
    results={
        "flux_plane": _item("flux_plane.tif", "image/tiff"),
        "report": _item("report.html", "text/html"),
        "figures": _item("figures.json", "application/json"),
        "emission_rate": ResultItem("literal", text="12.5", unit="kg/h", data_type="float"),
        "wms": ResultItem("literal", text=f"https://example.org/ows/{ID}?key=secret", data_type="anyURI"),
    },
    error=None,
    name="Site <A> / 五月",
    notes="Second pass.",
)


class Service:
    """What the crate needs of the service: one job, the files of it, the keys."""

    def __init__(self, job: Job = JOB) -> None:
        self.job_now = job
        self.refusal: GasFluxError | None = None
        self.settings = SimpleNamespace(
            metadata=MetadataSection(provider_name="Institute of Air"), root="https://example.org/gas"
        )
        self.access = SimpleNamespace(
            keys=SimpleNamespace(list=lambda: [SimpleNamespace(key_id="k1", name="Field team")])
        )
        self.jobs = SimpleNamespace(store=self, get=self.job)
        self.gone: set[str] = set()

    def job(self, job_id: str) -> Job:
        if self.refusal is not None:
            raise self.refusal
        if job_id != ID:
            raise NoSuchJob(f"there is no job {job_id}")
        return self.job_now

    def declared(self, _job: Job) -> Any:
        return PROCESS

    def open(self, job_id: str, attempt: int, name: str) -> StoredFile:
        assert (job_id, attempt) == (ID, 1)
        if name in self.gone or name not in CONTENTS:
            raise NoSuchFile.of(job_id, name)
        content = CONTENTS[name]
        return StoredFile(len(content), JOB.created, lambda: io.BytesIO(content))

    def get(self, path: str) -> Any:
        app = Flask("crate", static_folder=None)
        app.register_blueprint(outputs_blueprint(self.jobs, self), url_prefix="/outputs")  # type: ignore[arg-type]
        app.register_blueprint(crate_blueprint(self), url_prefix="/outputs")  # type: ignore[arg-type]
        return app.test_client().get(f"/outputs/{ID}/{path}")


@pytest.fixture(scope="module")
def crate() -> dict[str, Any]:
    answer = Service().get("ro-crate-metadata.json")
    assert answer.status_code == 200
    assert answer.content_type == "application/ld+json"
    made: dict[str, Any] = json.loads(answer.data)
    return made


def entities(crate: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["@id"]: one for one in crate["@graph"]}


def references(value: Any) -> Iterator[str]:
    """All that an entity refers to."""
    if isinstance(value, dict):
        if value.keys() == {"@id"}:
            yield value["@id"]
        else:
            for one in value.values():
                yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def faults_of(crate: dict[str, Any]) -> list[str]:
    """What is against RO-Crate 1.1 or Process Run Crate 0.5 in a crate."""
    known = entities(crate)
    faults = []
    if len(known) != len(crate["@graph"]):
        faults.append("an @id is used twice")
    outside = ("https://w3id.org/ro/crate/1.1", "http://schema.org/")
    for one in crate["@graph"]:
        faults += [f"{one['@id']} has no @type" for _ in [0] if "@type" not in one]
        # Flat: an entity refers to others, and holds none.
        faults += [f"{one['@id']}.{name} holds an entity" for name, value in one.items() if _nested(value)]
        faults += [
            f"{one['@id']} refers to {other}, which isn't there"
            for other in references({**one, "@id": None})
            if other not in known and not other.startswith(outside)
        ]
    descriptor = known.get("ro-crate-metadata.json", {})
    if descriptor.get("about") != {"@id": "./"} or descriptor.get("@type") != "CreativeWork":
        faults.append("no descriptor")
    root = known.get("./", {})
    faults += [
        f"the root has no {name}" for name in ("name", "description", "datePublished", "license") if not root.get(name)
    ]
    if root.get("@type") != "Dataset":
        faults.append("the root is no Dataset")
    files = {one["@id"] for one in crate["@graph"] if one["@type"] == "File"}
    if files != set(references(root.get("hasPart", []))):
        faults.append("hasPart is not all files")
    for run in (one for one in crate["@graph"] if one["@type"] == "CreateAction"):
        (instrument,) = references(run["instrument"])
        if known[instrument]["@type"] != "SoftwareApplication":
            faults.append("the instrument is no software")
        faults += [
            f"the run has no {name}"
            for name in ("agent", "startTime", "endTime", "object", "result")
            if not run.get(name)
        ]
    return faults


def _nested(value: Any) -> bool:
    several = value if isinstance(value, list) else [value]
    return any(isinstance(one, dict) and one.keys() != {"@id"} for one in several)


def test_it_is_a_crate_after_the_standard(crate: dict[str, Any]) -> None:
    assert faults_of(crate) == []
    assert crate["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    broken = json.loads(json.dumps(crate))
    broken["@graph"] = [one for one in broken["@graph"] if one["@id"] != "#rights"]
    assert faults_of(broken) == ["./ refers to #rights, which isn't there"]


def test_it_tells_who_had_what_calculated_from_what_and_when(crate: dict[str, Any]) -> None:
    known = entities(crate)
    run = known[f"urn:uuid:{ID}"]
    assert (run["startTime"], run["endTime"]) == ("2026-05-04T10:00:01+00:00", "2026-05-04T10:00:08+00:00")
    assert known[run["agent"]["@id"]] == {"@id": "#sender", "@type": "Person", "name": "Field team"}
    software = known[run["instrument"]["@id"]]
    assert (software["identifier"], software["softwareVersion"]) == ("gas_flux", "0.1.0")
    flight = known["#input-flight-1"]
    assert (flight["name"], flight["contentSize"], flight["sha256"]) == ("航次/1.csv", "123", "ab" * 32)
    assert flight["encodingFormat"] == "text/csv"
    assert "not in this crate" in flight["description"]
    assert known["#input-wind_source-1"]["value"] == "columns"
    assert known["#result-emission_rate"]["value"] == "12.5"
    assert known["#result-emission_rate"]["unitText"] == "kg/h"
    assert (known["./"]["name"], known["./"]["description"]) == (JOB.name, JOB.notes)
    plane = known["flux_plane.tif"]
    assert plane["sha256"] == hashlib.sha256(CONTENTS["flux_plane.tif"]).hexdigest()
    assert (plane["contentSize"], plane["encodingFormat"]) == (str(len(CONTENTS["flux_plane.tif"])), "image/tiff")
    assert "GeoTIFF" in plane["description"]


def test_it_tells_no_secrets(crate: dict[str, Any]) -> None:
    assert "secret" not in json.dumps(crate)
    assert entities(crate)["#input-dem-1"]["url"] == "https://example.org/dem.tif"


def test_without_a_key_the_provider_is_the_agent() -> None:
    answer = Service(dataclasses.replace(JOB, client="", name="", notes="")).get("ro-crate-metadata.json")
    made = json.loads(answer.data)
    assert faults_of(made) == []
    assert entities(made)["#provider"]["name"] == "Institute of Air"
    assert ID in entities(made)["./"]["name"]


def test_the_archive_holds_metadata_and_all_files() -> None:
    answer = Service().get("ro-crate.zip")
    assert answer.status_code == 200
    assert answer.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
        packed = {one.filename: one.compress_type for one in archive.infolist()}
    metadata = held.pop("ro-crate-metadata.json")
    assert held == CONTENTS
    assert metadata == Service().get("ro-crate-metadata.json").data
    assert packed["flux_plane.tif"] == zipfile.ZIP_STORED
    assert packed["report.html"] == zipfile.ZIP_DEFLATED
    assert len(answer.data) < sum(map(len, CONTENTS.values()))


def test_the_archive_is_the_same_every_time() -> None:
    assert Service().get("ro-crate.zip").data == Service().get("ro-crate.zip").data


def test_the_archive_comes_in_pieces() -> None:
    answer = Service().get("ro-crate.zip")
    sizes = [len(piece) for piece in answer.iter_encoded()]
    assert len(sizes) > 3
    assert max(sizes) < 300 * 1024


@pytest.mark.parametrize(
    ("name", "told"), [("../../etc/passwd\r\nX: y", "etc-passwd-X-y"), ("", ID), ("///", ID), ("May 4", "May-4")]
)
def test_the_archive_is_called_like_the_job(name: str, told: str) -> None:
    header = Service(dataclasses.replace(JOB, name=name)).get("ro-crate.zip").headers["Content-Disposition"]
    assert header == f"attachment; filename={told}-ro-crate.zip"


def test_the_archive_can_be_called_in_any_script() -> None:
    header = Service(dataclasses.replace(JOB, name="飞行 é")).get("ro-crate.zip").headers["Content-Disposition"]
    # Web servers refuse to send anything else.
    assert header.encode("ascii").decode() == (
        f"attachment; filename={ID}-ro-crate.zip; filename*=UTF-8''%E9%A3%9E%E8%A1%8C-%C3%A9-ro-crate.zip"
    )


@pytest.mark.parametrize("path", ["ro-crate-metadata.json", "ro-crate.zip"])
@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (JobStatus.RUNNING, 409, "has not ended"),
        (JobStatus.ACCEPTED, 409, "has not ended"),
        (JobStatus.FAILED, 409, "the wind is missing"),
        (JobStatus.DISMISSED, 404, "was cancelled"),
    ],
)
def test_a_job_without_results_has_none(path: str, status: JobStatus, code: int, said: str) -> None:
    job = dataclasses.replace(JOB, status=status, results={}, error=JobError("input", "the wind is missing"))
    answer = Service(job).get(path)
    assert answer.status_code == code
    assert said in answer.text


def test_a_file_that_is_gone_is_told_before_anything_is_sent() -> None:
    service = Service()
    service.gone = {"report.html"}
    assert service.get("ro-crate.zip").status_code == 404


def test_who_may_not_see_the_job_gets_neither() -> None:
    service = Service()
    service.refusal = NoSuchJob("there is no such job")
    assert {service.get(path).status_code for path in ("ro-crate.zip", "ro-crate-metadata.json")} == {404}
