"""Documents against the official schemas, and what they say."""

from __future__ import annotations

import base64
import errno
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from lxml import etree
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from gasflux_core.errors import Busy, InputError, InputFaults, MissingInput, NoSolution, TooLarge
from processes.base import declaration
from server.errors import Overrun, StillRunning, received, report
from server.jobs.model import Job, JobError, JobStatus, ResultItem
from server.jobs.request import InputItem, JobRequest, OutputRequest
from server.sections import MetadataSection
from server.settings import prepare
from server.store import open_store
from server.validate import plain_unit
from server.wps.documents import capabilities, description
from server.wps.render import Place, exception_report, execute_response
from tests.server.fakes import settings_in
from tests.server.wps_processes import (
    CAPABILITIES,
    DESCRIPTIONS,
    EXCEPTIONS,
    PIXELS,
    RESPONSE,
    assert_valid,
    everything,
    registry,
    texts,
)

JOB_ID = "12345678-1234-4234-8234-123456789abc"
URL = "http://example.org/wps"
CONTROL = "a\x00b\x0bc\ufffed\ud800e & <f>"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    settings = settings_in(tmp_path, GASFLUX_SERVER_OUTPUTURL="http://example.org/outputs")
    prepare(settings)
    return Place(URL, open_store(settings))


def make_job(status: JobStatus, request: JobRequest | None = None, **more: Any) -> Job:
    values: dict[str, Any] = {
        "id": JOB_ID,
        "status": status,
        "process": "everything",
        "version": "1.2.3",
        "face": "wps-1.0.0",
        "mode": "async",
        "client": "",
        "parent": None,
        "label": "",
        "created": datetime(2024, 5, 1, 12, tzinfo=UTC),
        "started": None,
        "finished": None,
        "owner": None,
        "heartbeat": None,
        "attempt": 1,
        "losses": 0,
        "progress": 0.0,
        "message": "",
        "request": request or JobRequest("everything", {}),
        "results": {},
        "error": None,
    }
    return Job(**{**values, **more})


def rendered(job: Job, place: Place, *, stored: bool = True) -> etree._Element:
    return assert_valid(execute_response(job, everything(), place, stored=stored), RESPONSE)


# --- capabilities and descriptions ----------------------------------------------------------------


def test_capabilities_with_little_and_with_much_metadata() -> None:
    declared = {name: declaration(process) for name, process in registry().items()}
    full = {name: f"{name} & <more>" for name in MetadataSection.model_fields}
    full["provider_url"] = full["contact_url"] = "http://example.org/"
    for metadata in (MetadataSection(), MetadataSection(**full), MetadataSection(identification_keywords="")):
        root = assert_valid(capabilities(metadata, URL, declared), CAPABILITIES)
        assert texts(root, "//wps:Process/@wps:processVersion") == ["1.2.3", everything_version()]
    assert texts(root, "//ows:Get/@xlink:href") == [f"{URL}?"] * 3


def everything_version() -> str:
    return declaration(registry()["small"]).version


def test_a_description_says_all_that_is_declared() -> None:
    root = assert_valid(description(everything(), "en-US", 100 * 1024 * 1024), DESCRIPTIONS)

    def of(identifier: str, path: str) -> list[str]:
        return texts(root, f"//*[self::Input or self::Output][ows:Identifier='{identifier}']/{path}")

    assert of("flight", "@minOccurs") == ["1"]
    assert of("words", "@maxOccurs") == ["3"]
    assert of("flight", "ComplexData/@maximumMegabytes") == ["100"]
    assert of("flight", "ComplexData/Default/Format/MimeType") == ["text/csv"]
    assert of("flight", "ComplexData/Supported/Format/MimeType") == [
        "text/csv",
        "application/gml+xml",
        "application/vnd.ms-excel",
    ]
    assert of("height", "LiteralData/ows:DataType") == ["float"]
    assert of("height", "LiteralData/UOMs/Default/ows:UOM") == ["m"]
    assert of("height", "LiteralData/DefaultValue") == ["2.5"]
    assert of("height", "LiteralData//ows:Range/@ows:rangeClosure") == ["open-closed"]
    assert of("height", "LiteralData//ows:Range/*") == ["0.0", "100.0"]
    assert of("count", "LiteralData//ows:Range/*") == ["1"]
    assert of("model", "LiteralData/ows:AllowedValues/ows:Value") == ["spherical", "cubic"]
    assert len(of("text", "LiteralData/ows:AnyValue")) == 1
    assert of("raster", "ComplexOutput/Default/Format/MimeType") == ["image/tiff; subtype=geotiff"]
    assert of("raster", "ComplexOutput/Default/Format/Encoding") == ["base64"]
    assert of("size", "LiteralOutput/UOMs/Supported/ows:UOM") == ["MB"]


