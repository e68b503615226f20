"""The OGC API within the application: keys, who sees which jobs, pages, limits, and what never gets out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from server.app import create_app, service_of
from server.jobs.request import JobRequest
from server.keys import Keys
from server.languages import LANGUAGES
from server.ogcapi import definition, descriptions
from server.ogcapi.words import WORDS
from tests.server.fakes import settings_in
from tests.server.wps_processes import PRELOAD, registry, running_app

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with running_app(tmp_path_factory.mktemp("app"), GASFLUX_SERVER_MAXREQUESTSIZE="20kb") as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A service that asks for keys."""
    with running_app(tmp_path_factory.mktemp("guarded"), GASFLUX_SECURITY_KEYS="execute") as app:
        yield app


@pytest.fixture(scope="module")
def keys(guarded: Flask) -> list[dict[str, str]]:
    """Headers of two clients."""
    table = Keys.open(service_of(guarded).settings.jobs.database)
    return [{"X-API-Key": table.create(name)} for name in ("one", "two")]


def execute(client: FlaskClient, body: Any, process: str = "small", **headers: str) -> TestResponse:
    return client.post(f"/ogcapi/processes/{process}/execution", json=body, headers=headers)


def start(client: FlaskClient, headers: dict[str, str] | None = None) -> str:
    """Id of a job that waits or runs."""
    response = execute(client, {"inputs": {"text": "x"}}, Prefer="respond-async", **(headers or {}))
    assert response.status_code == 201, response.text
    return str(response.json["jobID"])


def finish(app: Flask, job_id: str) -> None:
    assert service_of(app).jobs.wait(job_id, 30).status.ended


def ids(client: FlaskClient, headers: dict[str, str] | None = None) -> set[str]:
    return {job["jobID"] for job in client.get("/ogcapi/jobs?limit=1000", headers=headers).json["jobs"]}


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "gfw_00000000_wrong"])
def test_what_needs_a_key_is_refused_without(guarded: Flask, key: str | None) -> None:
    client, headers = guarded.test_client(), {"X-API-Key": key} if key else {}
    body = {"inputs": {"text": "x"}}
    for response in (
        execute(client, body, **headers),
        client.get("/ogcapi/jobs", headers=headers),
        client.delete(f"/ogcapi/jobs/{UNKNOWN}", headers=headers),
    ):
        assert response.status_code == 401
        assert response.content_type == "application/problem+json"
        assert "X-API-Key" in response.headers["WWW-Authenticate"]
    # A stranger is not told whether there is such a process or job.
    assert execute(client, body, "nothing", **headers).status_code == 401


def test_what_there_is_can_be_read_without_a_key(guarded: Flask) -> None:
    client = guarded.test_client()
    for path in ("", "/conformance", "/processes", "/processes/small"):
        assert client.get(f"/ogcapi{path}").status_code == 200
    document = client.get("/ogcapi/api").json
    assert document["paths"]["/processes/small/execution"]["post"]["security"] == [{"apiKey": []}]
    assert document["paths"]["/jobs"]["get"]["security"] == [{"apiKey": []}]
    assert "X-API-Key" in client.get("/ogcapi/processes/small?f=html").text


def test_each_client_sees_its_own_jobs(guarded: Flask, keys: list[dict[str, str]]) -> None:
    client, (one, two) = guarded.test_client(), keys
    mine, others = start(client, one), start(client, two)
    assert mine in ids(client, one)
    assert others not in ids(client, one)
    assert others in ids(client, two)
    # Who was given its address may read how a job is doing.
    assert client.get(f"/ogcapi/jobs/{mine}").status_code == 200


@pytest.mark.parametrize("ended", [True, False])
def test_only_who_sent_a_job_dismisses_it(guarded: Flask, keys: list[dict[str, str]], ended: bool) -> None:
    client, (one, two) = guarded.test_client(), keys
    mine = start(client, one)
    if ended:
        finish(guarded, mine)
    refused = client.delete(f"/ogcapi/jobs/{mine}", headers=two)
    assert refused.status_code == 403
    assert refused.content_type == "application/problem+json"
    assert client.delete(f"/ogcapi/jobs/{mine}", headers=one).json["status"] == "dismissed"


