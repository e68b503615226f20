"""OGC API – Features of a job's results: HTTP in, HTTP out."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from collections.abc import Collection as Names
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from flask import Blueprint, Response, g, render_template_string, request
from werkzeug.exceptions import HTTPException

from gasflux_core.errors import InputError
from gasflux_core.io.map_layers import MapLayer
from server.errors import Fault, Report
from server.execution import Execution
from server.ogcapi.site import HTML, JSON, OPENAPI
from server.ows.api_document import api_document
from server.ows.errors import NoSuchCollection, NotAcceptable, map_report
from server.ows.features import (
    DEFAULT_LIMIT,
    GEOJSON,
    GREATEST_LIMIT,
    Collection,
    FeatureSite,
    Page,
    read_box,
    read_interval,
)
from server.ows.folders import JobMap
from server.ows.layers import Words, features_of
from server.ows.page import PAGE

Form = Literal["json", "html"]

_KNOWN_LAYERS = 4
"""Layers that a web worker keeps read; the largest has some ten megabytes."""


def features_blueprint(open_map: Callable[[str], JobMap], execution: Execution) -> Blueprint:
    """The routes, below the address of a job's map.

    :param open_map: gives a job's map.
    """
    face = FeaturesFace(open_map, execution)
    pages = Blueprint("features", __name__)
    for path, name in (
        ("", "landing_page"),
        ("/api", "api"),
        ("/conformance", "conformance"),
        ("/collections", "collections"),
        ("/collections/<collection_id>", "collection"),
        ("/collections/<collection_id>/items", "items"),
        ("/collections/<collection_id>/items/<feature_id>", "item"),
    ):
        pages.add_url_rule(path, name, getattr(face, name), methods=["GET"], strict_slashes=False)
    pages.register_error_handler(Exception, refuse)
    return pages


class FeaturesFace:
    """The pages of all jobs."""

    def __init__(self, open_map: Callable[[str], JobMap], execution: Execution) -> None:
        self._open = open_map
        self._execution = execution
        self._settings = execution.settings
        self._layer = lru_cache(maxsize=_KNOWN_LAYERS)(_read_layer)

    def landing_page(self, job_id: str) -> Response:
        """Where all begins."""
        form = _form()
        self._open(job_id)
        site = self._site(job_id)
        return _page(site.title, site.landing_page(form), form)

    def api(self, job_id: str) -> Response:
        """The definition of the API."""
        form = _form(OPENAPI, OPENAPI.partition(";")[0])
        site = self._site(job_id)
        document = api_document(site, [one.identifier for one in self._collections(job_id)])
        return _page("Definition of the API", document, form, OPENAPI)

    def conformance(self, job_id: str) -> Response:
        """What the API conforms to."""
        form = _form()
        self._open(job_id)
        return _page("Conformance", self._site(job_id).conformance(), form)

    def collections(self, job_id: str) -> Response:
        """What there is."""
        form = _form()
        return _page("Collections", self._site(job_id).collections(self._collections(job_id), form), form)

    def collection(self, job_id: str, collection_id: str) -> Response:
        """One collection."""
        form = _form()
        found = self._collection(job_id, collection_id)
        return _page(found.words.title, self._site(job_id).collection(found, form), form)

    def items(self, job_id: str, collection_id: str) -> Response:
        """Its features."""
        form = _form(GEOJSON, known=("bbox", "datetime", "limit", "offset"))
        found = self._collection(job_id, collection_id)
        box, moment = _single("bbox"), _single("datetime")
        page = Page(
            None if box is None else read_box(box),
            None if moment is None else read_interval(moment),
            _number("limit", DEFAULT_LIMIT, 1, GREATEST_LIMIT),
            _number("offset", 0, 0, 10**9),
        )
        query = {name: value for name, value in (("bbox", box), ("datetime", moment)) if value is not None}
        now = datetime.now(UTC)
        return _page(found.words.title, self._site(job_id).items(found, page, query, form, now), form, GEOJSON)

    def item(self, job_id: str, collection_id: str, feature_id: str) -> Response:
        """One feature."""
        form = _form(GEOJSON)
        found = self._collection(job_id, collection_id)
        place = found.layer.find(feature_id)
        if place is None:
            raise NoSuchCollection(f"The collection {found.identifier} has no feature {feature_id[:40]!r}.")
        document = self._site(job_id).item(found, place, feature_id, form)
        return _page(f"{found.words.title} {feature_id}", document, form, GEOJSON)

    def _site(self, job_id: str) -> FeatureSite:
        job = self._execution.job(job_id)
        address = self._execution.access.address(f"/ows/{job_id}", job_id)
        title = f"{self._settings.metadata.identification_title}: {self._execution.declared(job).title}, job {job_id}"
        abstract = f"Results of the process {job.process} as features. The same by WMS, WCS and WFS: {address}"
        return FeatureSite(f"{address}/features", title, abstract)

    def _collections(self, job_id: str) -> list[Collection]:
        return [self._collection(job_id, name) for name in self._open(job_id).on_map.names]

    def _collection(self, job_id: str, identifier: str) -> Collection:
        found = self._open(job_id)
        if identifier not in found.on_map.names:
            names = ", ".join(found.on_map.names)
            raise NoSuchCollection(f"The job has no collection {identifier[:40]!r}; it has: {names}.")
        job = self._execution.job(job_id)
        item = job.results[identifier]
        words, layer = self._layer(found, identifier)
        address = self._execution.jobs.store.url(job_id, item.file or "")
        return Collection(identifier, words, layer, address, item.media_type or "")


def refuse(error: Exception) -> Response | HTTPException:
    """Any error as the standard's exception (schema exception.yaml)."""
    if isinstance(error, HTTPException):
        said = Report(error.code or 500, (Fault(error.name.title().replace(" ", ""), error.description or ""),))
        if said.status < 400:
            return error
    else:
        said = map_report(error, g.get("request_id") or uuid.uuid4().hex)
    text = " ".join(fault.text for fault in said.faults)
    response = Response(
        json.dumps({"code": said.faults[0].code, "description": text}, ensure_ascii=False),
        said.status,
        content_type=JSON,
    )
    response.headers["Cache-Control"] = "no-store"
    if said.retry_after is not None:
        response.headers["Retry-After"] = str(said.retry_after)
    return response