# --- status ---------------------------------------------------------------------------------------


def test_an_accepted_job(place: Place) -> None:
    root = rendered(make_job(JobStatus.ACCEPTED), place)
    assert len(texts(root, "//wps:ProcessAccepted[not(@*)]")) == 1
    assert root.get("statusLocation") == f"{URL}/status/{JOB_ID}"
    assert "statusLocation" not in rendered(make_job(JobStatus.ACCEPTED), place, stored=False).attrib


@pytest.mark.parametrize(("progress", "percent"), [(0.0, "0"), (0.256, "25"), (0.999, "99"), (1.0, "99")])
def test_a_running_job_tells_its_stage_and_at_most_99_per_cent(place: Place, progress: float, percent: str) -> None:
    root = rendered(make_job(JobStatus.RUNNING, progress=progress, message="Kriging <ch4>"), place)
    assert texts(root, "//wps:ProcessStarted") == ["Kriging <ch4>"]
    assert texts(root, "//wps:ProcessStarted/@percentCompleted") == [percent]


def test_times_are_utc(place: Place) -> None:
    finished = datetime(2024, 5, 1, 14, 0, 5, 900_000, tzinfo=timezone(timedelta(hours=2)))
    root = rendered(make_job(JobStatus.SUCCESSFUL, finished=finished), place)
    assert texts(root, "//wps:Status/@creationTime") == ["2024-05-01T12:00:05Z"]
    before = datetime.now(UTC).replace(microsecond=0)
    root = rendered(make_job(JobStatus.RUNNING), place)
    told = datetime.fromisoformat(texts(root, "//wps:Status/@creationTime")[0])
    assert before <= told <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("input", "InvalidParameterValue"),
        ("missing", "MissingParameterValue"),
        ("too_large", "FileSizeExceeded"),
        ("no_solution", "NoApplicableCode"),
        ("limit", "NoApplicableCode"),
        ("server", "NoApplicableCode"),
    ],
)
def test_a_failed_job_has_an_ows_report_within(place: Place, kind: Any, code: str) -> None:
    locator = None if kind in ("server", "limit") else "flight"
    error = JobError(kind, CONTROL, locator)
    root = rendered(make_job(JobStatus.FAILED, error=error), place)
    assert texts(root, "//wps:ProcessFailed/ows:ExceptionReport/ows:Exception/@exceptionCode") == [code]
    assert texts(root, "//ows:Exception/@locator") == ([locator] if locator else [])
    assert texts(root, "//ows:ExceptionText") == ["a\ufffdb\ufffdc\ufffdd\ufffde & <f>"]


def test_a_dismissed_job_ends_for_its_client(place: Place) -> None:
    root = rendered(make_job(JobStatus.DISMISSED), place)
    (words,) = texts(root, "//wps:ProcessFailed/ows:ExceptionReport//ows:ExceptionText")
    assert words.startswith("The job was cancelled")


def test_a_spread_job_runs(place: Place) -> None:
    job = make_job(JobStatus.RUNNING, owner=None, attempt=1, progress=0.5, message="2 of 4 jobs have ended")
    root = rendered(job, place)
    assert texts(root, "//wps:ProcessStarted/@percentCompleted") == ["50"]
    assert texts(root, "//wps:ProcessStarted") == ["2 of 4 jobs have ended"]


# --- outputs --------------------------------------------------------------------------------------


def outputs(place: Place) -> Path:
    return cast(Any, place.store).outputs


def successful(place: Place, request: JobRequest | None = None, copy: bytes = b"a,b") -> Job:
    folder = outputs(place) / JOB_ID
    folder.mkdir(parents=True)
    (folder / "raster.tif").write_bytes(PIXELS)
    (folder / "copy.csv").write_bytes(copy)
    results = {
        "size": ResultItem("literal", text="0.5", unit="MB"),
        "copy": ResultItem("complex", file="copy.csv", media_type="text/csv"),
        "raster": ResultItem("complex", file="raster.tif", media_type="image/tiff; subtype=geotiff"),
        "told": ResultItem("literal", text="x < y"),
    }
    return make_job(JobStatus.SUCCESSFUL, request, results=results, finished=datetime.now(UTC))


