"""The REST face: uploads, tasks and files, as old scripts use them and as nobody should."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gasflux_core.errors import Busy
from server.app import create_app, service_of
from server.jobs.model import JobStatus
from server.rest.answers import answer
from server.rest.file_names import LONGEST, shown_name
from tests.server.fakes import end_supervisor, settings_in, until
from tests.server.rest_processes import FIGURES, FLIGHT, PRELOAD, begin, registry, send
from tests.server.wps_processes import running_app

UNKNOWN = "00000000-0000-4000-8000-000000000000"
LARGEST = 20 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("rest")
    with running_app(folder, registry, PRELOAD, GASFLUX_SERVER_MAXREQUESTSIZE="20kb") as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def still(tmp_path: Path) -> Iterator[FlaskClient]:
    """A service whose jobs wait for ever."""
    settings = settings_in(tmp_path, GASFLUX_SERVER_MAXPROCESSES="3")
    app = create_app(settings, registry, PRELOAD)
    service_of(app).jobs.on_submit = lambda job_id: None
    yield app.test_client()
    service_of(app).requests.close()
    end_supervisor(settings)
    service_of(app).jobs.close()


def finish(client: FlaskClient, task_id: str) -> Any:
    """The task once it has ended."""
    assert service_of(client.application).jobs.wait(task_id, 60).status.ended
    return client.get(f"/task/{task_id}").json["data"]


def jobs(client: FlaskClient) -> int:
    return len(service_of(client.application).jobs.find(limit=1000))


# --- as old scripts do ----------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_the_way_from_upload_to_files(client: FlaskClient, base: str) -> None:
    accepted = send(client, path=f"{base}/upload", config=(io.BytesIO(b"gases: [ch4]"), "config.yaml"))
    assert accepted.status_code == 202 and accepted.json["code"] == 202
    task_id = accepted.json["data"]["task_id"]
    finish(client, task_id)
    told = client.get(f"{base}/task/{task_id}").json
    assert told["code"] == 200
    task = told["data"]
    assert (task["status"], task["progress"], task["error"], task["name"]) == ("completed", 100, None, "flight.csv")
    assert task["file"]["size"] == len(FLIGHT) and len(task["file"]["sha256"]) == 64
    assert task["rates"] == [
        {"gas": "ch4", "emission_rate": 25.5, "uncertainty": 3.0, "interval95": [19.5, 31.5], "unit": "kg/h",
         "flags": ["weak"]}
    ]  # fmt: skip
    files = {}
    for result in task["results"]:
        assert result["download_url"].startswith("/download/")
        got = client.get(base + result["download_url"])
        assert got.status_code == 200 and len(got.data) == result["size"]
        assert got.headers["Content-Disposition"] == f'attachment; filename="{result["name"]}"'
        files[result["name"]] = got.data
    assert json.loads(files["figures.json"]) == FIGURES
    assert b"gases: [ch4] configuration" in files["report.html"]
    part = client.get(f"{base}/download/{task_id}/report.html", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.data, part.mimetype) == (206, b"<!do", "text/html")
    assert "sandbox" in part.headers["Content-Security-Policy"]


def test_a_task_that_fails_says_why(client: FlaskClient) -> None:
    task = finish(client, begin(client, b"refuse,this\n1,2\n"))
    assert (task["status"], task["error"]) == ("failed", "flight: column ch4 has text in row 3")
    assert task["results"] == [] and task["rates"] == []


def test_health_is_plain_and_in_the_envelope(client: FlaskClient) -> None:
    for path in ("/health", "/api/v1/health"):
        told = client.get(path).json
        assert told["status"] == told["data"]["status"] == "ok"
        assert (told["code"], told["database"], told["engine"]["name"]) == (200, "ok", "embedded")
        assert 0 < told["disk"]["free"] <= told["disk"]["total"]


# --- what is not a flight -------------------------------------------------------------------------


def form(name: str = "flight.csv", content: bytes = FLIGHT, part: str = "file") -> dict[str, Any]:
    return {part: (io.BytesIO(content), name)}


def spreadsheet(unpacked: int) -> bytes:
    """A zip that says it is an XLSX, and unpacks to that many bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    content = bytearray(file.getvalue())
    where = content.index(b"PK\x01\x02")
    content[where + 24 : where + 28] = unpacked.to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({}, 400, "empty or broken"),
        ({"config": "gases: [ch4]"}, 400, "file is missing"),
        ({"file": "a,b"}, 400, "without a file's name"),
        ({**form(), "file2": "x"}, 400, "aren't known: 'file2'"),
        ({"file": [(io.BytesIO(FLIGHT), "a.csv"), (io.BytesIO(FLIGHT), "b.csv")]}, 400, "came 2 times"),
        (form(content=b""), 400, "is empty"),
        (form(content=b" \r\n "), 400, "is empty"),
        (form("flight.exe"), 415, "flight.exe is not taken; its name must end in .csv"),
        (form("flight"), 415, "must end in .csv"),
        (form("flight.csv.png"), 415, "must end in .csv"),
        (form(content=PNG), 415, "PNG"),
        (form("flight.xlsx", content=b"PK\x03\x04 no zip"), 415, "damaged"),
        (form("flight.csv", content=b'{"type": "FeatureCollection"}'), 415, "JSON"),
        (form("flight.xlsx", content=spreadsheet(3_000_000_000)), 400, "unpacks to 3.0 GB"),
        ({**form(), "config": (io.BytesIO(b"\xff\xfe\x00"), "c.yaml")}, 400, "UTF-8"),
        ({**form(), "config": (io.BytesIO(b"a: [1"), "c.yaml")}, 400, "config"),
        ({**form(), "config": "krging: {}"}, 400, "kriging"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words(
    client: FlaskClient, data: dict[str, Any], status: int, words: str
) -> None:
    before = jobs(client)
    refused = client.post("/upload", data=data, content_type="multipart/form-data")
    assert refused.status_code == refused.json["code"] == status, refused.text
    assert words in refused.json["message"]
    assert refused.json["request_id"] == refused.headers["X-Request-ID"]
    assert jobs(client) == before


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b"", "", "send a form"),
        (b"{}", "application/json", "came as application/json"),
        (b"a=b", "application/x-www-form-urlencoded", "send a form"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x", "empty or broken"),
        (b"--x\r\n", "multipart/form-data", "empty or broken"),
        (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\r\n1,2',
         "multipart/form-data; boundary=x", "empty or broken"),
    ],
)  # fmt: skip
def test_what_is_no_form_is_refused(client: FlaskClient, body: bytes, content_type: str, words: str) -> None:
    refused = client.post("/upload", data=body, content_type=content_type)
    assert refused.status_code == 400 and words in refused.json["message"], refused.text


