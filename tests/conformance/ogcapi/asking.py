"""Asking the service by HTTP, and the standard's own schemas."""

from __future__ import annotations

import json
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

import requests
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from tests.acceptance.running import Service
from tests.conftest import ROOT, skip

TYPES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
RELATIONS = "http://www.opengis.net/def/rel/ogc/1.0/"
PROBLEM = "application/problem+json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def get(service: Service, path: str = "", **headers: str) -> requests.Response:
    """GET a page below /ogcapi, or a whole address."""
    address = path if path.startswith("http") else f"{service.url}/ogcapi{path}"
    return requests.get(address, headers=headers, timeout=60)


def page(service: Service, path: str = "") -> Any:
    """A page as JSON, which must be there."""
    response = get(service, path, Accept="application/json")
    assert response.status_code == 200, response.text
    return response.json()


def execute(service: Service, process: str, body: Any, **headers: str) -> requests.Response:
    """POST an execute request."""
    address = f"{service.url}/ogcapi/processes/{process}/execution"
    return requests.post(address, json=body, headers=headers, timeout=60)


def start(service: Service, process: str, body: Any) -> Any:
    """The status of a job that was just sent."""
    response = execute(service, process, body, Prefer="respond-async")
    assert response.status_code == 201, response.text
    return response.json()


def ended(service: Service, job: Any) -> Any:
    """The status of a job once it has ended."""
    limit = time.monotonic() + 60
    while (told := page(service, f"/jobs/{job['jobID']}"))["status"] in ("accepted", "running"):
        assert time.monotonic() < limit, told
        time.sleep(0.05)
    return told


def finished(service: Service, process: str, body: Any) -> requests.Response:
    """The results of a job that was sent to run by itself, read once it has ended."""
    job = ended(service, start(service, process, body))
    return get(service, f"/jobs/{job['jobID']}/results")


def links(document: Any, relation: str) -> list[Any]:
    """Those links of a document that have this relation."""
    return [link for link in document["links"] if link["rel"] == relation]


def parts(response: requests.Response) -> dict[str, tuple[dict[str, str], bytes]]:
    """The parts of a multipart/related answer (RFC 2387) by their Content-ID: headers and body."""
    media_type = response.headers["Content-Type"]
    assert media_type.startswith("multipart/related;")
    boundary = media_type.split('boundary="')[1].split('"')[0].encode()
    pieces = (b"\r\n" + response.content).split(b"\r\n--" + boundary)
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    found = {}
    for piece in pieces[1:-1]:
        head, _, body = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        found[headers["Content-ID"]] = (headers, body)
    return found


# --- the official schemas -------------------------------------------------------------------------


def assert_valid(document: Any, schema: str) -> None:
    """Check a document against an official schema, such as ``statusInfo``."""
    faults = [f"{fault.json_path}: {fault.message}" for fault in _validator(schema).iter_errors(document)]
    assert not faults, faults


def assert_problem(response: requests.Response, status: int, kind: str) -> Any:
    """Check that an answer is a problem of this status and type, and give it."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == PROBLEM
    problem = response.json()
    assert_valid(problem, "exception")
    assert problem["type"] == kind
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator(_schemas()[name], registry=_registry(), format_checker=FormatChecker())


@cache
def _registry() -> Registry:
    resources = [(f"{name}.json", Resource.from_contents(schema, DRAFT7)) for name, schema in _schemas().items()]
    return Registry().with_resources(resources)


@cache
def _schemas() -> dict[str, Any]:
    beside = ROOT.parent / "shared" / "schemas"
    folder = Path(os.environ.get("GASFLUX_TEST_SCHEMAS") or beside) / "ogcapi-processes-1.0"
    if not folder.is_dir():
        skip("needs a folder of the OGC schemas beside the checkout or GASFLUX_TEST_SCHEMAS")
    return {file.stem: _mended(json.loads(file.read_text())) for file in folder.glob("*.json")}


def _mended(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as one of JSON Schema.

    The official ones hold that a value fits one of several kinds of which two fit always (an integer is a number, and
    every text is a binary value): no value at all would be valid. And the limits of schema.yaml itself are those of
    OpenAPI 3.0, where exclusiveMinimum is true or false.
    """
    if isinstance(schema, list):
        return [_mended(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    mended = {key: _mended(value) for key, value in schema.items()}
    if isinstance(mended.get("oneOf"), list):
        mended["anyOf"] = mended.pop("oneOf")
    if mended.get("exclusiveMinimum") is True:
        mended["exclusiveMinimum"] = mended.pop("minimum")
    return mended
