"""The REST face: lists and their pages, reports, keys, statistics, settings, and its description of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from server.access import Access, Caller, Scope
from server.app import create_app, service_of
from server.errors import NotAllowed
from server.keys import Keys, NoKey
from server.request_counts import NO_ENDPOINT, RequestCounts
from server.rest.definition import REFUSALS, api_definition
from server.rest.operations import OPERATIONS, V1
from tests.server.fakes import end_supervisor, settings_in
from tests.server.rest_processes import FLIGHT, PRELOAD, begin, registry, send
from tests.server.wps_processes import running_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A service with five finished tasks and one that failed."""
    with running_app(tmp_path_factory.mktemp("rest"), registry, PRELOAD) as app:
        client = app.test_client()
        sent = [begin(client, name=f"{name}.csv") for name in ("delta", "Alpha", "100%", "bravo", "charlie")]
        sent.append(begin(client, b"refuse,this\n1,2\n", name="bad.csv"))
        assert all(service_of(app).jobs.wait(task_id, 60).status.ended for task_id in sent)
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def still(tmp_path: Path) -> Iterator[FlaskClient]:
    """A service whose jobs wait for ever."""
    settings = settings_in(tmp_path)
    app = create_app(settings, registry, PRELOAD)
    service_of(app).jobs.on_submit = lambda job_id: None
    yield app.test_client()
    service_of(app).requests.close()
    end_supervisor(settings)
    service_of(app).jobs.close()


def listed(client: FlaskClient, query: str = "") -> Any:
    answer = client.get(f"/tasks{query}")
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


def names(client: FlaskClient, query: str) -> list[str]:
    return [task["name"].removesuffix(".csv") for task in listed(client, query)["tasks"]]


# --- lists ----------------------------------------------------------------------------------------


def test_a_list_comes_in_pages(client: FlaskClient) -> None:
    first, second = (listed(client, f"?per_page=4&page={page}") for page in (1, 2))
    assert [len(page["tasks"]) for page in (first, second)] == [4, 2]
    assert (first["page"], first["per_page"], first["total"], first["pages"]) == (1, 4, 6, 2)
    assert len({task["task_id"] for page in (first, second) for task in page["tasks"]}) == 6
    beyond = listed(client, "?per_page=4&page=3")
    assert beyond["tasks"] == [] and beyond["total"] == 6
    assert listed(client, "?page=1000000&per_page=100")["tasks"] == []


def test_a_list_is_sorted_and_searched(client: FlaskClient) -> None:
    assert names(client, "")[0] == "bad" and names(client, "?order=asc")[0] == "delta"
    assert names(client, "?sort=name&order=asc&status=completed") == ["100%", "Alpha", "bravo", "charlie", "delta"]
    assert names(client, "?q=ALPHA") == ["Alpha"]
    assert names(client, "?q=%25") == ["100%"]  # a percent sign is one
    assert names(client, "?q=_") == []
    task = listed(client, "?q=bravo")["tasks"][0]
    assert names(client, f"?q={task['task_id'][:20]}") == ["bravo"]
    assert names(client, "?status=failed") == ["bad"]
    assert len(names(client, "?status=failed,completed,pending")) == 6
    for sort in ("created_at", "started_at", "finished_at", "status", "progress"):
        assert sorted(names(client, f"?sort={sort}")) == sorted(names(client, ""))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("page=0", "page: expected a whole number from 1 to 1000000, got '0'"),
        ("page=-1", "whole number from 1"),
        ("page=1.5", "whole number"),
        ("page=%D9%A3", "whole number"),  # a digit, of another script
        ("page=99999999999999999999", "whole number"),
        ("page=", "whole number"),
        ("per_page=101", "per_page: expected a whole number from 1 to 100, got '101'"),
        ("per_page=0", "from 1 to 100"),
        ("per_page=all", "from 1 to 100"),
        ("status=done", "status: expected one or more of pending, processing, completed, failed, cancelled"),
        ("status=", "expected one or more"),
        ("sort=size", "sort: expected one of created_at"),
        ("order=up", "order: expected one of asc, desc"),
        ("q=" + "x" * 201, "at most 200 characters"),
        ("q=%00", "at most 200 characters"),
        ("perpage=10", "There is no parameter 'perpage' here. There are: page, per_page"),
        ("page=1&page=2", "page came 2 times"),
    ],
)
def test_what_a_list_is_asked_for_must_make_sense(client: FlaskClient, query: str, words: str) -> None:
    refused = client.get(f"/tasks?{query}")
    assert refused.status_code == 400 and words in refused.json["message"], refused.text