@pytest.mark.parametrize("chunked", [False, True])
def test_a_byte_too_many_is_refused(client: FlaskClient, chunked: bool) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    tail = b"\r\n--x--\r\n"
    for more, status in ((-1, 202), (1, 413)):
        body = head + b"a,b\n" + b"1" * (LARGEST - len(head) - len(tail) - 4 + more) + tail
        length = {} if chunked else {"content_length": len(body)}
        answered = client.post(
            "/upload",
            input_stream=io.BytesIO(body),
            content_type="multipart/form-data; boundary=x",
            environ_overrides={"wsgi.input_terminated": True},
            **length,
        )
        assert answered.status_code == status, answered.text
    assert f"larger than the {LARGEST} bytes" in answered.json["message"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/flight.csv", "flight.csv"),
        ("C:\\data\\flight.csv", "flight.csv"),
        ("/etc/passwd/..\\flight\0.csv", "flight.csv"),
        ("飞行 数据.csv", "飞行 数据.csv"),
        ("fli\u202eght.csv", "flight.csv"),
        ("<b>x</b>.csv", "b>.csv"),
        ("a" * 300 + ".csv", "a" * (LONGEST - 5) + "….csv"),
        ("...", ""),
        ("..", ""),
    ],
)
def test_names_are_shown_and_never_used(sent: str, shown: str) -> None:
    assert shown_name(sent) == shown


def test_the_shown_name_is_all_that_stays_of_a_path(client: FlaskClient, app: Flask) -> None:
    task_id = begin(client, name="../../../flight.csv")
    job = service_of(app).jobs.get(task_id)
    assert (job.name, job.request.inputs["flight"][0].file_name) == ("flight.csv", "flight.csv")
    finish(client, task_id)