def test_outputs_come_as_declared(place: Place) -> None:
    root = rendered(successful(place), place)
    assert texts(root, "//wps:Output/ows:Identifier") == ["raster", "copy", "told", "size"]
    assert texts(root, "//wps:Reference/@href") == [f"http://example.org/outputs/{JOB_ID}/raster.tif"]
    assert texts(root, "//wps:ComplexData") == ["a,b"]
    assert texts(root, "//wps:LiteralData") == ["x < y", "0.5"]
    assert texts(root, "//wps:LiteralData/@uom") == ["MB"]
    assert "asReference" not in etree.tostring(root).decode()


def test_only_what_was_asked_for_comes_and_as_it_was_asked_for(place: Place) -> None:
    wanted = [OutputRequest("raster", by_reference=False), OutputRequest("copy", encoding="base64")]
    root = rendered(successful(place, JobRequest("everything", {}, wanted)), place)
    assert [base64.b64decode(text) for text in texts(root, "//wps:ComplexData[@encoding='base64']")] == [PIXELS, b"a,b"]
    assert len(texts(root, "//wps:Output")) == 2


@pytest.mark.parametrize("content", [b"a ]]> <b>&\r\n\tc", "é \U0001f600".encode()])
def test_text_comes_through_whole(place: Place, content: bytes) -> None:
    root = rendered(successful(place, copy=content), place)
    assert texts(root, "//wps:ComplexData")[0].encode() == content


@pytest.mark.parametrize("content", [b"a\x00b", b"\xff\xfe", b"a\x1bb"])
def test_what_xml_can_not_hold_comes_in_base64(place: Place, content: bytes) -> None:
    root = rendered(successful(place, copy=content), place)
    assert base64.b64decode(texts(root, "//wps:ComplexData[@encoding='base64']")[0]) == content


def test_per_cent_is_a_unit(place: Place) -> None:
    job = replace(successful(place), results={"size": ResultItem("literal", text="5", unit="%")})
    assert texts(rendered(job, place), "//wps:LiteralData/@uom") == ["%25"]
    assert plain_unit("%25") == plain_unit("%") == "%"


# --- lineage --------------------------------------------------------------------------------------


def test_lineage_tells_every_value_as_it_came(place: Place) -> None:
    inputs = {
        "flight": [InputItem(upload="input-1", media_type="text/csv"), InputItem(upload="input-2")],
        "words": [InputItem(text="one"), InputItem(text='{"a": "<b>&"}')],
        "height": [InputItem(text="2", unit="m")],
        "page": [
            InputItem(
                href="http://example.org/?a=1&b=2",
                media_type="text/csv",
                method="POST",
                headers={"X-A": "b"},
                body="<q/>",
            ),
            InputItem(href="http://example.org/", method="POST", body_href="http://example.org/b"),
        ],
    }
    wanted = [OutputRequest("raster", by_reference=True, media_type="image/tiff; subtype=geotiff")]
    request = JobRequest("everything", inputs, wanted, lineage=True)
    folder = cast(Any, place.store).inputs_folder(JOB_ID)
    folder.mkdir(parents=True)
    (folder / "input-1").write_bytes(b"a <b> & c")
    (folder / "input-2").write_bytes(b"\x00binary")
    root = rendered(make_job(JobStatus.RUNNING, request), place)
    assert texts(root, "//wps:DataInputs/wps:Input/ows:Identifier") == [
        "flight", "flight", "words", "words", "height", "page", "page",
    ]  # fmt: skip
    assert texts(root, "//wps:LiteralData") == ["one", '{"a": "<b>&"}', "2"]
    assert texts(root, "//wps:LiteralData/@uom") == ["m"]
    plain, binary = texts(root, "//wps:ComplexData")
    assert (plain, base64.b64decode(binary)) == ("a <b> & c", b"\x00binary")
    assert texts(root, "//wps:Reference/@xlink:href") == ["http://example.org/?a=1&b=2", "http://example.org/"]
    assert texts(root, "//wps:Reference/@method") == ["POST", "POST"]
    assert texts(root, "//wps:Header/@key") == ["X-A"]
    assert [body[0].tag for body in root.iter("{http://www.opengis.net/wps/1.0.0}Body")] == ["q"]
    assert texts(root, "//wps:BodyReference/@xlink:href") == ["http://example.org/b"]
    assert texts(root, "//wps:OutputDefinitions/wps:Output/@asReference") == ["true"]


def test_lineage_holds_no_characters_that_xml_can_not_hold(place: Place) -> None:
    item = InputItem(href="http://a/\x01", headers={"\x02": "\x03"}, body_href="http://b/\x04", unit="\x05")
    request = JobRequest("everything", {"flight": [item], "\x06": [InputItem(text="\x07")]}, lineage=True)
    content = execute_response(make_job(JobStatus.RUNNING, request), everything(), place, stored=True)
    assert "".join(etree.fromstring(content).itertext()).count("\ufffd") == 2