def test_counts_by_status(client: FlaskClient) -> None:
    assert client.get("/tasks/stats").json["data"] == {
        "total": 6, "pending": 0, "processing": 0, "completed": 5, "failed": 1, "cancelled": 0,
    }  # fmt: skip
    assert client.get("/tasks/active").json["data"]["tasks"] == []


def test_those_that_wait_have_a_place(still: FlaskClient) -> None:
    sent = [begin(still) for _ in range(3)]
    page = still.get("/api/v1/tasks/queue?per_page=2").json["data"]
    assert [(task["task_id"], task["position"]) for task in page["tasks"]] == [(sent[0], 1), (sent[1], 2)]
    assert page["total"] == 3
    assert still.get("/tasks/queue?per_page=2&page=2").json["data"]["tasks"][0]["position"] == 3


def test_reports_tell_rates_and_where_files_are(client: FlaskClient) -> None:
    page = client.get("/reports?per_page=2").json["data"]
    assert (page["total"], page["pages"], len(page["reports"])) == (5, 3, 2)
    report = page["reports"][0]
    (rate,) = report["rates"]
    assert (rate["gas"], rate["emission_rate"], rate["interval95"]) == ("ch4", 25.5, [19.5, 31.5])
    assert report["finished_at"] >= report["created_at"]
    assert client.get(report["links"]["report"]).status_code == 200
    assert client.get("/reports?q=bad").json["data"]["reports"] == []
    assert client.get("/reports?status=failed").status_code == 400


def test_rates_are_those_of_the_row_where_the_file_is_gone(tmp_path: Path) -> None:
    with running_app(tmp_path, registry, PRELOAD) as app:
        client = app.test_client()
        task_id = begin(client)
        service = service_of(app)
        service.jobs.wait(task_id, 60)
        (service.settings.server.outputpath / task_id / "figures.json").unlink()
        (rate,) = client.get(f"/task/{task_id}").json["data"]["rates"]
    assert (rate["gas"], rate["emission_rate"], rate["uncertainty"]) == (None, 25.5, 3.0)


# --- keys -----------------------------------------------------------------------------------------


@pytest.fixture
def as_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Access, "require", lambda self, scope: Caller(via="bootstrap"))


@pytest.mark.usefixtures("as_admin")
def test_a_key_is_shown_once_and_revoked(still: FlaskClient) -> None:
    made = still.post("/api_keys", json={"name": "Production client"})
    assert made.status_code == 201
    key, key_id = made.json["data"]["key"], made.json["data"]["key_id"]
    keys = Keys.open(service_of(still.application).settings.jobs.database)
    assert keys.check(key)
    shown = [still.get("/api_keys"), still.get(f"/api_keys/{key_id}"), still.delete(f"/api/v1/api_keys/{key_id}")]
    assert all(key.split("_")[2] not in answer.text for answer in shown)
    assert [answer.status_code for answer in shown] == [200, 200, 200]
    assert shown[0].json["data"]["keys"][0]["name"] == "Production client"
    assert shown[0].json["data"]["keys"][0]["revoked"] is False and shown[2].json["data"]["revoked"] is True
    with pytest.raises(NoKey):
        Keys.open(service_of(still.application).settings.jobs.database).check(key)
    whole = still.delete(f"/api_keys/{key}")
    assert whole.status_code == 404 and key not in whole.text


