"""Answers of this face: everything in one envelope of code, message and data; errors too."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from flask import Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gasflux_core.errors import GasFluxError, InputError
from server.errors import Fault, received, report

_MOST_TOLD = 50
"""Of a thousand faults nobody reads more."""

_LONGEST_NAME = 200


class FileNotTaken(InputError):
    """A file of a kind that this face doesn't take."""


class BodyNotTaken(GasFluxError):
    """A body of a media type that isn't read here."""


class NotPossibleNow(GasFluxError):
    """A change that the state of the task doesn't allow."""


class NoSuchKey(InputError):
    """There is no key of that id."""


_OWN: dict[type[Exception], int] = {FileNotTaken: 415, BodyNotTaken: 415, NotPossibleNow: 409, NoSuchKey: 404}
"""Errors of this face alone; all others have their status by the service's one table."""


def answer(data: Any, message: str = "ok", status: int = 200) -> Response:
    """What was asked for, in the envelope."""
    response = jsonify({"code": status, "message": message, "data": data})
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def refusal(error: Exception, largest: int) -> Response:
    """Any error, in the envelope.

    :param largest: bytes that a request may have.
    """
    if isinstance(error, RequestEntityTooLarge):
        return _refused(413, [Fault("", _too_large(request.max_content_length or largest))])
    if isinstance(error, HTTPException):
        return _http_refusal(error)
    own = next((_OWN[kind] for kind in type(error).__mro__ if kind in _OWN), None)
    if own is not None and isinstance(error, GasFluxError):
        return _refused(own, [Fault("", error.message, error.parameter)])
    request_id = _request_id()
    said = report(received(error, request_id), request_id)
    response = _refused(said.status, said.faults)
    if said.retry_after is not None:
        response.headers["Retry-After"] = str(said.retry_after)
    return response


def _too_large(largest: int) -> str:
    # A form of just that size is refused too: Werkzeug can't tell whether more would come.
    if request.content_length is None or request.content_length >= largest:
        return f"The request is larger than the {largest} bytes that this service takes. Send a smaller file."
    return "The form has too many parts; it takes the flight as file and a configuration as config."


def _http_refusal(error: HTTPException) -> Response:
    made = error.get_response()
    if made.status_code < 400:
        return Response(made.get_data(), made.status_code, headers=made.headers)
    response = _refused(made.status_code, [Fault("", error.description or HTTPStatus(made.status_code).phrase)])
    for name in ("Allow", "Retry-After", "Content-Range"):
        if name in made.headers:
            response.headers[name] = made.headers[name]
    return response


def _refused(status: int, faults: Any) -> Response:
    told = faults[:_MOST_TOLD]
    named = [{"name": (fault.locator or "")[:_LONGEST_NAME], "message": fault.text} for fault in told]
    several = len(faults) > 1 or bool(named[0]["name"])
    response = jsonify(
        {
            "code": status,
            "message": " ".join(fault.text for fault in told),
            "data": {"faults": named} if several else None,
            "request_id": _request_id(),
        }
    )
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'ApiKey header="X-API-Key"'
    return response


def _request_id() -> str:
    return str(g.get("request_id") or uuid.uuid4().hex)