def test_lineage_finds_what_was_kept_with_the_results(place: Place) -> None:
    request = JobRequest("everything", {"flight": [InputItem(upload="input-1")]}, lineage=True)
    job = successful(place, request)
    (outputs(place) / JOB_ID / "input-1").write_bytes(b"kept")
    assert texts(rendered(job, place), "//wps:DataInputs//wps:ComplexData") == ["kept"]
    rendered(replace(job, id="00000000-0000-4000-8000-000000000000", status=JobStatus.FAILED), place)


def test_lineage_of_a_sub_job_tells_what_its_parent_was_sent(place: Place) -> None:
    parent = "99999999-1234-4234-8234-123456789abc"
    inputs = {"flight": [InputItem(upload="input-1", upload_of=parent)]}
    folder = cast(Any, place.store).inputs_folder(parent)
    folder.mkdir(parents=True)
    (folder / "input-1").write_bytes(b"the parent's")
    root = rendered(make_job(JobStatus.RUNNING, JobRequest("everything", inputs, lineage=True)), place)
    assert texts(root, "//wps:DataInputs//wps:ComplexData") == ["the parent's"]


def test_no_lineage_where_none_is_asked_for(place: Place) -> None:
    request = JobRequest("everything", {"words": [InputItem(text="one")]})
    root = rendered(make_job(JobStatus.RUNNING, request), place)
    assert texts(root, "//wps:DataInputs | //wps:OutputDefinitions") == []


# --- exceptions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (InputError("x", "a"), "InvalidParameterValue", 400),
        (MissingInput("x", "a"), "MissingParameterValue", 400),
        (TooLarge("x", "a"), "FileSizeExceeded", 413),
        (NoSolution("x", "a"), "NoApplicableCode", 422),
        (Busy("x", 7), "ServerBusy", 503),
        (StillRunning("x", 7, "j"), "NoApplicableCode", 503),
        (Overrun("x"), "NoApplicableCode", 504),
        (InputFaults([MissingInput("x", "a")]), "MissingParameterValue", 400),
        (ZeroDivisionError("secret"), "NoApplicableCode", 500),
    ],
)
def test_each_error_has_its_code_and_status(error: Exception, code: str, status: int) -> None:
    said = report(error, "r-1")
    assert (said.faults[0].code, said.status) == (code, status)
    root = assert_valid(exception_report(said), EXCEPTIONS)
    assert texts(root, "//@exceptionCode") == [code]
    assert said.retry_after == (7 if isinstance(error, (Busy, StillRunning)) else None)


def test_several_faults_are_several_exceptions() -> None:
    error = InputFaults([MissingInput("x", "a"), InputError(CONTROL)], "b")
    root = assert_valid(exception_report(report(error, "r-1")), EXCEPTIONS)
    assert texts(root, "//@exceptionCode") == ["MissingParameterValue", "InvalidParameterValue"]
    assert texts(root, "//@locator") == ["a", "b"]


def test_the_text_of_an_unknown_error_stays_inside() -> None:
    text = report(KeyError("secret"), "request-17").faults[0].text
    assert "secret" not in text
    assert "request-17" in text


def _refused(error: Exception) -> OperationalError:
    return OperationalError("SELECT secret", {"secret": 1}, error)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (_refused(sqlite3.OperationalError("database is locked")), "ServerBusy", "database"),
        (_refused(sqlite3.OperationalError("database or disk is full")), "ServerBusy", "database"),
        (
            DatabaseError("SELECT secret", {}, sqlite3.DatabaseError("disk image is malformed")),
            "ServerBusy",
            "database",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "NotEnoughStorage", "disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "NotEnoughStorage", "disk is full"),
    ],
)
def test_a_database_or_disk_out_of_reach_is_busy_and_the_log_says_why(
    error: Exception, code: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = report(received(error, "r-1"), "r-1")
    assert (said.status, said.faults[0].code) == (503, code)
    assert said.retry_after is not None and words in said.faults[0].text
    (line,) = caplog.messages
    assert line.startswith("request:r-1: ") and str(getattr(error, "orig", error)) in line
    assert "secret" not in line + said.faults[0].text


@pytest.mark.parametrize(
    "error",
    [IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed")), OSError(errno.EACCES, "denied")],
)
def test_a_fault_of_the_program_is_not_taken_for_a_database_out_of_reach(error: Exception) -> None:
    assert report(received(error, "r-1"), "r-1").status == 500
