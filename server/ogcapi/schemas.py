"""JSON schemas of the values of inputs and outputs, made from their declarations.

They are schema objects as the standard has them (schema.yaml of OGC 18-062r2): OpenAPI 3.0 with contentMediaType and
contentEncoding of JSON Schema.
"""

from __future__ import annotations

import json
import re
from typing import Any

from gasflux_core.errors import InputError
from processes.bounding_box import CRS84
from processes.declaration import DataType, FormatDeclaration, InputDeclaration, OutputDeclaration
from processes.literals import LiteralValue, read_literal
from server.formats import canonical

Schema = dict[str, Any]

_TYPES: dict[DataType, Schema] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "float": {"type": "number", "format": "double"},
    "boolean": {"type": "boolean"},
    "anyURI": {"type": "string", "format": "uri"},
}
_URN = re.compile(r"urn:(?:x-)?ogc:def:crs:([^:]+):([^:]*):([^:]+)")


def input_schema(declared: InputDeclaration) -> Schema:
    """Schema of one value of an input."""
    match declared.kind:
        case "literal":
            return _literal_schema(declared)
        case "bbox":
            return bbox_schema(declared.crs)
        case "complex":
            # A list can be sent as a text or by reference.
            return _complex_schema(declared.formats, {"type": "object"})


def output_schema(declared: OutputDeclaration) -> Schema:
    """Schema of the value of an output."""
    match declared.kind:
        case "literal":
            return dict(_TYPES[declared.data_type])
        case "bbox":
            return bbox_schema(declared.crs)
        case "complex":
            # No type: it may be an object, and a list as well.
            return _complex_schema(declared.formats, {})


def bbox_schema(systems: tuple[str, ...]) -> Schema:
    """Schema of a bounding box (bbox.yaml).

    :param systems: URNs of its reference systems.
    """
    return {
        "type": "object",
        "format": "ogc-bbox",
        "required": ["bbox"],
        "additionalProperties": False,
        "properties": {
            "bbox": {
                "type": "array",
                "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
                "items": {"type": "number"},
            },
            "crs": {
                "type": "string",
                "format": "uri",
                "default": crs_uri(default_crs(systems)),
                "enum": [crs_uri(name) for name in systems],
            },
        },
    }


def default_crs(systems: tuple[str, ...]) -> str:
    """The reference system of a box that names none: the standard's own where the process takes it, else the first."""
    return CRS84 if CRS84 in systems else systems[0]


def crs_uri(name: str) -> str:
    """Address of a reference system, as JSON has it, out of its URN."""
    match = _URN.fullmatch(name)
    return f"http://www.opengis.net/def/crs/{match[1]}/{match[2] or '0'}/{match[3]}" if match else name


def literal_json(text: str, data_type: DataType) -> LiteralValue:
    """The text of a literal as a value of JSON: text where JSON can't hold it."""
    declared = InputDeclaration("value", "", "", "literal", data_type=data_type)
    try:
        value = read_literal(declared, text) if data_type in ("integer", "float", "boolean") else text
    except InputError:
        return text
    return text if value is None else value


def is_json(media_type: str | None) -> bool:
    """Whether values of a media type are JSON, and so need no wrapping in JSON."""
    name = canonical(media_type or "")[0]
    return name == "application/json" or name.endswith("+json")


def json_format(formats: tuple[FormatDeclaration, ...]) -> FormatDeclaration | None:
    """The format in which a value of JSON comes, if any."""
    return next((item for item in formats if is_json(item.media_type)), None)


def _literal_schema(declared: InputDeclaration) -> Schema:
    schema = dict(_TYPES[declared.data_type])
    if declared.allowed:
        schema["enum"] = [literal_json(text, declared.data_type) for text in declared.allowed]
    if declared.minimum is not None:
        schema["minimum"] = declared.minimum
        if declared.minimum_excluded:
            schema["exclusiveMinimum"] = True
    if declared.maximum is not None:
        schema["maximum"] = declared.maximum
        if declared.maximum_excluded:
            schema["exclusiveMaximum"] = True
    if declared.default is not None:
        schema["default"] = literal_json(declared.default, declared.data_type)
    return schema


def _complex_schema(formats: tuple[FormatDeclaration, ...], json_type: Schema) -> Schema:
    kinds = [_format_schema(item, json_type) for item in formats]
    return kinds[0] if len(kinds) == 1 else {"oneOf": kinds}


def _format_schema(declared: FormatDeclaration, json_type: Schema) -> Schema:
    if is_json(declared.media_type):
        schema: Schema = {**json_type, "contentMediaType": declared.media_type}
    elif declared.encoding == "base64":
        schema = {
            "type": "string",
            "format": "byte",
            "contentEncoding": "base64",
            "contentMediaType": declared.media_type,
        }
    else:
        schema = {"type": "string", "contentMediaType": declared.media_type}
    if declared.schema:
        schema["contentSchema"] = declared.schema
    return schema


def for_openapi(schema: Schema) -> Schema:
    """The same as OpenAPI 3.0 has it, which knows no keys about content."""
    plain: Schema = {
        key: [for_openapi(item) for item in value] if key == "oneOf" else value
        for key, value in schema.items()
        if key not in ("contentMediaType", "contentEncoding", "contentSchema")
    }
    if "contentMediaType" in schema:
        plain["description"] = schema["contentMediaType"]
    if "oneOf" in plain and all("description" in item for item in plain["oneOf"]):
        # Several of them are just text, so that a value may well fit more than one.
        plain["anyOf"] = list({json.dumps(item): item for item in plain.pop("oneOf")}.values())
    return plain