def test_jobs_without_a_key_are_everyones_where_keys_are_open(app: Flask, client: FlaskClient) -> None:
    key = {"X-API-Key": Keys.open(service_of(app).settings.jobs.database).create("one")}
    plain, with_key = start(client), start(client, key)
    assert plain in ids(client)
    assert with_key not in ids(client)
    assert ids(client, key) == {with_key}
    assert client.delete(f"/ogcapi/jobs/{with_key}").status_code == 403
    assert client.delete(f"/ogcapi/jobs/{plain}", headers=key).status_code == 200


# --- pages ----------------------------------------------------------------------------------------


def test_what_processes_say_is_escaped(client: FlaskClient) -> None:
    text = client.get("/ogcapi/processes/everything?f=html").text
    assert "Every kind of input &amp; output" in text
    assert "&lt;all&gt; of it" in text
    assert "<all>" not in text
    assert client.get("/ogcapi/processes/everything").json["description"] == "Tells what it was given: <all> of it."
    policy = client.get("/ogcapi?f=html").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_what_clients_send_is_escaped(client: FlaskClient) -> None:
    body = {"inputs": {"text": "</td><script>alert(1)</script>"}, "response": "document"}
    job = execute(client, body).headers["Link"].split(">")[0].rpartition("/")[2]
    text = client.get(f"/ogcapi/jobs/{job}/results?f=html").text
    assert "&lt;script&gt;alert(1)" in text
    assert "<script" not in text


def test_pages_come_in_every_language(client: FlaskClient) -> None:
    for language in LANGUAGES:
        for path in ("", "/conformance", "/api", "/processes", "/processes/small", "/jobs"):
            page = client.get(f"/ogcapi{path}?f=html", headers={"Accept-Language": language})
            assert page.headers["Content-Language"] == language
            assert f'<html lang="{language}">' in page.text
            assert WORDS[language]["processes"] in page.text
            assert "Accept-Language" in page.headers["Vary"]
    assert WORDS.keys() == set(LANGUAGES)
    assert len({frozenset(words) for words in WORDS.values()}) == 1


def test_job_remembers_the_language(app: Flask, client: FlaskClient) -> None:
    response = execute(client, {"inputs": {"text": "x"}}, Prefer="respond-async", **{"Accept-Language": "zh"})
    assert service_of(app).jobs.get(response.json["jobID"]).request.language == "zh-CN"


def test_documents_are_made_once(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {path: client.get(path).data for path in ("/ogcapi/processes/small", "/ogcapi/processes", "/ogcapi/api")}

    def fail(*_: Any, **__: Any) -> Any:
        raise AssertionError("made again")

    for name in ("process_description", "process_list", "api_definition"):
        monkeypatch.setattr(f"server.ogcapi.face.{name}", fail)
    assert {path: client.get(path).data for path in first} == first


def test_waiting_and_dismissed_jobs_have_pages(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path), registry, PRELOAD)
    client, jobs = app.test_client(), service_of(app).jobs
    # Nobody is told of it, so nobody runs it.
    jobs.on_submit = jobs.on_dismiss = lambda job_id: None
    job = jobs.submit(JobRequest("small", {}, mode="async", face="ogcapi-1.0"))
    assert client.get(f"/ogcapi/jobs/{job.id}?f=html").status_code == 200
    assert client.get(f"/ogcapi/jobs/{job.id}/results?f=html").status_code == 404
    jobs.dismiss(job.id)
    assert client.get(f"/ogcapi/jobs/{job.id}?f=html").status_code == 200
    assert client.get(f"/ogcapi/jobs/{job.id}/results?f=html").status_code == 410


# --- limits and errors ----------------------------------------------------------------------------


def test_too_large_a_request_is_refused(client: FlaskClient) -> None:
    response = execute(client, {"inputs": {"text": "x" * 30_000}})
    assert (response.status_code, response.json["type"]) == (413, "FileSizeExceeded")
    assert str(20 * 1024) in response.json["detail"]


