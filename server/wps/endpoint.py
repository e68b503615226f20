"""The address ``/wps``: takes requests of both versions of WPS and gives each to its face."""

from __future__ import annotations

import re
import string
import uuid
from typing import Protocol
from urllib.parse import quote

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from server.body import ENCODINGS_TAKEN, read_body
from server.errors import Codes, EncodingNotTaken, Report, RequestTooLarge, received, report
from server.execution import Execution
from server.languages import preferred_language
from server.wps.face import Face
from server.wps.kvp import read_pairs
from server.wps.ready import Ready, ReadyAnswers
from server.wps.versions import Version, version_of_document, version_of_query
from server.wps.xml import Element, read_xml
from server.wps2.face import Face2

_NAMES_2 = re.compile(rb"(?:^|&)version=2\.", re.IGNORECASE)

_CONSTANT = ("GetCapabilities", "DescribeProcess")
"""Operations whose answers stay the same as long as the service runs."""


class WpsFace(Protocol):
    """One version of WPS."""

    codes: Codes
    """What it calls the errors."""

    def answer_query(self, values: dict[str, str]) -> Response:
        """Answer a request in key-value pairs.

        :param values: keys in lower case → values.
        """

    def answer_document(self, root: Element) -> Response:
        """Answer a request in XML, of which this is the root element."""

    def refusal(self, said: Report) -> Response:
        """An error as this version reports it."""


def blueprint(execution: Execution) -> Blueprint:
    """The routes of the WPS, for an application to mount."""
    first = Face(execution)
    endpoint = Endpoint(execution.settings.server.maxrequestsize, {"1.0.0": first, "2.0.0": Face2(execution)})
    pages = Blueprint("wps", __name__, url_prefix="/wps")
    pages.add_url_rule("", "get", endpoint.get, methods=["GET"], strict_slashes=False)
    pages.add_url_rule("", "post", endpoint.post, methods=["POST"], strict_slashes=False)
    pages.add_url_rule("/status/<job_id>", "status", first.status, methods=["GET"])
    pages.add_url_rule("/status/<job_id>", "cancel", first.cancel, methods=["DELETE"])
    pages.register_error_handler(Exception, endpoint.refuse)
    return pages


class Endpoint:
    """Reads as much of a request as tells its version.

    :param limit: bytes that a request may have.
    """

    def __init__(self, limit: int, faces: dict[Version, WpsFace]) -> None:
        self._limit = limit
        self._faces = faces
        self._ready = ReadyAnswers()

    def get(self) -> Response:
        """A request in key-value pairs."""
        query = request.query_string
        # WPS 2.0 goes by the language that the client prefers, where the query names none.
        language = preferred_language(request.headers.get("Accept-Language"))
        ready = self._ready.find(query, language)
        if ready is not None:
            return Response(ready.content, headers=ready.headers)
        # Some clients leave letters beyond ASCII bare.
        values = read_pairs(quote(query, safe=string.printable))
        response = self._face(version_of_query(values)).answer_query(values)
        if values.get("request") in _CONSTANT and response.status_code == 200:
            self._ready.keep(query, language, Ready(response.get_data(), dict(response.headers)))
        return response

    def post(self) -> Response:
        """A request in XML."""
        root = read_xml(read_body(self._limit))
        return self._face(version_of_document(root)).answer_document(root)

    def refuse(self, error: Exception) -> Response | HTTPException:
        """Any error as an exception report of the version that was asked for."""
        if isinstance(error, RequestEntityTooLarge):
            error = RequestTooLarge(f"The request is larger than the {self._limit} bytes that this service takes.")
        if isinstance(error, HTTPException):
            return error
        request_id = g.get("request_id") or uuid.uuid4().hex
        face = self._faces[g.get("wps_version") or _version_named()]
        said = report(received(error, request_id), request_id, face.codes)
        response = face.refusal(said)
        if said.retry_after is not None:
            response.headers["Retry-After"] = str(said.retry_after)
        if isinstance(error, EncodingNotTaken):
            response.headers["Accept-Encoding"] = ENCODINGS_TAKEN
        return response

    def _face(self, version: Version) -> WpsFace:
        g.wps_version = version
        return self._faces[version]


def _version_named() -> Version:
    """The version that a refused query names, in whatever state the rest of it is."""
    return "2.0.0" if _NAMES_2.search(request.query_string) else "1.0.0"