def _read_layer(found: JobMap, identifier: str) -> tuple[Words, MapLayer]:
    return features_of(found.on_map, identifier)


# --- reading requests -----------------------------------------------------------------------------


def _form(*also_json: str, known: Names[str] = ()) -> Form:
    """JSON or HTML, as the query's ``f`` says, else the header ``Accept``; and a look at the names in the query.

    :param also_json: media types under which the page's JSON is known too.
    :param known: names in the query that the page reads beside ``f``.
    """
    for name in request.args:
        if name not in ("f", *known):
            # Required by 17-069r4, 7.6: its sender would believe that it works.
            names = ", ".join(("f", *known))
            raise InputError(f"{name[:40]}: this page has no parameter of that name; it has: {names}.", name[:40])
    asked = _single("f")
    if asked is not None:
        if asked not in ("json", "html"):
            raise InputError(f"f: expected json or html, got {asked[:40]!r}.", "f")
        return "json" if asked == "json" else "html"
    if not request.accept_mimetypes:
        return "json"
    offered = [*also_json, JSON, HTML]
    best = request.accept_mimetypes.best_match(offered)
    if best is None:
        raise NotAcceptable(f"This page comes as {' or '.join(offered)}; the header Accept takes none of these.")
    return "html" if best == HTML else "json"


def _single(name: str) -> str | None:
    values = request.args.getlist(name)
    if len(values) > 1:
        raise InputError(f"{name}: expected one value, got {len(values)}.", name)
    return values[0] if values else None


def _number(name: str, default: int, lowest: int, highest: int) -> int:
    text = _single(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) >= lowest):
        raise InputError(f"{name}: expected a whole number from {lowest}, got {text[:40]!r}.", name)
    return min(int(text), highest)


# --- writing pages --------------------------------------------------------------------------------


def _page(title: str, document: dict[str, Any], form: Form, media_type: str = JSON) -> Response:
    if form == "html":
        text = render_template_string(PAGE, title=title, page=document, text=json.dumps(document, indent=1))
        response = Response(text, content_type=f"{HTML}; charset=utf-8")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    else:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        response = Response(text, content_type=media_type)
    # The time in it is no part of what it says.
    steady = json.dumps({name: value for name, value in document.items() if name != "timeStamp"}) + form
    response.set_etag(hashlib.sha256(steady.encode()).hexdigest()[:32], weak=True)
    response.vary.add("Accept")
    response.headers["Cache-Control"] = "public, max-age=300"
    response.make_conditional(request)
    return response
