"""The definition of the API as OpenAPI 3.0 (OGC 17-069r4, clause 9)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from server.ogcapi.site import HTML, JSON, OPENAPI
from server.ows.features import DEFAULT_LIMIT, GEOJSON, GREATEST_LIMIT, FeatureSite

Document = dict[str, Any]

_EXCEPTION = {
    "type": "object",
    "required": ["code"],
    "properties": {"code": {"type": "string"}, "description": {"type": "string"}},
}
_LINK = {
    "type": "object",
    "required": ["href"],
    "properties": {name: {"type": "string"} for name in ("href", "rel", "type", "title")},
}
_LINKS = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}
_FEATURE = {
    "type": "object",
    "required": ["type", "geometry", "properties"],
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "geometry": {"type": "object"},
        "properties": {"type": "object"},
        "links": _LINKS,
    },
}
_SCHEMAS: Document = {
    "exception": _EXCEPTION,
    "link": _LINK,
    "landingPage": {
        "type": "object",
        "required": ["links"],
        "properties": {"title": {"type": "string"}, "description": {"type": "string"}, "links": _LINKS},
    },
    "confClasses": {
        "type": "object",
        "required": ["conformsTo"],
        "properties": {"conformsTo": {"type": "array", "items": {"type": "string"}}},
    },
    "collections": {
        "type": "object",
        "required": ["links", "collections"],
        "properties": {
            "links": _LINKS,
            "collections": {"type": "array", "items": {"$ref": "#/components/schemas/collection"}},
        },
    },
    "collection": {
        "type": "object",
        "required": ["id", "links"],
        "properties": {
            "id": {"type": "string"},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "extent": {"type": "object"},
            "itemType": {"type": "string"},
            "crs": {"type": "array", "items": {"type": "string"}},
            "links": _LINKS,
        },
    },
    "featureGeoJSON": _FEATURE,
    "featureCollectionGeoJSON": {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/featureGeoJSON"}},
            "links": _LINKS,
            "timeStamp": {"type": "string", "format": "date-time"},
            "numberMatched": {"type": "integer", "minimum": 0},
            "numberReturned": {"type": "integer", "minimum": 0},
        },
    },
}

_PARAMETERS: Document = {
    "bbox": {
        "name": "bbox",
        "in": "query",
        "description": "Only features that meet this box: west, south, east, north in degrees.",
        "schema": {
            "type": "array",
            "items": {"type": "number"},
            "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
        },
        "style": "form",
        "explode": False,
    },
    "datetime": {
        "name": "datetime",
        "in": "query",
        "description": "Only features of this time, or of this interval; those that have no time are in each.",
        "schema": {"type": "string"},
        "style": "form",
        "explode": False,
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "Most features of one page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": GREATEST_LIMIT, "default": DEFAULT_LIMIT},
        "style": "form",
        "explode": False,
    },
    "offset": {
        "name": "offset",
        "in": "query",
        "description": "How many features to leave out before the first one.",
        "schema": {"type": "integer", "minimum": 0, "default": 0},
        "style": "form",
        "explode": False,
    },
    "f": {
        "name": "f",
        "in": "query",
        "description": "Form of the page, which else the header Accept says.",
        "schema": {"type": "string", "enum": ["json", "html"]},
        "style": "form",
        "explode": False,
    },
}


def api_document(site: FeatureSite, collections: Sequence[str]) -> Document:
    """The definition, with a path of its own for every collection."""
    paths: Document = {
        "/": _get("landingPage", "Landing page", "landingPage"),
        "/api": _get("api", "This definition", None, media_type=OPENAPI),
        "/conformance": _get("conformance", "What this API conforms to", "confClasses"),
        "/collections": _get("collections", "The collections", "collections"),
    }
    for name in collections:
        here = f"/collections/{name}"
        paths[here] = _get(f"describe.{name}", f"What {name} is", "collection")
        paths[f"{here}/items"] = _get(
            f"items.{name}",
            f"Features of {name}",
            "featureCollectionGeoJSON",
            ("bbox", "datetime", "limit", "offset"),
            media_type=GEOJSON,
        )
        paths[f"{here}/items/{{featureId}}"] = _get(
            f"item.{name}", f"A feature of {name}", "featureGeoJSON", media_type=GEOJSON, of_one=True
        )
    return {
        "openapi": "3.0.3",
        "info": {"title": site.title, "description": site.abstract, "version": version("gasflux-wps")},
        "servers": [{"url": site.root}],
        "tags": [{"name": "features", "description": "The results as features"}],
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "parameters": _PARAMETERS, "responses": _responses()},
    }


def _get(
    operation: str,
    summary: str,
    schema: str | None,
    parameters: Sequence[str] = (),
    *,
    media_type: str = JSON,
    of_one: bool = False,
) -> Document:
    named: list[Document] = [{"$ref": f"#/components/parameters/{name}"} for name in (*parameters, "f")]
    if of_one:
        named.insert(
            0, {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Id."}
        )
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}}
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": ["features"],
            "parameters": named,
            "responses": {
                "200": {
                    "description": summary,
                    "content": {media_type: content, HTML: {"schema": {"type": "string"}}},
                },
                **{
                    code: {"$ref": f"#/components/responses/{name}"}
                    for code, name in (("400", "InvalidParameter"), ("404", "NotFound"), ("406", "NotAcceptable"))
                },
                "default": {"$ref": "#/components/responses/Other"},
            },
        }
    }


def _responses() -> Document:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/exception"}}}
    return {
        "InvalidParameter": {"description": "A parameter is unknown or can't be used.", "content": content},
        "NotFound": {"description": "There is no such job, collection or feature.", "content": content},
        "NotAcceptable": {"description": "The page has no such form.", "content": content},
        "Other": {"description": "An error.", "content": content},
    }