@pytest.mark.parametrize("name", ["../figures.json", "%2e%2e/x", "other.html", "figures.json%00", "a/b"])
def test_only_files_of_the_task_are_given_out(client: FlaskClient, name: str) -> None:
    task_id = begin(client)
    finish(client, task_id)
    refused = client.get(f"/download/{task_id}/{name}")
    assert refused.status_code == 404 and refused.json["code"] == 404


# --- one task -------------------------------------------------------------------------------------


@pytest.mark.parametrize("task_id", [UNKNOWN, "1", "x" * 500, "a%00b", "..", "%27"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_task_that_is_not_there(client: FlaskClient, method: str, task_id: str) -> None:
    refused = client.open(f"/task/{task_id}", method=method, json={"name": "x"} if method == "PUT" else None)
    assert refused.status_code == refused.json["code"] == 404
    assert refused.json["data"] is None or refused.json["data"]["faults"]


def test_a_task_is_renamed_and_noted(still: FlaskClient) -> None:
    task_id = begin(still)
    changed = still.put(f"/task/{task_id}", json={"name": "Südfeld ☀", "notes": "first\nsecond"})
    assert changed.status_code == 200
    for told in (changed, still.get(f"/task/{task_id}")):
        assert (told.json["data"]["name"], told.json["data"]["notes"]) == ("Südfeld ☀", "first\nsecond")
    assert still.put(f"/task/{task_id}", json={"notes": ""}).json["data"]["name"] == "Südfeld ☀"


@pytest.mark.parametrize("cancel", [{"status": "cancelled"}, {"action": "cancel"}])
def test_a_task_is_cancelled_once(still: FlaskClient, cancel: dict[str, str]) -> None:
    task_id = begin(still)
    cancelled = still.put(f"/task/{task_id}", json={**cancel, "notes": "no"})
    assert cancelled.json["data"]["status"] == "cancelled" and cancelled.json["data"]["notes"] == "no"
    again = still.put(f"/task/{task_id}", json={**cancel, "notes": "yes"})
    assert again.status_code == 409 and "cancelled already" in again.json["message"]
    assert still.get(f"/task/{task_id}").json["data"]["notes"] == "no"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"{", 400, "well-formed"),
        (b"\xff", 400, "UTF-8"),
        (b"[]", 400, "must be a JSON object"),
        (b"{}", 400, "give at least one of name, notes, status, action"),
        (b'{"name": NaN}', 400, "NaN"),
        (b'{"name": 1}', 400, "name: expected a text"),
        (b'{"name": null}', 400, "name: expected a text"),
        (b'{"name": "a", "name": "b"}', 400, "twice"),
        (b'{"colour": "red", "name": "x"}', 400, "aren't known: 'colour'"),
        (b'{"status": "completed"}', 400, 'only "cancelled"'),
        (b'{"action": ["cancel"]}', 400, 'only "cancel"'),
        (b'{"name": "a\\u0000b"}', 400, "control characters"),
        (b'{"name": "a\\nb"}', 400, "control characters"),
        (json.dumps({"name": "x" * 201}).encode(), 400, "at most 200 characters, got 201"),
        (json.dumps({"notes": "x" * 10_001}).encode(), 400, "at most 10000"),
        (b"[" * 300_000, 413, "262144 bytes"),
    ],
)  # fmt: skip
def test_a_change_that_is_nonsense_changes_nothing(still: FlaskClient, body: bytes, status: int, words: str) -> None:
    task_id = begin(still)
    refused = still.put(f"/task/{task_id}", data=body, content_type="application/json")
    assert refused.status_code == status and words in refused.json["message"], refused.text
    task = still.get(f"/task/{task_id}").json["data"]
    assert (task["name"], task["notes"], task["status"]) == ("flight.csv", "", "pending")


def test_a_change_must_be_json(still: FlaskClient) -> None:
    refused = still.put(f"/task/{begin(still)}", data={"name": "x"})
    assert refused.status_code == 415 and "application/json" in refused.json["message"]


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_pages_of_other_origins_change_nothing(still: FlaskClient, headers: dict[str, str]) -> None:
    # What a browser sends for any page without asking: with no key needed, a page elsewhere would begin tasks here.
    refused = still.post("/upload", data={"file": (io.BytesIO(b"a,b\n1,2\n"), "f.csv")}, headers=headers)
    assert (refused.status_code, still.post("/stats/reset", headers=headers).status_code) == (403, 403)
    assert still.get("/tasks", headers=headers).json["data"]["total"] == 0


