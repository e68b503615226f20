"""The application: routes, headers, errors; and the whole service under gunicorn."""

from __future__ import annotations

import dataclasses
import errno
import html
import json
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import create_app, service_of
from server.jobs.celery_app import CeleryEngine
from server.jobs.leadership import Leadership
from server.jobs.model import ResultItem
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from tests.server.fakes import PRELOAD, end_supervisor, open_jobs, registry, request, settings_in, until

ROOT = Path(__file__).parents[2]
EXECUTE = "/wps?service=WPS&version=1.0.0&request=Execute&identifier=echo"
REPORT = "<!doctype html><title>Report</title>" + "x" * 1000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    settings = settings_in(tmp_path, GASFLUX_SERVER_MAXREQUESTSIZE="10kb")
    app = create_app(settings, registry, PRELOAD)
    yield app
    service_of(app).engine.stop()
    end_supervisor(settings)
    service_of(app).jobs.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def report(app: Flask) -> str:
    """Address of a published HTML report."""
    service = service_of(app)
    service.jobs.on_submit = lambda job_id: None
    return f"/outputs/{_published(service.jobs, 'page.html', REPORT, 'text/html')}/page.html"


def _published(jobs: Jobs, name: str, text: str, media_type: str) -> str:
    job_id = jobs.submit(request("echo")).id
    job = jobs.claim(Owner.this_process())
    assert job is not None and job.id == job_id
    folder = jobs.store.begin_attempt(job_id, 1)
    (folder / "results" / name).write_text(text)
    item = ResultItem("complex", file=name, media_type=media_type, size=len(text), sha256="0" * 64)
    assert jobs.finish(job_id, 1, {"page": item}, lambda: jobs.store.publish(job_id, 1))
    return job_id


def test_health_tells_what_a_probe_and_an_operator_want(client: FlaskClient) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["status"] == answer.json["database"] == "ok"
    assert answer.json["engine"] == {"name": "embedded", "parallel": 2, "waiting": 0, "running": 0, "spread": 0}
    assert answer.json["disk_free"] > 0
    assert answer.json["uptime"] >= 0
    assert answer.json["version"]