@pytest.mark.usefixtures("as_admin")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name: expected whose key it is"),
        ({"name": "  "}, "name: expected whose key it is"),
        ({"name": 5}, "name: expected a text"),
        ({"name": "x" * 201}, "at most 200"),
        ({"name": "x", "scope": "admin"}, "aren't known: 'scope'"),
        ({"name": "x", "scopes": []}, "scopes: expected a list of submit, read, admin"),
        ({"name": "x", "scopes": ["root"]}, "got 'root'"),
        ({"name": "x", "rate": 0}, "rate: expected a whole number from 1"),
        ({"name": "x", "quota": True}, "quota: expected a whole number"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(still: FlaskClient, body: Any, words: str) -> None:
    refused = still.post("/api_keys", json=body)
    assert refused.status_code == 400 and words in refused.json["message"], refused.text
    assert still.get("/api_keys").json["data"]["keys"] == []


ADMIN = [operation for operation in OPERATIONS if operation.key == "admin"]


@pytest.mark.parametrize(("error", "status"), [(NoKey("send a key"), 401), (NotAllowed("not with this key"), 403)])
@pytest.mark.parametrize("operation", ADMIN, ids=lambda operation: f"{operation.method} {operation.path}")
def test_what_is_for_administrators_asks_for_them(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, operation: Any, error: Exception, status: int
) -> None:
    def refuse(self: Access, scope: Scope) -> Caller:
        assert scope is Scope.ADMIN
        raise error

    monkeypatch.setattr(Access, "require", refuse)
    path = operation.path.replace("<key_id>", "0")
    refused = client.open(path, method=operation.method, json={} if operation.body else None)
    assert refused.status_code == refused.json["code"] == status
    assert ("X-API-Key" in refused.headers.get("WWW-Authenticate", "")) is (status == 401)


def test_uploads_and_changes_need_a_key_where_keys_are_needed(tmp_path: Path) -> None:
    with running_app(tmp_path, registry, PRELOAD, GASFLUX_SECURITY_KEYS="execute") as app:
        client = app.test_client()
        one, two = (
            {"X-API-Key": Keys.open(service_of(app).settings.jobs.database).create(name)} for name in ("one", "two")
        )
        for headers in ({}, {"X-API-Key": "gfw_00000000_wrong"}):
            refused = send(client, headers=headers)
            assert refused.status_code == refused.json["code"] == 401
        task_id = begin(client, headers=one)
        service_of(app).jobs.wait(task_id, 60)
        assert client.get(f"/task/{task_id}").json["data"]["status"] == "completed"
        for method, status in (("PUT", 403), ("DELETE", 403)):
            assert client.open(f"/task/{task_id}", method=method, json={"name": "x"}, headers=two).status_code == status
            assert client.open(f"/task/{task_id}", method=method, json={"name": "x"}).status_code == 401
        assert client.get("/tasks", headers=two).json["data"]["total"] == 0
        assert client.get("/tasks", headers=one).json["data"]["total"] == 1
        assert client.get("/tasks/stats", headers=two).json["data"]["total"] == 0
        assert client.delete(f"/task/{task_id}", headers=one).status_code == 200


# --- the service ----------------------------------------------------------------------------------


def test_requests_are_counted_over_all_workers(still: FlaskClient) -> None:
    other = RequestCounts(service_of(still.application).settings.jobs.database)
    other.add("GET", "/tasks", 200, 0.25)
    other.add("BREW", "/tasks", 405, 0.01)
    other.close()
    begin(still)
    still.get("/tasks")
    still.get("/api/v1/tasks?page=0")
    still.get("/no/such/thing/1")
    still.get("/no/such/thing/2")
    told = still.get("/stats").json["data"]
    assert told["requests"]["total"] == 7
    assert told["requests"]["by_method"] == {"GET": 5, "POST": 1, "other": 1}
    assert told["requests"]["by_endpoint"] == {NO_ENDPOINT: 2, "/api/v1/tasks": 1, "/tasks": 3, "/upload": 1}
    assert told["requests"]["by_status"] == {"200": 2, "202": 1, "400": 1, "404": 2, "405": 1}
    assert (told["requests"]["refused"], told["requests"]["failed"]) == (4, 0)
    assert told["requests"]["error_rate"] == pytest.approx(4 / 7, abs=1e-6)
    assert told["response_times"]["longest"] >= 0.25
    assert told["response_times"]["by_endpoint"]["/tasks"]["mean"] >= 0.08
    assert told["tasks"] == {
        "created": 1, "completed": 0, "failed": 0, "cancelled": 0, "pending": 1, "processing": 0,
    }  # fmt: skip
    assert 0 < told["memory"]["worker"] < told["memory"]["total"] and 0 < told["disk"]["free"] < told["disk"]["total"]
    assert still.post("/stats/reset").json["data"] == {"reset": True}
    assert still.get("/stats").json["data"]["requests"]["by_endpoint"] == {"/stats/reset": 1}


def test_ends_of_tasks_are_counted(client: FlaskClient) -> None:
    tasks = client.get("/stats").json["data"]["tasks"]
    assert (tasks["created"], tasks["completed"], tasks["failed"]) == (6, 5, 1)


def test_the_settings_are_told_without_secrets(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path, GASFLUX_JOBS_BROKER="redis://user:hidden@host/0"), registry, PRELOAD)
    told = app.test_client().get("/config")
    rows = {(row["section"], row["key"]): row for row in told.json["data"]["settings"]}
    assert rows["jobs", "broker"]["value"] == "redis://user:***@host/0"
    assert rows["jobs", "broker"]["source"] == "environment GASFLUX_JOBS_BROKER"
    assert rows["server", "maxrequestsize"]["value"] == str(100 * 1024**2)
    assert "hidden" not in told.text
    service_of(app).requests.close()
    service_of(app).jobs.close()


