"""The WPS 2.0 face over HTTP, where it takes other settings or a stand-in to see what it does."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from gasflux_core.errors import Busy
from server.app import service_of
from server.jobs.database import open_engine
from server.jobs.model import ErrorKind, JobRow
from server.jobs.request import JobRequest
from server.keys import Keys
from server.wps2.errors import CODES
from server.wps2.render import next_poll
from tests.server.fakes import until
from tests.server.test_wps2_execute import PREFIXES, data
from tests.server.wps_processes import PIXELS, assert_valid, running_app

SCHEMA, EXCEPTIONS = "wps/2.0/wps.xsd", "ows/2.0/owsExceptionReport.xsd"
SPACES = {"wps": "http://www.opengis.net/wps/2.0", "xlink": "http://www.w3.org/1999/xlink"}
FLIGHT = data("flight", "a,b\n1,2\n", 'mimeType="text/csv"')
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    limits = {"GASFLUX_SERVER_MAXREQUESTSIZE": "200kb", "GASFLUX_SERVER_MAXSINGLEINPUTSIZE": "50kb"}
    with running_app(tmp_path_factory.mktemp("data"), **limits) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def execute(inside: str, mode: str = "sync", response: str = "document") -> bytes:
    return (
        f'<wps:Execute {PREFIXES} service="WPS" version="2.0.0" mode="{mode}" response="{response}">'
        f"<ows:Identifier>everything</ows:Identifier>{inside}</wps:Execute>"
    ).encode()


def post(client: FlaskClient, content: bytes, **headers: str) -> TestResponse:
    return client.post("/wps", data=content, content_type="text/xml", headers=headers)


def ask(client: FlaskClient, operation: str, job_id: str, **headers: str) -> TestResponse:
    return client.get(f"/wps?service=WPS&version=2.0.0&request={operation}&jobid={job_id}", headers=headers)


def found(content: bytes, path: str) -> list[Any]:
    return list(assert_valid(content, SCHEMA).xpath(path, namespaces=SPACES))


def faults(content: bytes) -> list[tuple[str | None, str | None]]:
    root = assert_valid(content, EXCEPTIONS)
    return [(item.get("exceptionCode"), item.get("locator")) for item in root]


def test_an_output_comes_as_its_process_has_it_unless_the_client_says_otherwise(client: FlaskClient) -> None:
    given = post(client, execute(FLIGHT)).data
    assert found(given, "//wps:Output[wps:Reference]/@id") == ["raster"]
    assert found(given, "//wps:Output[wps:Data]/@id") == ["copy", "told", "size"]
    inline = post(client, execute(FLIGHT + '<wps:Output id="raster" transmission="value" encoding="raw"/>')).data
    (pixels,) = found(inline, "//wps:Output/wps:Data[@encoding='base64']/text()")
    assert base64.b64decode(pixels) == PIXELS


def test_what_is_too_large_for_a_document_comes_by_reference(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.wps2.render.LARGEST_INLINE", 7)
    asked = '<wps:Output id="copy" transmission="value"/><wps:Output id="raster" transmission="value"/>'
    given = post(client, execute(data("flight", "a,b\n1,2") + asked)).data
    assert found(given, "//wps:Output[wps:Data]/@id") == ["copy"]
    (href,) = found(given, "//wps:Output[@id='raster']/wps:Reference/@xlink:href")
    assert client.get(href.removeprefix("http://127.0.0.1:5000")).data == PIXELS


def test_sizes_are_limited(client: FlaskClient) -> None:
    large = post(client, execute(data("flight", "a" * 60_000)))
    assert (large.status_code, faults(large.data)) == (400, [("SizeExceeded", "flight")])
    larger = post(client, execute(data("flight", "a" * 300_000)))
    assert larger.status_code == 413


def test_a_full_queue_is_said_at_once(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise Busy("100 jobs wait already; send the request again later", retry_after=30)

    monkeypatch.setattr(service_of(app).jobs, "submit", busy)
    for mode in ("sync", "async", "auto"):
        response = post(client, execute(FLIGHT, mode))
        assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
        assert faults(response.data) == [("ServerBusy", None)]


def test_an_unknown_error_shows_nothing_but_the_id_of_the_request(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(service_of(app).jobs, "submit", broken)
    response = post(client, execute(FLIGHT))
    assert (response.status_code, faults(response.data)) == (500, [("InternalServerError", None)])
    assert b"secret" not in response.data
    assert response.headers["X-Request-ID"].encode() in response.data


def test_jobs_that_find_no_answer_say_so(client: FlaskClient) -> None:
    nothing = post(client, execute(FLIGHT + data("text", "nothing")))
    assert (nothing.status_code, faults(nothing.data)) == (422, [("NoApplicableCode", None)])
    assert b"no plume" in nothing.data
    refused = post(client, execute(FLIGHT + data("text", "refuse")))
    assert (refused.status_code, faults(refused.data)) == (400, [("WrongInputData", "flight")])


@pytest.mark.parametrize(("seconds", "root"), [(60, "Result"), (0, "StatusInfo")])
def test_the_service_waits_a_little_where_it_may_choose(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, seconds: float, root: str
) -> None:
    monkeypatch.setattr("server.wps2.face._AUTO_SECONDS", seconds)
    assert found(post(client, execute(FLIGHT, "auto")).data, f"/wps:{root}/wps:JobID")


def test_a_request_that_need_not_wait_never_does_where_too_many_do(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.synchronous.threading.BoundedSemaphore.acquire", lambda *_, **__: False)
    busy = post(client, execute(FLIGHT))
    assert (busy.status_code, faults(busy.data)) == (503, [("ServerBusy", None)])
    assert found(post(client, execute(FLIGHT, "auto")).data, "/wps:StatusInfo/wps:Status/text()") == ["Accepted"]


def test_a_key_is_asked_for_where_one_is_needed(tmp_path: Path) -> None:
    with running_app(tmp_path / "data", GASFLUX_SECURITY_KEYS="execute") as app:
        client = app.test_client()
        keys = Keys.open(service_of(app).settings.jobs.database)
        key, other = keys.create("Ann"), keys.create("Bob")
        assert client.get("/wps?service=WPS&request=GetCapabilities").status_code == 200
        refused = post(client, execute(FLIGHT, "async"))
        assert (refused.status_code, faults(refused.data)) == (401, [("NoApplicableCode", None)])
        accepted = post(client, execute(FLIGHT, "async"), **{"X-API-Key": key})
        (job_id,) = found(accepted.data, "//wps:JobID/text()")
        until(lambda: found(ask(client, "GetStatus", job_id).data, "//wps:Status/text()") == ["Succeeded"])
        assert ask(client, "Dismiss", job_id).status_code == 401
        assert ask(client, "Dismiss", job_id, **{"X-API-Key": other}).status_code == 403
        assert found(ask(client, "GetResult", job_id).data, "//wps:JobID/text()") == [job_id]
        assert ask(client, "Dismiss", job_id, **{"X-API-Key": key}).status_code == 200
        assert faults(ask(client, "GetResult", job_id).data) == [("NoSuchJob", job_id)]


def test_a_process_that_is_gone_leaves_results_that_can_be_read(app: Flask, client: FlaskClient) -> None:
    given = post(client, execute(FLIGHT + '<wps:Output id="told" mimeType="text/xml"/>')).data
    (job_id,) = found(given, "//wps:JobID/text()")
    engine = open_engine(service_of(app).settings.jobs.database)
    with engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.id == job_id).values(process="gone"))
    engine.dispose()
    assert found(ask(client, "GetResult", job_id).data, "//wps:Output/@id") == ["told"]
    assert found(ask(client, "GetResult", job_id).data, "//wps:LiteralValue/@dataType") == []


def test_every_kind_of_a_job_s_error_has_a_code() -> None:
    assert set(CODES.job_kinds) | {"server"} >= set(get_args(ErrorKind))


POLLS = [
    (0.0, None, 1.0),
    (40.0, None, 10.0),
    (4000.0, None, 60.0),
    (40.0, 30.0, 15.0),
    (40.0, 0.1, 1.0),
    (40.0, 9000.0, 60.0),
]
"""Seconds since a job came, seconds until its end, and seconds until one is to ask again."""


@pytest.mark.parametrize(("age", "remaining", "seconds"), POLLS)
def test_the_next_poll_is_neither_soon_nor_late(age: float, remaining: float | None, seconds: float) -> None:
    created = NOW - timedelta(seconds=age)
    row = JobRow(id="a", status="running", process="p", version="1", face="f", mode="async", client="", created=created)
    row.label = row.message = row.notice_text = ""
    row.attempt, row.losses, row.progress, row.notice = 1, 0, 0.0, "none"
    row.request = JobRequest("p", {}).to_dict()
    completion = None if remaining is None else NOW + timedelta(seconds=remaining)
    assert next_poll(row.job(), completion, NOW) == NOW + timedelta(seconds=seconds)
