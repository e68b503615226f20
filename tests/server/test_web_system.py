"""The system page: what anyone sees, what administrators see, and what it says when something is gone."""

from __future__ import annotations

import errno
import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.access import Caller, Scope
from server.app import service_of
from server.jobs.queue import Jobs
from server.jobs.totals import NOTICE_DELIVERED, RECOVERED, Total
from server.web.run_facts import size_text, span
from server.web.system import ends_by_process, run_times, settings_shown
from tests.server.fakes import settings_in
from tests.server.web_runs import HOSTILE, NOON, failed, pages_app, sent, successful


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with pages_app(tmp_path) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def jobs(app: Flask) -> Jobs:
    return service_of(app).jobs


def words(page: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def test_a_service_with_nothing_to_do(client: FlaskClient) -> None:
    answer = client.get("/system")
    assert answer.status_code == 200
    text = words(answer.text)
    for said in ("The service works.", "No job has ended yet.", "No run has failed", "0 / 2 slots", "0 / 100 places"):
        assert said in text


def test_what_waits_what_ended_and_what_failed(client: FlaskClient, jobs: Jobs) -> None:
    successful(jobs, "fine")
    failed(jobs, HOSTILE, f"flight: {HOSTILE}")
    waits = sent(jobs, "waits long", created=NOON)
    sent(jobs, "waits shortly", created=NOON + timedelta(hours=1))
    page = client.get("/system").text
    text = words(page)
    assert "2 / 100 places" in text and f'Waits the longest: <a href="/runs/{waits.id}">waits long</a>' in page
    assert "gas_flux 1 1 0 0" in text
    assert "<script>alert" not in page and f"flight: {HOSTILE}" in text


def test_the_part_is_the_state_alone(client: FlaskClient) -> None:
    part = client.get("/system?part=1").text
    assert 'class="tiles"' in part and "<html" not in part and "Settings in force" not in part
    assert part.splitlines()[0] in client.get("/system").text
    assert "<html" in client.get("/system?part=<script>").text


def test_others_than_administrators_see_health_alone(
    client: FlaskClient, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(jobs, "secret failure")
    sent(jobs, "secret job")
    monkeypatch.setattr("server.access.Access.caller", lambda access: Caller("k", scopes=frozenset({Scope.READ})))
    for path in ("/system", "/system?part=1"):
        text = client.get(path).text
        assert "The service works." in text and "places" in text
        for hidden in ("secret", "Settings in force", "Latest failures", "Results kept", "jobs.sqlite"):
            assert hidden not in text


def test_without_its_database_the_page_says_so(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    service_of(app).jobs.close()
    (tmp_path / "jobs.sqlite").rename(tmp_path / "elsewhere")
    for path in ("/system", "/system?part=1"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert "database can't be reached" in html.unescape(answer.text) and "SELECT" not in answer.text


def test_without_its_disk_the_page_says_so(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(service_of(app).store, "free", gone)
    answer = client.get("/system")
    assert answer.status_code == 503 and "folder of the jobs" in answer.text


def test_a_full_disk_is_told(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_of(app).store, "free", lambda: 1000)
    assert "new jobs are refused" in client.get("/system").text


def test_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    database = "postgresql+psycopg://me:hushhush@db/gasflux"
    settings = settings_in(tmp_path, GASFLUX_JOBS_DATABASE=database, GASFLUX_JOBS_KEY_SHARE="0.25")
    shown = settings_shown(settings)
    assert "hushhush" not in str(shown)
    (jobs,) = [section for section in shown if section["section"] == "jobs"]
    rows = {row["key"]: row for row in jobs["rows"]}
    assert rows["database"]["value"] == "postgresql+psycopg://me:***@db/gasflux"
    assert (rows["key_share"]["value"], rows["key_share"]["changed"]) == ("0.25", True)
    (ows,) = [section for section in shown if section["section"] == "ows"]
    assert {row["key"]: row for row in ows["rows"]}["parallel"]["changed"] is False


def test_ends_are_counted_by_process() -> None:
    rows = ends_by_process(
        [
            Total("wind", "failed", 1.0, 1, 0.5),
            Total("gas_flux", "successful", 3.0, 2, 4.0),
            Total("gas_flux", "successful", 10.0, 2, 16.0),
            Total("gas_flux", "dismissed", 300.0, 3, 500.0),
            Total("gas_flux", RECOVERED, 1.0, 1, 0.0),
            Total("nothing", NOTICE_DELIVERED, 1.0, 9, 0.0),
        ]
    )
    assert rows == [
        {"process": "gas_flux", "successful": 4, "failed": 0, "dismissed": 3, "recovered": 1, "mean": "5.0 s"},
        {"process": "wind", "successful": 0, "failed": 1, "dismissed": 0, "recovered": 0, "mean": "–"},
    ]


def test_run_times_are_bars_from_the_first_to_the_last_that_is_filled() -> None:
    bars = run_times(
        [
            Total("a", "successful", 1.0, 4, 2.0),
            Total("b", "failed", 1.0, 4, 2.0),
            Total("a", "successful", 10.0, 2, 12.0),
            Total("a", RECOVERED, 3000.0, 7, 12.0),
        ]
    )
    assert [(bar["label"], bar["count"], bar["height"]) for bar in bars] == [
        ("≤ 1 s", 8, 100.0),
        ("≤ 3 s", 0, 0.0),
        ("≤ 10 s", 2, 25.0),
    ]
    assert run_times([Total("a", "successful", 1e9, 1, 9000.0)])[0]["label"] == "> 50 min"
    assert run_times([]) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (200000, "2 d 07 h"),
    ],
)
def test_time_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1024, "1 kB"), (5 << 30, "5 GB"), (1.5 * 2**40, "1.5 TB")]
)
def test_sizes(size: float, text: str) -> None:
    assert size_text(size) == text


def test_the_page_in_chinese(client: FlaskClient) -> None:
    page = client.get("/system", headers={"Accept-Language": "zh-CN"}).text
    assert "服务运行正常。" in page and "The service works" not in page