def test_a_finished_task_is_removed_with_its_files(client: FlaskClient, app: Flask) -> None:
    task_id = begin(client)
    finish(client, task_id)
    folder = service_of(app).settings.server.outputpath / task_id
    assert folder.is_dir()
    assert client.delete(f"/task/{task_id}").json["data"] == {"task_id": task_id, "cancelled": False, "removed": True}
    assert not folder.exists()
    for method, path in (("DELETE", f"/task/{task_id}"), ("GET", f"/task/{task_id}")):
        assert client.open(path, method=method).status_code == 404
    assert client.get(f"/download/{task_id}/report.html").status_code == 404


def test_a_waiting_task_is_cancelled_and_removed_at_once(still: FlaskClient) -> None:
    task_id = begin(still)
    assert still.delete(f"/task/{task_id}").json["data"] == {"task_id": task_id, "cancelled": True, "removed": True}
    assert still.get(f"/task/{task_id}").status_code == 404


def test_a_running_task_is_cancelled_and_removed_with_all_its_files(client: FlaskClient, app: Flask) -> None:
    service = service_of(app)
    task_id = begin(client, b"sleep,well\n1,2\n")
    until(lambda: client.get(f"/task/{task_id}").json["data"]["progress"] == 50)
    (running,) = client.get("/tasks/active").json["data"]["tasks"]
    assert (running["task_id"], running["message"], running["status"]) == (task_id, "Looking", "processing")
    assert client.delete(f"/task/{task_id}").json["data"] == {"task_id": task_id, "cancelled": True, "removed": True}
    assert client.get(f"/task/{task_id}").status_code == client.delete(f"/task/{task_id}").status_code == 404
    work = service.settings.server.workdir
    until(lambda: not [path for path in work.rglob("*") if task_id in path.name])


def test_a_running_task_is_cancelled(client: FlaskClient) -> None:
    task_id = begin(client, b"sleep,well\n1,2\n")
    until(lambda: client.get(f"/task/{task_id}").json["data"]["status"] == "processing")
    assert client.put(f"/task/{task_id}", json={"status": "cancelled"}).json["data"]["status"] == "cancelled"


def test_a_full_queue_says_when_to_come_back(still: FlaskClient) -> None:
    for _ in range(3):
        begin(still)
    refused = send(still)
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    assert "3 jobs wait already" in refused.json["message"]


# --- errors of the routes -------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_paths_and_methods_that_are_not_there(client: FlaskClient, base: str) -> None:
    refused = client.put(f"{base}/upload")
    assert refused.status_code == refused.json["code"] == 405 and "POST" in refused.headers["Allow"]
    for path in (f"{base}/tasks/nothing", f"{base}/task", f"{base}/download/x", "/api/v1", "/api/v1/nothing"):
        refused = client.get(path)
        assert refused.status_code == refused.json["code"] == 404, path
        assert refused.json["data"] is None and refused.json["request_id"]


def test_a_fault_of_the_service_names_the_request_and_nothing_else(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, app: Flask
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(service_of(app).jobs, "count", fail)
    failed = client.get("/tasks")
    assert failed.status_code == 500 and failed.json["request_id"] in failed.json["message"]
    assert "secret" not in failed.text

    def be_busy(*_: Any, **__: Any) -> None:
        raise Busy("come again", 7)

    monkeypatch.setattr(service_of(app).jobs, "count", be_busy)
    failed = client.get("/tasks")
    assert (failed.status_code, failed.headers["Retry-After"]) == (503, "7")


def test_an_answer_is_kept_by_nobody(app: Flask) -> None:
    with app.test_request_context():
        assert answer({}).headers["Cache-Control"] == "no-store"


def test_status_names_cover_every_status() -> None:
    from server.rest.tasks import _MESSAGES, STATUSES

    assert set(STATUSES) == set(_MESSAGES) == set(JobStatus)
