"""The page of a run: progress, events, failure, end; cancelled, named, removed."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import service_of
from server.jobs.model import JobStatus
from server.jobs.owner import Owner
from server.web.runs import faults_of
from tests.server.fakes import until
from tests.server.web_app import OWN, web_app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with web_app(tmp_path, GASFLUX_THREADS="8") as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def sent(client: FlaskClient, text: str = "a,b\n1,2\n") -> str:
    data = {"flight": (io.BytesIO(text.encode()), "flight.csv")}
    answer = client.post("/runs", data=data, headers=OWN, content_type="multipart/form-data")
    return str(answer.headers["Location"])


def waiting(app: Flask, client: FlaskClient) -> str:
    """A run that nobody takes up."""
    service_of(app).jobs.on_submit = lambda job_id: None
    return sent(client)


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def test_a_run_that_waits_says_how_many_are_before_it(app: Flask, client: FlaskClient) -> None:
    first, second = waiting(app, client), waiting(app, client)
    page = client.get(first).text
    assert "Waiting for a free place" in page
    assert f'action="{first}/cancel"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    status = client.get(f"{second}/status").json
    assert status == {"status": "accepted", "progress": 0, "message": "", "ended": False, "ahead": 1, "left": None}


def test_progress_is_told_in_the_language_of_the_reader(app: Flask, client: FlaskClient) -> None:
    run = waiting(app, client)
    jobs = service_of(app).jobs
    job = jobs.claim(Owner.this_process())
    assert job is not None
    jobs.progress(job.id, job.attempt, 0.42, "Estimating the wind")
    assert client.get(f"{run}/status", headers={"Accept-Language": "zh"}).json["message"] == "正在估计风"
    page = client.get(run).text
    assert "Estimating the wind" in page and ">42</span>" in page


def test_events_follow_a_run_to_its_end(app: Flask, client: FlaskClient) -> None:
    run = waiting(app, client)
    jobs = service_of(app).jobs
    answer = client.get(f"{run}/events", buffered=False)
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no"
    pieces = iter(answer.response)
    assert b"retry" in next(pieces)
    assert events(next(pieces).decode())[0]["status"] == "accepted"
    job = jobs.claim(Owner.this_process())
    assert job is not None
    jobs.progress(job.id, job.attempt, 0.5, "Half")
    assert events(next(pieces).decode())[0]["message"] == "Half"
    jobs.dismiss(job.id)
    assert events(next(pieces).decode())[0] == {
        "status": "dismissed",
        "progress": 0.5,
        "message": "",
        "ended": True,
        "ahead": None,
        "left": None,
    } | {"message": jobs.get(job.id).message}
    assert list(pieces) == []


def test_streams_are_bounded_and_their_places_are_given_back(app: Flask, client: FlaskClient) -> None:
    run = waiting(app, client)
    # One in four of eight threads.
    opened = [client.get(f"{run}/events", buffered=False) for _ in range(2)]
    refused = client.get(f"{run}/events")
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    opened[0].close()
    again = client.get(f"{run}/events", buffered=False)
    assert again.status_code == 200
    again.close()
    opened[1].close()


def test_a_stream_ends_when_the_service_stops(app: Flask, client: FlaskClient) -> None:
    run = waiting(app, client)
    answer = client.get(f"{run}/events", buffered=False)
    read = threading.Thread(target=lambda: list(answer.response))
    read.start()
    service_of(app).jobs.stop_waiting()
    read.join(10)
    assert not read.is_alive()


def test_a_stream_of_a_run_that_goes_says_so(app: Flask, client: FlaskClient) -> None:
    run = waiting(app, client)
    jobs, job_id = service_of(app).jobs, run.rpartition("/")[2]
    pieces = iter(client.get(f"{run}/events", buffered=False).response)
    next(pieces)
    jobs.dismiss(job_id)
    jobs.remove(job_id)
    assert b"event: lost" in b"".join(pieces)


def test_a_run_comes_to_its_end(client: FlaskClient) -> None:
    run = sent(client)
    assert until(lambda: client.get(f"{run}/status").json["ended"])
    page = client.get(run)
    assert page.status_code == 200
    assert "1.5" in page.text


def test_a_failed_run_says_why_where_and_what_next(client: FlaskClient) -> None:
    run = sent(client, "bad,b\n1,2\n")
    assert until(lambda: client.get(f"{run}/status").json["ended"])
    page = client.get(run).text
    assert "<li>pressure: is a joke</li>" in page and "<li>latitude: is none</li>" in page
    assert "<strong>Flight table</strong>" in page
    job_id = run.rpartition("/")[2]
    assert f'href="/?like={job_id}"' in page and f"<code>{job_id}</code>" in page


def test_a_run_is_cancelled(app: Flask, client: FlaskClient) -> None:
    run = waiting(app, client)
    answer = client.post(f"{run}/cancel", headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, run)
    assert "This run was cancelled" in client.get(run).text
    assert service_of(app).jobs.get(run.rpartition("/")[2]).status is JobStatus.DISMISSED


def test_a_run_is_named_and_written_about(app: Flask, client: FlaskClient) -> None:
    run = waiting(app, client)
    client.post(f"{run}/cancel", headers=OWN)
    answer = client.post(f"{run}/name", headers=OWN, data={"name": "<b>North\0 site</b>", "notes": "one\r\nt\0w\x1bo"})
    assert answer.status_code == 303
    job = service_of(app).jobs.get(run.rpartition("/")[2])
    assert (job.name, job.notes) == ("<b>North  site</b>", "one\nt w o")
    assert "<h1>&lt;b&gt;North" in client.get(run).text
    assert client.post(f"{run}/name", headers=OWN, data={"name": "n" * 201}).status_code == 400
    assert service_of(app).jobs.get(job.id).name == job.name


def test_a_run_is_removed(app: Flask, client: FlaskClient) -> None:
    run = waiting(app, client)
    client.post(f"{run}/cancel", headers=OWN)
    answer = client.post(f"{run}/remove", headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/runs")
    assert service_of(app).jobs.find() == []
    assert client.get(run).status_code == 404


@pytest.mark.parametrize("run", ["x", "00000000-0000-4000-8000-000000000000", "%00", "..%2f.."])
@pytest.mark.parametrize("part", ["", "/status", "/events"])
def test_a_run_that_is_not_there_is_told_in_words(client: FlaskClient, run: str, part: str) -> None:
    answer = client.get(f"/runs/{run}{part}", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "Traceback" not in answer.text and "Nothing here" in answer.text


@pytest.mark.parametrize("part", ["cancel", "remove", "name"])
def test_runs_are_changed_from_the_page_only(app: Flask, client: FlaskClient, part: str) -> None:
    run = waiting(app, client)
    assert client.post(f"{run}/{part}").status_code == 403
    assert service_of(app).jobs.get(run.rpartition("/")[2]).status is JobStatus.ACCEPTED


def test_faults_of_one_message_are_told_apart() -> None:
    assert faults_of("one (1) fault") == ["one (1) fault"]
    assert faults_of("2 faults: (1) a; b; (2) c") == ["a; b", "c"]
