"""The OpenAPI document of this face, made from its operations."""

from __future__ import annotations

import re
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from server.access import Scope
from server.rest.changes import LONGEST_NAME, LONGEST_NOTES, MOST_JOBS
from server.rest.operations import DEFINITION_PATH, OPERATIONS, PAGE_PATH, V1, Operation, Schema
from server.rest.paging import DEFAULT_PER_PAGE, LAST_PAGE, LONGEST_SEARCH, MOST_PER_PAGE, ORDERS, SORTS
from server.rest.tasks import STATUSES
from server.settings import Settings

REFUSALS = {
    400: "Something of the request can't be used; the message says what, and what was expected.",
    401: "A key is needed, or the one that came is wrong or revoked.",
    403: "The key may not do this, or the task was sent with another key.",
    404: "There is no such thing.",
    409: "What the task is in the midst of doesn't allow it.",
    413: "The request is too large.",
    415: "A file or a body of a kind that isn't taken.",
    416: "The file has no such range.",
    429: "The key has sent as many tasks as it may; Retry-After says when to try again.",
    500: "The service failed; its operator finds the reason by the request id.",
    503: "The service is busy; Retry-After says when to try again.",
}
"""Status → what it means."""

_ALWAYS = (400, 401, 403, 500, 503)


def api_definition(settings: Settings) -> dict[str, Any]:
    """The document."""
    written: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "openapi.yaml").read_text(encoding="utf-8"))
    components = written["components"]
    _fill(components)
    components["responses"] = {_name(status): _refusal(text) for status, text in REFUSALS.items()}
    metadata = settings.metadata
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        path, names = _path(operation.path)
        item = paths.setdefault(path, {})
        item[operation.method.lower()] = _operation(operation, names, needed=settings.security.keys != "open")
    paths["/health"] = {"get": _health()}
    paths[DEFINITION_PATH] = {"get": _own("definition", "This document", "application/json")}
    paths[PAGE_PATH] = {"get": _own("page", "This document as a page", "text/html")}
    return {
        "openapi": written["openapi"],
        "info": {
            "title": f"{metadata.identification_title}: REST",
            "description": "Send a flight, ask how its task is doing, fetch what came of it. The same paths, but for "
            "this document, are at the root of the service as well.",
            "version": version("gasflux-wps"),
        },
        "servers": [{"url": f"{settings.root}{V1}"}],
        "tags": written["tags"],
        "paths": paths,
        "components": components,
    }


def _fill(components: dict[str, Any]) -> None:
    """Put in what the code knows."""
    parameters, schemas = components["parameters"], components["schemas"]
    parameters["page"]["schema"]["maximum"] = LAST_PAGE
    parameters["per_page"]["schema"] |= {"maximum": MOST_PER_PAGE, "default": DEFAULT_PER_PAGE}
    parameters["sort"]["schema"] |= {"enum": list(SORTS), "default": "created_at"}
    parameters["order"]["schema"] |= {"enum": list(ORDERS), "default": "desc"}
    parameters["q"]["schema"]["maxLength"] = LONGEST_SEARCH
    schemas["Status"]["enum"] = list(STATUSES.values())
    change, key = schemas["TaskChange"]["properties"], schemas["KeyRequest"]["properties"]
    change["name"]["maxLength"] = key["name"]["maxLength"] = LONGEST_NAME
    change["notes"]["maxLength"] = LONGEST_NOTES
    key["scopes"]["items"]["enum"] = [str(scope) for scope in Scope]
    for member in ("rate", "quota"):
        key[member]["maximum"] = MOST_JOBS


def _path(flask_path: str) -> tuple[str, list[str]]:
    """A path as OpenAPI has it, and the names of its parts."""
    names: list[str] = re.findall(r"<(?:\w+:)?(\w+)>", flask_path)
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", flask_path), names


def _operation(operation: Operation, in_path: list[str], *, needed: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.text,
        "responses": _responses(operation),
    }
    names = [*in_path, *operation.query]
    if names:
        made["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
    if operation.body:
        media_type = "multipart/form-data" if operation.body == "Upload" else "application/json"
        schema = {"$ref": f"#/components/schemas/{operation.body}"}
        made["requestBody"] = {"required": True, "content": {media_type: {"schema": schema}}}
    if operation.key:
        ways: list[dict[str, list[str]]] = [{"apiKey": []}]
        if operation.key == "admin":
            ways.append({"bootstrapKey": []})
        # An empty requirement: it goes without a key too.
        made["security"] = ways if needed else [{}, *ways]
    return made


def _responses(operation: Operation) -> dict[str, Any]:
    statuses = sorted({*_ALWAYS, *operation.refusals, *((429,) if operation.key == "submit" else ())})
    return {
        str(operation.status): _success(operation),
        **{str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in statuses},
    }


def _success(operation: Operation) -> dict[str, Any]:
    description = f"{HTTPStatus(operation.status).phrase}."
    if operation.data is None:
        # The media type is each file's own.
        return {
            "description": description,
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    envelope: Schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Envelope"},
            {"type": "object", "required": ["data"], "properties": {"data": operation.data}},
        ]
    }
    return {"description": description, "content": {"application/json": {"schema": envelope}}}


def _health() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
    return {
        "operationId": "health",
        "tags": ["Service"],
        "summary": "Whether the service works",
        "description": "For probes: status, version, uptime, database, engine and disk, plain and in the envelope.",
        "responses": {
            "200": {"description": "It works.", "content": content},
            "503": {"description": "It can't reach its database or its disk.", "content": content},
        },
    }


def _own(name: str, summary: str, media_type: str) -> dict[str, Any]:
    schema: Schema = {"type": "object"} if media_type == "application/json" else {"type": "string"}
    return {
        "operationId": name,
        "tags": ["Service"],
        "summary": summary,
        "description": f"{summary}.",
        "responses": {
            "200": {"description": "OK.", "content": {media_type: {"schema": schema}}},
            **{str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in (401, 403, 500, 503)},
        },
    }


def _refusal(text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(status).phrase.replace("-", " ").split())
