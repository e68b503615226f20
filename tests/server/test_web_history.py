"""The list of runs: what is in it, how it is searched, and that no address of it breaks it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import service_of
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest
from server.web.history import ORDERS
from tests.server.job_tables import OpenTable
from tests.server.web_runs import HOSTILE, NOON, failed, flight_figures, pages_app, sent, successful


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


def titles(page: str) -> list[str]:
    """What the runs on a page are called, in their order."""
    return [html.unescape(found) for found in re.findall(r'class="title"><a href="[^"]*">(.*?)</a>', page)]


def test_without_runs_the_page_says_what_to_do(client: FlaskClient) -> None:
    answer = client.get("/runs")
    assert answer.status_code == 200
    assert "No runs yet" in answer.text and "Send a flight" in answer.text and "<table" not in answer.text


def test_a_run_is_shown_with_its_rate_as_its_uncertainty_allows(client: FlaskClient, jobs: Jobs) -> None:
    job = successful(jobs, "Well 7", file="well.csv", figures=flight_figures(123.456, 7.891), created=NOON)
    page = client.get("/runs").text
    assert titles(page) == ["Well 7"]
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "CH₄ 123.5 ± 7.9 kg/h" in text
    for shown in ("well.csv", "web page", "2026-06-01 12:00 UTC", "1 min 23 s", "done"):
        assert shown in text
    assert f'href="/runs/{job.id}"' in page and f'name="run" value="{job.id}"' in page


def test_only_runs_with_a_plane_can_be_ticked(client: FlaskClient, jobs: Jobs) -> None:
    failed(jobs, "bad", "flight, column pressure, row 17: expected hPa")
    successful(jobs, "campaign", process="campaign")
    sent(jobs, "waits")
    page = client.get("/runs").text
    assert titles(page) == ["waits", "campaign", "bad"]
    assert 'type="checkbox"' not in page
    assert "row 17" in page and "waiting" in page and "failed" in page


def test_single_stages_and_sub_jobs_are_no_runs(client: FlaskClient, jobs: Jobs) -> None:
    jobs.submit(JobRequest("wind", {}), [], version="1")
    sent(jobs, "whole", process="gas_flux_from_url")
    assert titles(client.get("/runs").text) == ["whole"]


def test_what_users_wrote_is_text_and_nothing_else(client: FlaskClient, jobs: Jobs) -> None:
    failed(jobs, HOSTILE, HOSTILE, file=HOSTILE)
    page = client.get("/runs", query_string={"q": HOSTILE, "gas": HOSTILE, "status": HOSTILE, "from": HOSTILE}).text
    assert "<script>alert" not in page and "{{7*7}}" in page
    assert titles(client.get("/runs").text) == [HOSTILE]
    assert "onerror" not in page and "<script>alert" not in client.get("/runs").text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("well", ["Well_7 100%"]),
        ("LEVELS.csv", ["compressor"]),
        ("drove past", ["compressor"]),
        ("%", ["Well_7 100%"]),
        ("_", ["Well_7 100%"]),
        ("\\", ["back\\slash"]),
        ("l_7", ["Well_7 100%"]),
        ("井口", ["井口 3"]),
        ("'; drop table jobs; --", []),
        ("nothing like it", []),
    ],
)
def test_the_search_takes_every_sign_as_itself(client: FlaskClient, jobs: Jobs, text: str, found: list[str]) -> None:
    successful(jobs, "Well_7 100%")
    successful(jobs, "compressor", file="Levels.csv", notes="drove past twice")
    successful(jobs, "back\\slash", file="x.csv")
    successful(jobs, "井口 3")
    answer = client.get("/runs", query_string={"q": text})
    assert answer.status_code == 200
    assert titles(answer.text) == found
    assert found or "No run is like that" in answer.text


def test_a_run_is_found_by_its_id(client: FlaskClient, jobs: Jobs) -> None:
    job = successful(jobs, "this")
    successful(jobs, "that")
    assert titles(client.get(f"/runs?q={job.id[4:20].upper()}").text) == ["this"]


def test_filters_by_status_gas_and_day(client: FlaskClient, jobs: Jobs) -> None:
    successful(jobs, "default", created=NOON)
    successful(jobs, "both", inputs={"gases": "CO2, ch4"}, created=NOON + timedelta(days=1))
    failed(jobs, "other", inputs={"gases": "c2h6"}, created=NOON + timedelta(days=2))
    failed(jobs, "configured", inputs={"configuration": "gases: [n2o]"}, created=NOON + timedelta(days=3))
    assert titles(client.get("/runs?gas=ch4").text) == ["both", "default"]
    assert titles(client.get("/runs?gas=CO2").text) == ["both"]
    assert titles(client.get("/runs?gas=c2h6&status=failed").text) == ["other"]
    assert titles(client.get("/runs?gas=co").text) == []
    assert titles(client.get("/runs?status=failed").text) == ["configured", "other"]
    assert titles(client.get("/runs?from=2026-06-02&to=2026-06-03").text) == ["other", "both"]
    assert titles(client.get("/runs?to=2026-06-01").text) == ["default"]


def test_orders(client: FlaskClient, jobs: Jobs) -> None:
    for number, (name, rate) in enumerate([("b", 5.0), ("C", 50.0), ("a", -1.0)]):
        successful(jobs, name, figures=flight_figures(rate), created=NOON + timedelta(hours=number))
    sent(jobs, "waits", created=NOON + timedelta(hours=4))
    seen = {order: titles(client.get(f"/runs?order={order}").text) for order in ORDERS}
    assert seen["newest"] == ["waits", "a", "C", "b"] == seen["oldest"][::-1]
    assert seen["largest"] == ["C", "b", "a", "waits"]
    assert seen["name"] == ["a", "b", "C", "waits"]
    assert seen["longest"][-1] == "waits"


def test_pages_keep_the_search(client: FlaskClient, jobs: Jobs) -> None:
    for number in range(27):
        sent(jobs, f"100% run {number}", created=NOON + timedelta(minutes=number))
    first = client.get("/runs", query_string={"q": "100% run", "order": "oldest"}).text
    assert len(titles(first)) == 25 and "Page 1 of 2" in first
    following = html.unescape(re.search(r'rel="next" href="([^"]*)"', first)[1])  # type: ignore[index]
    assert titles(client.get(following).text) == ["100% run 25", "100% run 26"]
    for beyond in ("3", "1000000000", "9" * 18):
        answer = client.get(f"/runs?page={beyond}")
        assert answer.status_code == 200
        assert f"There is no page {beyond}; this is the last one, 2." in answer.text
        assert len(titles(answer.text)) == 2


ABSURD = ["0", "-1", "abc", "1.5", "٣", "9" * 5000, "1e3", "%00", "' or 1=1"]


@pytest.mark.parametrize("page", ABSURD)
def test_a_page_that_is_none_is_refused_in_words(client: FlaskClient, jobs: Jobs, page: str) -> None:
    sent(jobs, "one")
    answer = client.get(f"/runs?page={quote(page, safe='%')}")
    assert answer.status_code == 400
    assert "Page: expected a whole number" in answer.text and titles(answer.text) == ["one"]


@pytest.mark.parametrize(
    "query",
    ["q=%00", f"q={'x' * 300}", "q=%ff%0ax", "status=open", "gas=ch4%27", "gas=%25", f"gas={'c' * 99}",
     "from=2026-02-30", "from=yesterday", "to=99999-01-01", "from=2026-W01-1", "from=2026-06-02&to=2026-06-01",
     "order=id;drop", "from=0000-00-00"],
)  # fmt: skip
def test_filters_that_are_none_are_refused_in_words(client: FlaskClient, jobs: Jobs, query: str) -> None:
    sent(jobs, "one")
    answer = client.get(f"/runs?{query}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text and titles(answer.text) == ["one"]


@pytest.mark.parametrize("query", ["from=0001-01-01&to=9999-12-31", "q=", "gas=&status=&page=", "q=a&q=b", "no=1"])
def test_filters_at_the_edge_are_taken(client: FlaskClient, jobs: Jobs, query: str) -> None:
    sent(jobs, "a")
    answer = client.get(f"/runs?{query}")
    assert answer.status_code == 200 and titles(answer.text) == ["a"]


def test_only_the_callers_runs_are_listed(client: FlaskClient, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(jobs, "mine", client="key-1")
    sent(jobs, "another's", client="key-2")
    for client_id, expected in (("key-1", ["mine"]), ("", []), (None, ["another's", "mine"])):
        monkeypatch.setattr("server.access.Access.listed_client", lambda access, seen=client_id: seen)
        assert titles(client.get("/runs").text) == expected


def test_the_page_in_chinese(client: FlaskClient, jobs: Jobs) -> None:
    sent(jobs, "one")
    page = client.get("/runs", headers={"Accept-Language": "zh-CN"}).text
    assert "运行记录" in page and "等待中" in page and "waiting" not in page


def test_counts_are_those_of_the_list_on_every_database(table: OpenTable) -> None:
    jobs = table()
    names = ["a_b", "aXb", "100%", "100x", "Ünder", "井口"]
    for name in names:
        jobs.submit(JobRequest("gas_flux", {"gases": [InputItem(text="co2,ch4")]}), [], version="", name=name)
    jobs.submit(JobRequest("gas_flux", {"flight": [InputItem(href="http://x/y", file_name="z_b.csv")]}), [], version="")
    for text, expected in [("_b", 2), ("%", 1), ("A_B", 1), ("井", 1), ("", 7), ("/", 0)]:
        found = jobs.find(text=text)
        assert len(found) == sum(jobs.count(text=text).values()) == expected, text
    assert sum(jobs.count(gas="co2", default_gas="ch4").values()) == 6
    assert sum(jobs.count(gas="ch4", default_gas="ch4").values()) == 7
    assert sum(jobs.count(gas="c", default_gas="ch4").values()) == 0
    for sort, ascending in ORDERS.values():
        assert len(jobs.find(sort=sort, ascending=ascending, limit=100)) == 7
