"""How the WPS face deals with jobs: whose they are, how long it waits for them, how they are cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.app import create_app, service_of
from server.jobs.model import Job, JobError, JobStatus
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.keys import Keys
from tests.server.fakes import settings_in, until
from tests.server.wps_processes import PRELOAD, RESPONSE, assert_valid, faults, registry, texts

EXECUTE = "/wps?service=WPS&version=1.0.0&request=Execute&identifier=small&DataInputs=text=a"
ASYNC = f"{EXECUTE}&storeExecuteResponse=true&status=true"
CAPABILITIES = "/wps?service=WPS&request=GetCapabilities&version=1.0.0"
NONE = "/wps/status/00000000-0000-4000-8000-000000000000"


@contextmanager
def idle_app(folder: Path, **environ: str) -> Iterator[Flask]:
    """The application, and nobody who runs its jobs."""
    app = create_app(settings_in(folder, **environ), registry, PRELOAD)
    jobs = service_of(app).jobs
    jobs.on_submit = jobs.on_dismiss = lambda job_id: None
    try:
        yield app
    finally:
        # So that no thread of a test that failed waits on.
        jobs.stop_waiting()
        jobs.close()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with idle_app(tmp_path) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def only_job(app: Flask) -> Job:
    (job,) = service_of(app).jobs.find()
    return job


def address(job: Job) -> bytes:
    return f"http://127.0.0.1:5000/wps/status/{job.id}".encode()


def asked(app: Flask, path: str = EXECUTE) -> Future[TestResponse]:
    """Send a request in a thread of its own."""
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(app.test_client().get, path)
    pool.shutdown(wait=False)
    return answer


def finish(jobs: Jobs, error: JobError | None = None) -> None:
    job = jobs.claim(Owner.this_process())
    assert job is not None
    assert jobs.fail(job.id, job.attempt, error) if error else jobs.finish(job.id, job.attempt, {})


# --- whose they are -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["open", "execute"])
def test_a_job_is_its_keys(tmp_path: Path, mode: str) -> None:
    with idle_app(tmp_path, GASFLUX_SECURITY_KEYS=mode) as app:
        key = Keys.open(service_of(app).settings.jobs.database).create("client")
        for _ in range(2):  # the second time from memory
            assert app.test_client().get(ASYNC, headers={"X-API-Key": key}).status_code == 200
        assert {job.client for job in service_of(app).jobs.find()} == {key.split("_")[1]}


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}])
def test_where_all_may_come_a_job_without_key_is_nobodys(
    app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    assert client.get(ASYNC, headers=headers).status_code == 200
    assert only_job(app).client == ""


@pytest.mark.parametrize("mode", ["open", "execute"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_wrong_key_is_refused_everywhere(tmp_path: Path, mode: str, method: str) -> None:
    with idle_app(tmp_path, GASFLUX_SECURITY_KEYS=mode) as app:
        path = ASYNC if method == "GET" else NONE
        answer = app.test_client().open(path, method=method, headers={"X-API-Key": "gfw_00000000_x"})
        assert answer.status_code == 401
        assert b"X-API-Key" in answer.data
        assert service_of(app).jobs.find() == []


# --- cancelling -----------------------------------------------------------------------------------


def test_a_client_cancels_its_job_where_it_reads_its_status(app: Flask, client: FlaskClient) -> None:
    client.get(ASYNC)
    job = only_job(app)
    answer = client.delete(f"/wps/status/{job.id}")
    root = assert_valid(answer.data, RESPONSE)
    assert answer.status_code == 200
    assert "cancelled" in texts(root, "//wps:ProcessFailed/ows:ExceptionReport//ows:ExceptionText")[0]
    assert root.get("statusLocation").encode() == address(job)
    assert client.get(f"/wps/status/{job.id}").data != b"" and only_job(app).status is JobStatus.DISMISSED
    assert "DELETE" in client.options(f"/wps/status/{job.id}").headers["Allow"]


def test_cancelling_a_job_that_has_ended_gives_its_end(app: Flask, client: FlaskClient) -> None:
    client.get(ASYNC)
    finish(service_of(app).jobs)
    answer = client.delete(f"/wps/status/{only_job(app).id}")
    assert answer.status_code == 200
    assert texts(assert_valid(answer.data, RESPONSE), "//wps:ProcessSucceeded")


def test_cancelling_no_job_is_told(client: FlaskClient) -> None:
    answer = client.delete(NONE)
    assert answer.status_code == 404
    assert faults(answer.data) == [("InvalidParameterValue", None)]


def test_where_keys_are_asked_for_cancelling_needs_one(tmp_path: Path) -> None:
    with idle_app(tmp_path, GASFLUX_SECURITY_KEYS="execute") as app:
        key = {"X-API-Key": Keys.open(service_of(app).settings.jobs.database).create("client")}
        client = app.test_client()
        client.get(ASYNC, headers=key)
        path = f"/wps/status/{only_job(app).id}"
        assert client.delete(path).status_code == 401
        assert only_job(app).status is JobStatus.ACCEPTED
        assert client.get(path).status_code == 200
        assert client.delete(path, headers=key).status_code == 200
        assert only_job(app).status is JobStatus.DISMISSED


def test_a_client_that_waits_for_a_cancelled_job_is_told(app: Flask) -> None:
    answer = asked(app)
    (job,) = until(service_of(app).jobs.find)
    service_of(app).jobs.dismiss(job.id)
    assert answer.result(30).status_code == 409
    assert b"cancelled" in answer.result().data


# --- waiting --------------------------------------------------------------------------------------


def test_a_job_over_a_limit_is_neither_bad_syntax_nor_a_fault_of_the_service(app: Flask) -> None:
    answer = asked(app)
    until(service_of(app).jobs.find)
    finish(service_of(app).jobs, JobError("limit", "The job took more than 4 GB of memory. Send fewer rows."))
    assert answer.result(30).status_code == 422
    assert faults(answer.result().data) == [("NoApplicableCode", None)]
    assert b"4 GB" in answer.result().data


def test_a_job_that_takes_longer_than_its_client_may_wait_goes_on(tmp_path: Path) -> None:
    with idle_app(tmp_path, GASFLUX_JOBS_SYNC_WAIT="0.05") as app:
        answer = app.test_client().get(EXECUTE)
        assert (answer.status_code, faults(answer.data)) == (503, [("NoApplicableCode", None)])
        assert int(answer.headers["Retry-After"]) > 0
        assert address(only_job(app)) in answer.data
        assert only_job(app).status is JobStatus.ACCEPTED


def test_a_job_that_takes_too_long_is_cancelled_where_the_settings_say_so(tmp_path: Path) -> None:
    with idle_app(tmp_path, GASFLUX_JOBS_SYNC_WAIT="0.05", GASFLUX_JOBS_SYNC_OVERRUN="dismiss") as app:
        answer = app.test_client().get(EXECUTE)
        assert (answer.status_code, faults(answer.data)) == (504, [("NoApplicableCode", None)])
        assert b"storeExecuteResponse=true" in answer.data and b"sync_wait" in answer.data
        assert "Retry-After" not in answer.headers
        assert only_job(app).status is JobStatus.DISMISSED


def test_a_job_that_ends_while_it_is_being_cancelled_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with idle_app(tmp_path, GASFLUX_JOBS_SYNC_WAIT="0.05", GASFLUX_JOBS_SYNC_OVERRUN="dismiss") as app:
        jobs = service_of(app).jobs
        dismiss = jobs.dismiss

        def too_late(job_id: str) -> Job:
            finish(jobs)
            return dismiss(job_id)

        monkeypatch.setattr(jobs, "dismiss", too_late)
        answer = app.test_client().get(EXECUTE)
    assert answer.status_code == 200
    assert texts(assert_valid(answer.data, RESPONSE), "//wps:ProcessSucceeded")


def test_a_service_that_stops_tells_where_the_job_goes_on(app: Flask) -> None:
    answer = asked(app)
    (job,) = until(service_of(app).jobs.find)
    service_of(app).jobs.stop_waiting()
    said = answer.result(30)
    assert (said.status_code, faults(said.data)) == (503, [("NoApplicableCode", None)])
    assert int(said.headers["Retry-After"]) > 0
    assert address(job) in said.data and b"restarted" in said.data
    assert only_job(app).status is JobStatus.ACCEPTED


def test_those_who_wait_leave_threads_for_those_who_need_not(tmp_path: Path) -> None:
    with idle_app(tmp_path, GASFLUX_THREADS="6") as app:
        jobs, client = service_of(app).jobs, app.test_client()
        waiting = [asked(app), asked(app)]
        until(lambda: len(jobs.find()) == 2)
        refused = client.get(EXECUTE)
        assert (refused.status_code, faults(refused.data)) == (503, [("ServerBusy", None)])
        assert int(refused.headers["Retry-After"]) > 0
        assert len(jobs.find()) == 2
        for path in (CAPABILITIES, "/health", "/metrics", f"/wps/status/{jobs.find()[0].id}", ASYNC):
            assert client.get(path).status_code == 200
        assert client.get(EXECUTE.replace("text=a", "txet=a")).status_code == 400
        for _ in range(3):
            finish(jobs)
        assert [one.result(30).status_code for one in waiting] == [200, 200]
        # Their places are free again, also after a request that failed.
        again = [asked(app), asked(app)]
        until(lambda: jobs.counts().waiting == 2)
        finish(jobs, JobError("server", "no"))
        finish(jobs)
        assert sorted(one.result(30).status_code for one in again) == [200, 500]


def test_one_may_wait_however_few_threads_there_are(tmp_path: Path) -> None:
    with idle_app(tmp_path, GASFLUX_THREADS="2") as app:
        answer = asked(app)
        until(service_of(app).jobs.find)
        assert app.test_client().get(EXECUTE).status_code == 503
        finish(service_of(app).jobs)
        assert answer.result(30).status_code == 200
