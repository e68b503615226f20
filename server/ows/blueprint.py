"""The routes of a job's map services: WMS, WCS and WFS at ``/ows/<job>``, OGC API – Features below it."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, redirect, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from gasflux_core.errors import TooLarge
from server.errors import Fault, Report
from server.execution import Execution
from server.jobs.model import JobStatus
from server.ows.addresses import map_address
from server.ows.errors import NoMap, NotYet, map_report
from server.ows.exceptions import XML_TYPE, exception_document, read_exception
from server.ows.features_face import features_blueprint
from server.ows.folders import JobMap, MapFolders
from server.ows.mapserver import MapServer
from server.ows.requests import LARGEST_BODY, Asked, named_service, read_document, read_query

CACHE = "public, max-age=300"
"""A result never changes; but its job may be removed."""


class Maps:
    """The maps of all jobs."""

    def __init__(self, execution: Execution) -> None:
        self._find = execution.job
        self._folders = MapFolders(execution.settings, execution.jobs.store, execution.declared)

    def open(self, job_id: str) -> JobMap:
        """A job's map.

        :raises NoSuchJob: there is no such job.
        :raises NotYet: it has not ended.
        :raises NoMap: it has nothing to show.
        """
        job = self._find(job_id)
        if not job.status.ended:
            raise NotYet(f"The job is {job.status} and has no results yet. Ask again once it has ended.")
        if job.status is not JobStatus.SUCCESSFUL:
            raise NoMap(f"The job is {job.status} and has no results.")
        found = self._folders.open(job)
        if not found.on_map:
            raise NoMap(
                "The job has no result that lies on a map. Send it again and ask for the output wms, wcs, wfs or "
                "features, or for all outputs."
            )
        return found


def ows_blueprint(execution: Execution) -> Blueprint:
    """The routes, for an application to mount at ``/ows``."""
    maps = Maps(execution)
    face = MapServices(execution, maps, MapServer(execution.settings))
    pages = Blueprint("ows", __name__)
    pages.add_url_rule("/<job_id>", "get", face.get, methods=["GET"], strict_slashes=False)
    pages.add_url_rule("/<job_id>", "post", face.post, methods=["POST"], strict_slashes=False)
    pages.register_error_handler(Exception, refuse)
    pages.register_blueprint(features_blueprint(maps.open, execution), url_prefix="/<job_id>/features")
    return pages


class MapServices:
    """WMS, WCS and WFS of jobs, as MapServer answers them."""

    def __init__(self, execution: Execution, maps: Maps, mapserver: MapServer) -> None:
        self._settings = execution.settings
        self._access = execution.access
        self._maps = maps
        self._mapserver = mapserver

    def get(self, job_id: str) -> AnyResponse:
        """A request in key-value pairs."""
        query = request.query_string.decode("latin-1")
        g.ows_asked = named_service(query)
        if not query:
            self._maps.open(job_id)
            # Who follows the bare address is a person, or a client that knows links.
            return redirect(f"{urlsplit(self._address(job_id)).path}/features", 303)
        asked = read_query(query)
        tag = self._tag(job_id, asked)
        known = request.if_none_match.contains_weak(tag)
        response = Response(status=304) if known else self._answer(job_id, asked)
        if response.status_code in (200, 304):
            response.set_etag(tag, weak=True)
            response.headers["Cache-Control"] = CACHE
        return response

    def post(self, job_id: str) -> Response:
        """A request in XML, or in key-value pairs as a form sends them."""
        if (request.content_length or 0) > LARGEST_BODY:
            raise RequestEntityTooLarge
        request.max_content_length = LARGEST_BODY
        content = request.get_data(cache=False)
        if request.mimetype == "application/x-www-form-urlencoded":
            query = content.decode("latin-1")
            g.ows_asked = named_service(query)
            return self._answer(job_id, read_query(query))
        asked = read_document(content)
        g.ows_asked = (asked.service, asked.version)
        return self._answer(job_id, asked)

    def _tag(self, job_id: str, asked: Asked) -> str:
        folder = self._maps.open(job_id).folder
        return hashlib.sha256(f"{folder.name}?{asked.query}{self._address(job_id)}".encode()).hexdigest()[:32]

    def _address(self, job_id: str) -> str:
        return self._access.address(f"/ows/{job_id}", job_id)

    def _answer(self, job_id: str, asked: Asked) -> Response:
        folder = self._maps.open(job_id).folder
        answer = self._mapserver.answer(folder, asked.query, asked.body)
        if (said := read_exception(answer)) is not None:
            return _refusal(said, asked.service, asked.version)
        plain, told = map_address(self._settings, job_id), self._address(job_id)
        content = answer.content
        if told != plain and not answer.headers["Content-Type"].startswith("image/"):
            # MapServer knows the address that is the same for all who ask.
            content = content.replace(f"{plain}?".encode(), f"{told}?".encode())
            content = content.replace(f'{plain}"'.encode(), f'{told}"'.encode())
        response = Response(content, answer.status)
        for name, value in answer.headers.items():
            response.headers[name] = value
        return response


def refuse(error: Exception) -> Response | HTTPException:
    """Any error in the form of the service that was asked for."""
    if isinstance(error, RequestEntityTooLarge):
        error = TooLarge(f"The request is larger than the {LARGEST_BODY} bytes that a map service takes.")
    if isinstance(error, HTTPException):
        return error
    said = map_report(error, g.get("request_id") or uuid.uuid4().hex)
    asked = g.get("ows_asked") or named_service(request.query_string.decode("latin-1"))
    return _refusal(_plain(said), *asked)


def _refusal(said: Report, service: str, version: str) -> Response:
    response = Response(exception_document(said, service, version), said.status, content_type=XML_TYPE)
    response.headers["Cache-Control"] = "no-store"
    if said.retry_after is not None:
        response.headers["Retry-After"] = str(said.retry_after)
    return response


def _plain(said: Report) -> Report:
    """With the codes of OWS Common, where this service has others."""
    faults = tuple(Fault(_CODES.get(one.code, one.code), one.text, one.locator) for one in said.faults)
    return replace(said, faults=faults)


_CODES = {
    "NotFound": "InvalidParameterValue",
    "NotReady": "NoApplicableCode",
    "NotAcceptable": "NoApplicableCode",
    "FileSizeExceeded": "NoApplicableCode",
    "OptionNotSupported": "NoApplicableCode",
}