# --- what it says of itself -----------------------------------------------------------------------


def test_the_document_is_openapi_and_whole(client: FlaskClient, app: Flask) -> None:
    document = client.get(f"{V1}/openapi.json").json
    validate(document)
    rules = {
        (rule.rule.removeprefix(V1), method)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(f"{V1}/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {
        (path.replace("{task_id}/{name}", "{task_id}/{path:name}").replace("{", "<").replace("}", ">"), method.upper())
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert told == rules
    assert {rule.rule for rule in app.url_map.iter_rules()} >= {operation.path for operation in OPERATIONS}
    assert document["components"]["schemas"]["Status"]["enum"][0] == "pending"
    used = {
        reference["$ref"].split("/")[-1]
        for operations in document["paths"].values()
        for operation in operations.values()
        for reference in operation["responses"].values()
        if "$ref" in reference
    }
    assert used == set(document["components"]["responses"]) and len(used) == len(REFUSALS)


def test_the_document_says_where_keys_are_needed(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, GASFLUX_SECURITY_KEYS="execute", GASFLUX_SERVER_URL="https://example.org/gas/wps")
    document = api_definition(settings)
    assert document["servers"] == [{"url": "https://example.org/gas/api/v1"}]
    assert document["paths"]["/upload"]["post"]["security"] == [{"apiKey": []}]
    assert document["paths"]["/config"]["get"]["security"] == [{"apiKey": []}, {"bootstrapKey": []}]


def test_the_page_shows_every_operation_and_runs_nothing(client: FlaskClient) -> None:
    page = client.get(f"{V1}/docs")
    assert page.status_code == 200 and page.mimetype == "text/html"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "script" not in page.text.lower() and "//cdn" not in page.text
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in page.text


def test_paths_do_not_hold_the_path_of_the_service(tmp_path: Path) -> None:
    """A client puts the address it has before them, and that ends with the service's own path."""
    with running_app(tmp_path, registry, PRELOAD, GASFLUX_SERVER_URL="https://example.org/gas/wps") as app:
        client = app.test_client()
        task_id = begin(client, FLIGHT)
        service_of(app).jobs.wait(task_id, 60)
        task = client.get(f"/task/{task_id}").json["data"]
    assert [result["download_url"] for result in task["results"]] == [
        f"/download/{task_id}/figures.json",
        f"/download/{task_id}/report.html",
    ]
