"""The definition of the API: OpenAPI 3.0, whole in itself (OGC 18-062r2, clauses 7.3 and 11)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from processes.declaration import InputDeclaration, ProcessDeclaration
from processes.translation import translate
from server.ogcapi.descriptions import example_request
from server.ogcapi.schemas import Schema, for_openapi, input_schema
from server.ogcapi.site import Site
from server.settings import Settings

_HERE = Path(__file__).parent
_EXECUTION = "/processes/{processID}/execution"
_REFUSALS = {"401": "NoKey", "403": "Forbidden", "429": "TooMany"}
"""What all operations may answer where all ask for a key."""

_METHODS = ("get", "post", "delete")
_NEED_KEYS = (("/jobs", "get"), ("/jobs/{jobID}", "delete"))
"""Operations that ask for a key where the service does, beside those that execute."""

_REFERENCE = {"$ref": "#/components/schemas/reference"}
_QUALIFIED = {"$ref": "#/components/schemas/qualifiedValue"}


def api_definition(
    declarations: Iterable[ProcessDeclaration], settings: Settings, site: Site, language: str
) -> dict[str, Any]:
    """The document.

    :param declarations: in the language.
    """
    document: dict[str, Any] = _read("openapi.yaml")
    document["components"] |= _read("openapi_components.yaml")
    metadata = settings.metadata
    info: dict[str, Any] = {
        "title": translate(metadata.identification_title, language),
        "description": translate(metadata.identification_abstract, language),
        "version": version("gasflux-wps"),
    }
    contact = {"name": metadata.contact_name or metadata.provider_name, "email": metadata.contact_email}
    info["contact"] = {name: value for name, value in contact.items() if value}
    paths = document["paths"]
    for declared in declarations:
        schemas = document["components"]["schemas"]
        schemas[f"execute.{declared.identifier}"] = _execute_schema(declared, schemas["execute"])
        paths[execution_path(declared)] = {"post": _execution(declared, paths[_EXECUTION]["post"])}
    keys = settings.security.keys
    _ask_for_keys(paths, needed=keys != "open", everywhere=keys == "all")
    return {
        "openapi": document["openapi"],
        "info": info,
        "servers": [{"url": site.root}],
        "tags": document["tags"],
        "paths": paths,
        "components": document["components"],
    }


def execution_path(declared: ProcessDeclaration) -> str:
    """Path of the requests for one process."""
    return _EXECUTION.replace("{processID}", declared.identifier)


def _read(name: str) -> Any:
    return yaml.safe_load((_HERE / name).read_text(encoding="utf-8"))


def _execution(declared: ProcessDeclaration, general: dict[str, Any]) -> dict[str, Any]:
    """Running one process: as running any, with its own inputs."""
    body = {
        "schema": {"$ref": f"#/components/schemas/execute.{declared.identifier}"},
        "example": example_request(declared),
    }
    return {
        **general,
        "operationId": f"execute.{declared.identifier}",
        "summary": declared.title,
        "description": declared.abstract,
        "parameters": [one for one in general["parameters"] if not one["$ref"].endswith("/processID")],
        "requestBody": {"required": True, "content": {"application/json": body}},
    }


def _execute_schema(declared: ProcessDeclaration, general: Schema) -> Schema:
    needed = [item.identifier for item in declared.inputs if item.min_occurs > 0 and item.default is None]
    inputs: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {item.identifier: _input_schema(item, item.identifier in needed) for item in declared.inputs},
    }
    outputs: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {item.identifier: {"$ref": "#/components/schemas/output"} for item in declared.outputs},
    }
    schema = {**general, "properties": {**general["properties"], "inputs": inputs, "outputs": outputs}}
    if needed:
        inputs["required"] = needed
        schema["required"] = ["inputs"]
    return schema


def _input_schema(declared: InputDeclaration, needed: bool) -> Schema:
    """What may stand for an input in a request."""
    bare = for_openapi(input_schema(declared))
    ways: list[Schema] = [*bare["anyOf"]] if "anyOf" in bare else [bare]
    if declared.kind == "complex":
        ways += [_QUALIFIED, _REFERENCE]
    # An empty text is no value.
    ways = [{**way, "minLength": 1} if way.get("type") == "string" and needed else way for way in ways]
    one: Schema = {"anyOf": ways} if len(ways) > 1 else ways[0]
    if declared.max_occurs > 1:
        several = {"type": "array", "maxItems": declared.max_occurs, "items": one}
        one = {"anyOf": [*ways, several]}
    text = f"{declared.title}. {declared.abstract}" + (f" Unit: {declared.unit}." if declared.unit else "")
    return {**one, "description": text}


def _ask_for_keys(paths: dict[str, Any], *, needed: bool, everywhere: bool) -> None:
    # An empty requirement: it goes without a key too.
    requirement: list[dict[str, list[str]]] = [{"apiKey": []}] if needed else [{}, {"apiKey": []}]
    for path, operations in paths.items():
        for method, operation in operations.items():
            if method in _METHODS and (everywhere or method == "post" or (path, method) in _NEED_KEYS):
                operation["security"] = requirement
                if everywhere:
                    for status, name in _REFUSALS.items():
                        operation["responses"].setdefault(status, {"$ref": f"#/components/responses/{name}"})
