"""The REST face where keys are needed: who may do what by which key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import create_app, service_of
from server.rest.operations import OPERATIONS
from tests.server.fakes import end_supervisor, settings_in
from tests.server.rest_processes import PRELOAD, begin, registry, send

BOOTSTRAP = "correct horse battery staple"
ADMIN = {"X-Admin-Bootstrap-Key": BOOTSTRAP}

Headers = dict[str, str]


@pytest.fixture(params=["execute", "all"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A service that asks for keys, whose jobs wait for ever."""
    settings = settings_in(
        tmp_path_factory.mktemp("guarded"),
        GASFLUX_SECURITY_KEYS=request.param,
        GASFLUX_SECURITY_ADMIN_BOOTSTRAP_KEY=BOOTSTRAP,
    )
    app = create_app(settings, registry, PRELOAD)
    service_of(app).jobs.on_submit = lambda job_id: None
    yield app
    service_of(app).requests.close()
    end_supervisor(settings)
    service_of(app).jobs.close()


@pytest.fixture
def client(guarded: Flask) -> FlaskClient:
    return guarded.test_client()


def make(client: FlaskClient, **wanted: object) -> Headers:
    """Headers with a new key."""
    made = client.post("/api_keys", json={"name": "client", **wanted}, headers=ADMIN)
    assert made.status_code == 201, made.text
    return {"X-API-Key": made.json["data"]["key"]}


def test_keys_are_made_with_their_bounds(client: FlaskClient) -> None:
    make(client, scopes=["submit"], rate=2, quota=5)
    make(client, scopes="read")
    first, second = client.get("/api_keys", headers=ADMIN).json["data"]["keys"]
    assert (first["scopes"], first["rate"], first["quota"]) == (["submit"], 2, 5)
    assert (second["scopes"], second["rate"]) == (["read"], None)


def test_only_administrators_do_what_is_theirs(client: FlaskClient) -> None:
    common, admin = make(client), make(client, scopes=["admin"])
    for operation in (operation for operation in OPERATIONS if operation.key == "admin"):
        path = operation.path.replace("<key_id>", "00000000")
        body = {} if operation.body else None
        statuses = [
            client.open(path, method=operation.method, json=body, headers=headers).status_code
            for headers in ({}, {"X-Admin-Bootstrap-Key": "wrong"}, common, admin, ADMIN)
        ]
        assert statuses[:3] == [401, 401, 403], operation
        assert set(statuses[3:]) <= {200, 400, 404}, operation
    assert BOOTSTRAP not in client.get("/config", headers=ADMIN).text


def test_others_tasks_are_out_of_reach(guarded: Flask, client: FlaskClient) -> None:
    one, two = make(client), make(client)
    task_id = begin(client, headers=one)
    everything = service_of(guarded).settings.security.keys == "all"
    for path in (f"/task/{task_id}", f"/download/{task_id}/report.html"):
        own = 200 if path.startswith("/task") else 404
        statuses = [client.get(path, headers=headers).status_code for headers in (one, two, {})]
        assert statuses == ([own, 403, 401] if everything else [own, own, own])
    for method in ("PUT", "DELETE"):
        for headers, status in ((two, 403), ({}, 401)):
            refused = client.open(f"/task/{task_id}", method=method, json={"name": "mine"}, headers=headers)
            assert refused.status_code == refused.json["code"] == status
    totals = [client.get("/tasks", headers=headers).json["data"]["total"] for headers in (one, two)]
    assert totals == [1, 0]
    assert client.get("/tasks").status_code == 401
    assert client.delete(f"/task/{task_id}", headers=one).status_code == 200


def test_a_key_that_has_sent_enough_is_told_when_to_come_back(client: FlaskClient) -> None:
    headers = make(client, rate=1)
    begin(client, headers=headers)
    refused = send(client, headers=headers)
    assert refused.status_code == refused.json["code"] == 429 and int(refused.headers["Retry-After"]) > 0


def test_a_revoked_key_is_no_key(client: FlaskClient) -> None:
    headers = make(client)
    key_id = headers["X-API-Key"].split("_")[1]
    assert client.delete(f"/api_keys/{key_id}", headers=ADMIN).json["data"]["revoked"] is True
    assert send(client, headers=headers).status_code == 401


def test_health_needs_no_key(client: FlaskClient) -> None:
    for path in ("/health", "/api/v1/health"):
        assert client.get(path).status_code == 200