def test_health_says_when_the_database_is_gone(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    service_of(app).jobs.close()
    (tmp_path / "jobs.sqlite").rename(tmp_path / "elsewhere")
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json is not None and answer.json["database"] == "failed"
    assert "database" in answer.json["message"] and int(answer.headers["Retry-After"]) > 0


def test_health_says_when_the_disk_is_gone(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(service_of(app).store, "free", gone)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json is not None and (answer.json["status"], answer.json["database"]) == ("failed", "ok")


@pytest.mark.parametrize(
    "path",
    ["/wps/status/00000000-0000-4000-8000-000000000000", "/outputs/00000000-0000-4000-8000-000000000000/b", "/metrics"],
)
def test_without_its_database_every_page_says_so_in_words(app: Flask, tmp_path: Path, path: str) -> None:
    service_of(app).jobs.close()
    (tmp_path / "jobs.sqlite").rename(tmp_path / "elsewhere")
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "can't reach its database" in html.unescape(answer.text)
    assert "SELECT" not in answer.text


def test_a_database_that_others_lock_is_read_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.jobs.database._BUSY_SECONDS", 0.2)
    app = create_app(settings_in(tmp_path), registry, PRELOAD)
    client, jobs = app.test_client(), service_of(app).jobs
    jobs.on_submit = lambda job_id: None
    job_id = _published(jobs, "page.html", REPORT, "text/html")
    location, report = f"/wps/status/{job_id}", f"/outputs/{job_id}/page.html"
    other = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        for path in ("/health", location, report, "/metrics"):
            assert client.get(path).status_code == 200
        answer = client.get(f"{EXECUTE}&datainputs=word=a&storeExecuteResponse=true&status=true")
    finally:
        other.close()
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert b"ServerBusy" in answer.data


@pytest.mark.parametrize(("value", "offered"), [("", False), ("true", True)])
def test_diagnostics_are_a_setting(tmp_path: Path, value: str, offered: bool) -> None:
    app = create_app(settings_in(tmp_path, GASFLUX_DIAGNOSTICS=value))
    capabilities = app.test_client().get("/wps?service=WPS&request=GetCapabilities&AcceptVersions=1.0.0").text
    assert "<ows:Identifier>gas_flux<" in capabilities
    assert ("<ows:Identifier>hog<" in capabilities) is offered


def test_the_engine_is_a_setting(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    jobs = settings.jobs.model_copy(update={"engine": "celery", "broker": "memory://"})
    app = create_app(dataclasses.replace(settings, jobs=jobs), registry)
    answer = app.test_client().get("/health")
    assert answer.json is not None and answer.json["engine"]["name"] == "celery"
    assert isinstance(service_of(app).engine, CeleryEngine)


def test_the_first_page_links_to_the_capabilities(client: FlaskClient) -> None:
    page = client.get("/").text
    assert 'href="http://127.0.0.1:5000/wps?service=WPS&amp;request=GetCapabilities"' in page


def test_a_report_is_served_in_a_sandbox(client: FlaskClient, report: str) -> None:
    answer = client.get(report)
    assert answer.status_code == 200
    assert answer.text == REPORT
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize("media_type", ["image/tiff; subtype=geotiff", "application/geo+json", "application/zip"])
def test_the_media_type_is_the_rows(app: Flask, client: FlaskClient, media_type: str) -> None:
    service_of(app).jobs.on_submit = lambda job_id: None
    job_id = _published(service_of(app).jobs, "page.bin", "x", media_type)
    assert client.get(f"/outputs/{job_id}/page.bin").headers["Content-Type"] == media_type


def test_files_are_read_in_part_or_not_again(client: FlaskClient, report: str) -> None:
    whole = client.get(report)
    part = client.get(report, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.text) == (206, REPORT[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(REPORT)}"
    assert part.content_type == "text/html; charset=utf-8"
    again = client.get(report, headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(report, headers={"If-Modified-Since": whole.headers["Last-Modified"]}).status_code == 304
    head = client.head(report)
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(REPORT))


@pytest.mark.parametrize("path", ["{job}/other.html", "{job}/..%2f..%2fjobs.sqlite", "none/page.html", "{job}", ""])
def test_what_is_not_there_is_a_404_in_json(client: FlaskClient, report: str, path: str) -> None:
    answer = client.get("/outputs/" + path.format(job=report.split("/")[2]))
    assert answer.status_code == 404
    assert answer.json is not None and answer.json["code"] == 404
    assert "Traceback" not in answer.text


def test_a_file_that_no_row_names_is_not_served(app: Flask, client: FlaskClient, report: str) -> None:
    folder = service_of(app).store.outputs / report.split("/")[2]
    (folder / "stray.html").write_text("stray")
    assert client.get(report.replace("page", "stray")).status_code == 404


@pytest.mark.parametrize("path", ["/wps", "/health", "/outputs/a/b"])
def test_pages_of_other_origins_may_call(client: FlaskClient, path: str) -> None:
    asked = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-a",
    }
    preflight = client.options(path, headers=asked)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "x-a"
    assert client.get(path).headers["Access-Control-Allow-Origin"] == "*"


def test_cors_is_a_setting(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path, GASFLUX_SECURITY_CORS_ORIGIN="none"), registry, PRELOAD)
    assert "Access-Control-Allow-Origin" not in app.test_client().get("/health").headers


def test_a_wrong_method_keeps_its_allow(client: FlaskClient) -> None:
    answer = client.delete("/health")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.json is not None and answer.json["code"] == 405


def test_an_unknown_error_shows_a_reference_and_no_traceback(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError("secret of the house")

    answer = app.test_client().get("/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text and "Traceback" not in answer.text
    reference = answer.headers["X-Request-ID"]
    assert answer.json is not None and reference in answer.json["message"]
    logged = next(record for record in caplog.records if reference in record.getMessage())
    assert logged.exc_info is not None and logged.exc_info[0] is ZeroDivisionError


def test_too_large_a_body_is_refused_as_too_large(client: FlaskClient) -> None:
    answer = client.post("/wps", data=b"x" * 20_000, content_type="text/xml")
    assert answer.status_code == 413
    assert 'exceptionCode="FileSizeExceeded"' in answer.text


def test_notes_of_the_settings_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    create_app(settings_in(tmp_path, GASFLUX_PROT="1"), registry, PRELOAD)
    assert any("GASFLUX_PROT" in record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)


def test_a_synchronous_execute_runs_a_job(client: FlaskClient) -> None:
    answer = client.get(f"{EXECUTE}&datainputs=word=hello&rawdataoutput=answer")
    assert (answer.status_code, answer.text) == (200, "hello")


# --- the service as it is run -------------------------------------------------------------------


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[tuple[str, Path, psutil.Process]]:
    """Address, data folder and master process of a service of two web workers with the processes of these tests."""
    application = tmp_path / "fake_service.py"
    application.write_text(
        "from server.app import create_app\nfrom server.settings import load_settings\nfrom tests.server import fakes\n"
        "application = create_app(load_settings(), fakes.registry, fakes.PRELOAD)\n"
    )
    port = _free_port()
    environ = {
        **os.environ,
        "GASFLUX_PORT": str(port),
        "GASFLUX_DATA": str(tmp_path / "data"),
        "GASFLUX_SERVER_PARALLELPROCESSES": "2",
        "GASFLUX_JOBS_SYNC_SLOTS": "0",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:server.gunicorn_conf", "fake_service:application"]
    with (tmp_path / "log").open("wb") as log:
        master = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        until(lambda: _healthy(address) or master.poll() is not None, 60)
        assert master.poll() is None, (tmp_path / "log").read_text()
        yield address, tmp_path / "data", psutil.Process(master.pid)
    finally:
        master.terminate()
        master.wait(30)


def _healthy(address: str) -> Any:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


def test_web_workers_and_supervisor_outlive_each_other_and_share_one_set_of_slots(
    gunicorn: tuple[str, Path, psutil.Process],
) -> None:
    address, data, master = gunicorn
    settings = settings_in(data)
    jobs = open_jobs(settings)
    execute = f"{address}{EXECUTE.replace('echo', 'sleeper')}"
    for _ in range(6):
        sent = f"{execute}&datainputs=word=0.5&storeExecuteResponse=true&status=true"
        with urllib.request.urlopen(sent, timeout=30) as answer:
            assert b"ProcessAccepted" in answer.read()
    most = 0

    def ended(at_least: int) -> bool:
        nonlocal most
        counts = jobs.counts()
        most = max(most, counts.running)
        return 6 - counts.waiting - counts.running >= at_least

    until(lambda: ended(1))
    next(child for child in master.children() if "gunicorn" in " ".join(child.cmdline())).kill()
    until(lambda: ended(2))
    leader = Leadership(settings.server.workdir).leader()
    assert leader is not None and leader.owner is not None
    os.kill(leader.owner.pid, signal.SIGKILL)
    until(lambda: ended(6), 90)
    assert most == 2
    assert {job.status for job in jobs.find()} == {"successful"}
    with urllib.request.urlopen(f"{execute}&datainputs=word=0&rawdataoutput=answer", timeout=30) as answer:
        assert answer.read() == b"slept"
    jobs.close()


def test_settings_that_cannot_work_stop_gunicorn_in_words(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gunicorn", "-c", "python:server.gunicorn_conf", "service:application"]
    environ = {**os.environ, "GASFLUX_PORT": "high", "GASFLUX_DATA": str(tmp_path)}
    ran = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert "[gasflux] port: got 'high'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_command_line_does_not_pay_for_the_web() -> None:
    script = "import sys, service; print({'flask', 'pywps', 'numpy', 'sqlalchemy'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout.strip() == "set()"