def test_a_body_may_be_packed(client: FlaskClient) -> None:
    packed = gzip.compress(json.dumps({"inputs": {"text": "x"}}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    path = "/ogcapi/processes/small/execution"
    assert client.post(path, data=packed, headers=headers).status_code == 200
    large = gzip.compress(json.dumps({"inputs": {"text": "x" * 30_000}}).encode())
    refused = client.post(path, data=large, headers=headers)
    assert (refused.status_code, refused.json["type"]) == (413, "FileSizeExceeded")
    assert client.post(path, data=packed, headers={**headers, "Content-Encoding": "br"}).status_code == 415
    assert client.post(path, data=b"{}", headers=headers).status_code == 400


@pytest.mark.parametrize(
    "content_type", [None, "text/xml", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_what_is_not_named_json_is_refused(client: FlaskClient, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = client.post("/ogcapi/processes/small/execution", data=b"{}", headers=headers)
    assert response.status_code == 415
    assert "application/json" in response.json["detail"]


def test_a_fault_of_the_program_is_told_by_its_number_alone(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr("server.ogcapi.jobs_face.job_list", break_down)
    response = client.get("/ogcapi/jobs")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.json["instance"].removeprefix("urn:uuid:").replace("-", "") == response.headers["X-Request-ID"]


def test_names_of_any_length_are_not_sent_back_whole(client: FlaskClient) -> None:
    response = execute(client, {"inputs": {"x" * 10_000: 1}})
    assert response.status_code == 400
    assert len(response.data) < 2_000


def test_a_job_that_ends_badly_while_its_client_waits(client: FlaskClient) -> None:
    answers = {
        "refuse": (400, "InvalidParameterValue"),
        "nothing": (422, "NoApplicableCode"),
        "break": (500, "NoApplicableCode"),
    }
    for text, (status, kind) in answers.items():
        response = execute(client, {"inputs": {"flight": "a,b", "text": text}}, "everything")
        assert (response.status_code, response.json["type"]) == (status, kind)
        assert "monitor" in response.headers["Link"]
        assert "secret" not in response.text


def test_cors(client: FlaskClient) -> None:
    response = client.get("/ogcapi/processes", headers={"Origin": "https://maps.example.org"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert {"Location", "Link", "Preference-Applied"} <= set(
        response.headers["Access-Control-Expose-Headers"].split(", ")
    )


# --- the definition of the API --------------------------------------------------------------------


@pytest.fixture(scope="module")
def api(app: Flask) -> Any:
    return app.test_client().get("/ogcapi/api").json


def check(api: Any, name: str, document: Any) -> None:
    """Check a document against a schema of the definition itself."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": api["components"]}
    faults = [f"{fault.json_path}: {fault.message}" for fault in OAS30Validator(schema).iter_errors(document)]
    assert not faults, faults


def test_definition_holds_of_the_answers(client: FlaskClient, api: Any) -> None:
    validate(api)
    check(api, "landingPage", client.get("/ogcapi").json)
    check(api, "confClasses", client.get("/ogcapi/conformance").json)
    check(api, "processList", client.get("/ogcapi/processes").json)
    check(api, "process", client.get("/ogcapi/processes/everything").json)
    check(api, "exception", client.get("/ogcapi/nothing").json)
    done = execute(client, {"inputs": {"flight": "a,b"}, "response": "document"}, "everything")
    check(api, "results", done.json)
    check(api, "jobList", client.get("/ogcapi/jobs").json)


def test_definition_holds_of_requests(client: FlaskClient, api: Any) -> None:
    for path, operations in api["paths"].items():
        body = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" in body:
            check(api, body["schema"]["$ref"].rpartition("/")[2], body["example"])
            assert path.endswith("/execution")
    right = {
        "flight": {"value": "a,b", "mediaType": "text/csv"},
        "words": ["a", "b"],
        "height": 2.5,
        "count": 3,
        "model": "cubic",
        "flag": True,
    }
    check(api, "execute.everything", {"inputs": right})
    assert execute(client, {"inputs": right}, "everything").status_code == 200
    for name, wrong in (
        ("height", "2.5"),
        ("height", 0),
        ("model", "other"),
        ("flag", 1),
        ("words", list("abcd")),
        ("z", 1),
    ):
        body = {"inputs": {**right, name: wrong}}
        with pytest.raises(AssertionError):
            check(api, "execute.everything", body)
        assert execute(client, body, "everything").status_code == 400


def test_definition_reaches_nowhere_else(api: Any) -> None:
    references = [part.split('"')[0] for part in json.dumps(api).split('"$ref": "')[1:]]
    assert references
    assert all(reference.startswith("#/") for reference in references)


def test_modules_agree_on_what_jobs_can_do() -> None:
    control = definition._read("openapi_components.yaml")["schemas"]["processSummary"]["properties"]
    assert control["jobControlOptions"]["items"]["enum"] == list(descriptions.JOB_CONTROL)
    assert control["outputTransmission"]["items"]["enum"] == list(descriptions.TRANSMISSION)
