"""The first page: what was read of a flight, the form and its faults, what is accepted."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import service_of
from server.web.example import example_flight
from server.web.flight_check import track_picture
from tests.conftest import ROOT
from tests.server.web_app import FORMULA, OWN, SCRIPT, web_app

JSON = {**OWN, "Accept": "application/json"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with web_app(tmp_path) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def flight(text: str = "a,b\n1,2\n", name: str = "flight.csv") -> tuple[io.BytesIO, str]:
    return io.BytesIO(text.encode()), name


def send(client: FlaskClient, values: dict[str, Any], headers: dict[str, str] = OWN, path: str = "/runs") -> Any:
    return client.post(path, data=values, headers=headers, content_type="multipart/form-data")


def field_fault(page: str, identifier: str) -> str:
    (found,) = re.findall(rf'<p class="fault" id="fault-{identifier}" lang="en"[^>]*>([^<]*)</p>', page)
    return found


def test_the_form_is_made_of_the_declaration(client: FlaskClient) -> None:
    page = client.get("/").text
    assert '<option value="spiral">spiral</option>' in page
    (seed,) = re.findall(r'<input id="field-seed"[^>]*>', page)
    assert 'type="number"' in seed and 'step="1"' in seed and 'min="0"' in seed and 'max="2147483647"' in seed
    assert 'placeholder="1"' in seed
    (roughness,) = re.findall(r'id="help-roughness_length">(.*?)</p>', page)
    assert "more than 0, at most 5" in roughness
    assert "Left empty" not in roughness


def test_the_form_is_in_the_language_of_the_reader(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept-Language": "zh-CN"}).text
    assert "大于 0，不大于 5" in page
    assert "粗糙度" in page


def test_what_was_read_is_shown_as_text(app: Flask, client: FlaskClient) -> None:
    page = send(client, {"flight": flight()}, {**OWN, "X-Part": "check"}, "/check")
    assert page.status_code == 200
    assert page.headers["X-Part"] == "check"
    assert SCRIPT not in page.text and "&lt;script&gt;" in page.text
    assert FORMULA.replace('"', "&#34;") in page.text
    assert '<td class="number">17</td><td>winddir</td>' in page.text
    assert "<code>pressure</code>" in page.text
    assert page.text.count('name="gases"') == 2
    assert "4 more" in page.text
    assert service_of(app).jobs.find() == []


def test_notes_on_the_flight_are_in_the_language_of_the_reader(client: FlaskClient) -> None:
    chinese = {**OWN, "X-Part": "check", "Accept-Language": "zh-CN"}
    assert "按 UTC 处理" in send(client, {"flight": flight()}, chinese, "/check").text


def test_a_file_that_is_no_table_is_told_in_words(app: Flask, client: FlaskClient) -> None:
    page = send(client, {"flight": flight("unreadable")}, {**OWN, "X-Part": "check"}, "/check")
    assert (page.status_code, "expected a table, got a poem" in page.text) == (200, True)
    assert service_of(app).jobs.find() == []


def test_without_script_the_look_is_a_whole_page(client: FlaskClient) -> None:
    page = send(client, {"flight": flight(), "seed": "7"}, path="/check").text
    assert "<!doctype html>" in page and "winddir" in page
    assert 'id="field-seed"' in page and 'value="7"' in page


@pytest.mark.parametrize("values", [{}, {"flight": flight("", "empty.csv")}, {"flight": (io.BytesIO(b"x"), "")}])
def test_a_look_needs_a_file(client: FlaskClient, values: dict[str, Any]) -> None:
    page = send(client, values, {**OWN, "X-Part": "check"}, "/check")
    assert page.status_code in (200, 400)
    assert "notice bad" in page.text


def test_a_run_is_accepted_with_its_settings(app: Flask, client: FlaskClient) -> None:
    values = {
        "flight": flight(name="../../evil/my flight.csv"),
        "gases": ["ch4", "co2"],
        "seed": "5",
        "pattern": "",
        "config": (io.BytesIO(b"gases: [co2]"), "settings.yaml"),
    }
    answer = send(client, values)
    assert answer.status_code == 303
    job = service_of(app).jobs.get(answer.headers["Location"].rpartition("/")[2])
    asked = {name: [item.text for item in items] for name, items in job.request.inputs.items()}
    assert asked == {"flight": [None], "gases": ["ch4", "co2"], "seed": ["5"], "configuration": ["gases: [co2]"]}
    assert (job.face, job.mode, job.name) == ("web", "async", "my flight.csv")
    assert job.request.inputs["flight"][0].file_name == "my flight.csv"


def test_faults_stand_at_their_fields(app: Flask, client: FlaskClient) -> None:
    answer = send(client, {"flight": flight(), "seed": "x", "sensor_lag": "601", "below": "log-wind"})
    assert answer.status_code == 400
    assert "whole number" in field_fault(answer.text, "seed")
    assert "at most 600" in field_fault(answer.text, "sensor_lag")
    assert field_fault(answer.text, "cell_size") == ""
    (seed,) = re.findall(r'<input id="field-seed"[^>]*>', answer.text)
    assert 'aria-invalid="true"' in seed and 'value="x"' in seed and "fault-seed" in seed
    assert '<option value="log-wind" selected>' in answer.text
    assert service_of(app).jobs.find() == []


def test_scripts_get_the_faults_by_input(client: FlaskClient) -> None:
    answer = send(client, {"seed": "x", "zork": "1"}, JSON)
    assert answer.status_code == 400
    assert {fault["input"] for fault in answer.json["faults"]} == {"seed", "zork", "flight"}
    answer = send(client, {"flight": flight()}, JSON)
    assert answer.status_code == 201
    assert answer.json["location"] == f"/runs/{answer.json['id']}"


@pytest.mark.parametrize(
    ("values", "identifier", "words"),
    [
        ({"flight": flight("", "none.csv")}, "flight", "none.csv is empty"),
        ({"name": "n" * 201}, "name", "201"),
        ({"config": (io.BytesIO(b"\xff\xfe"), "c.yaml")}, "config", "UTF-8"),
        ({"config": (io.BytesIO(b"a: 1"), "c.yaml"), "configuration": "b: 1"}, "config", "one of the two"),
    ],
)
def test_faults_of_the_form_itself(client: FlaskClient, values: dict[str, Any], identifier: str, words: str) -> None:
    answer = send(client, values, JSON)
    assert answer.status_code == 400
    (fault,) = answer.json["faults"]
    assert fault["input"] == identifier
    assert words in fault["message"]


def test_the_form_is_filled_from_an_earlier_run(client: FlaskClient) -> None:
    values = {
        "flight": flight(),
        "gases": ["ch4", "co2"],
        "seed": "77",
        "pattern": "spiral",
        "configuration": "gases: x",
    }
    job_id = send(client, values, JSON).json["id"]
    page = client.get(f"/?like={job_id}").text
    assert re.search(r'id="field-seed"[^>]*value="77"', page)
    assert re.search(r'id="field-gases"[^>]*value="ch4,co2"', page)
    assert '<option value="spiral" selected>' in page
    assert "gases: x</textarea>" in page
    assert "flight.csv</a>" in page
    assert client.get("/?like=../../etc").status_code == 200


def test_the_example_is_sent_by_one_click(app: Flask, client: FlaskClient) -> None:
    answer = client.post("/example", headers=OWN)
    assert answer.status_code == 303
    job = service_of(app).jobs.get(answer.headers["Location"].rpartition("/")[2])
    assert "60 kg/h" in job.name
    assert client.get("/example/example_flight.csv").data == example_flight()


def test_the_example_is_that_of_the_documentation() -> None:
    assert example_flight() == (ROOT / "examples" / "data" / "example_flight.csv").read_bytes()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
@pytest.mark.parametrize("path", ["/runs", "/example", "/check", "/preferences"])
def test_changes_that_other_pages_ask_for_are_refused(
    app: Flask, client: FlaskClient, headers: dict[str, str], path: str
) -> None:
    answer = send(client, {"flight": flight()}, headers, path)
    assert answer.status_code == 403
    assert "not asked for by a page of this service" in answer.text
    assert service_of(app).jobs.find() == []


def test_an_own_origin_passes_where_the_browser_says_no_more(client: FlaskClient) -> None:
    assert send(client, {"flight": flight()}, {"Origin": "http://localhost"}).status_code == 303


def test_too_large_is_told_as_a_page_and_as_json(tmp_path: Path) -> None:
    with web_app(tmp_path, GASFLUX_SERVER_MAXREQUESTSIZE="10kb") as app:
        client = app.test_client()
        page = send(client, {"flight": flight("x" * 20_000)})
        assert (page.status_code, page.mimetype) == (413, "text/html")
        assert "Too large" in page.text
        told = send(client, {"flight": flight("x" * 20_000)}, JSON)
        assert (told.status_code, told.mimetype) == (413, "application/json")


def test_pages_that_are_not_there_are_told_to_people_and_programs(client: FlaskClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "zh"}
    page = client.get("/nowhere", headers=browser)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "这里没有内容" in page.text and page.headers["X-Request-ID"] in page.text
    for path, headers in (("/nowhere", {}), ("/outputs/none", browser)):
        assert client.get(path, headers=headers).mimetype == "application/json"


def test_a_failure_of_the_service_gives_its_reference_and_nothing_else(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr("server.web.form.untold", broken)
    page = client.get("/")
    assert page.status_code == 500
    assert page.headers["X-Request-ID"] in page.text
    assert "secret" not in page.text


def test_a_picture_needs_a_track() -> None:
    assert track_picture(None) is None
    assert track_picture({"longitude": [1.0], "latitude": [1.0], "mole_fraction": [2.0]}) is None
    assert track_picture({"longitude": [1.0, 1.0], "latitude": [1.0, 1.0], "mole_fraction": None}) is None
    picture = track_picture({"longitude": [0.0, 0.01], "latitude": [0.0, 0.0], "mole_fraction": [2.0, None]})
    assert picture is not None
    # 0.01° of the equator are 1113 m; the bar is not longer than half of the picture.
    assert picture.metres == 500
    assert picture.bar == pytest.approx(500 / 1113.2 * (picture.width - 28), abs=0.2)


@pytest.mark.parametrize("here", ["//evil.example", "/\\evil.example", "/\t/evil.example", "/\r\n/evil.example", "x"])
def test_who_chooses_a_language_is_led_nowhere_else(client: FlaskClient, here: str) -> None:
    answer = client.post("/preferences", data={"look": "dark", "here": here}, headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("path", ["/preferences", "/signin", "/runs", "/check"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_form_without_files_is_read_to_its_bound_only(client: FlaskClient, path: str, kind: str) -> None:
    if path in ("/runs", "/check") and kind.startswith("multipart"):
        path = "/keys"
    answer = client.post(path, data=b"a&" * 200_000, content_type=kind, headers=OWN)
    # Where nobody signs in, nothing is read.
    assert answer.status_code == (303 if path == "/signin" else 413)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("POST", "/system"), ("GET", "/runs/x")])
def test_a_page_that_tells_of_an_error_is_kept_to_itself(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method, headers={**OWN, "Accept": "text/html"})
    assert answer.mimetype == "text/html"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_wrong_key_is_told_as_a_page(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/nowhere", headers={"Accept": "text/html", "X-API-Key": "gfw_00000000_" + "x" * 43})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert not [record for record in caplog.records if record.exc_info]
