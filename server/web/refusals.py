"""What people read where a page can't be shown: in their language, with what to do next."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gasflux_core.errors import GasFluxError
from server.access import Caller
from server.errors import known, received, report
from server.web.policy import keep_to_itself
from server.web.site import Web

LOG = logging.getLogger(__name__)

_OTHER_FACES = ("/wps", "/ogcapi", "/outputs", "/ows", "/health", "/metrics", "/api", "/static")

_TOLD = (400, 401, 403, 404, 405, 409, 413, 429, 500, 503)
"""Statuses with words of their own; all others have those of 400 or 500."""

_MEGABYTE = 1024 * 1024


class OfAnotherPage(GasFluxError):
    """A change that was asked for by a page of another origin, or by what doesn't say where it comes from."""


class Refusals:
    """Answers in place of pages.

    :param web: renders them.
    """

    def __init__(self, web: Web) -> None:
        self._web = web

    def answer(self, error: Exception) -> Response:
        """Any error, as the one who asked can read it."""
        if isinstance(error, HTTPException) and (error.code is None or error.code < 400):
            return Response(status=error.code, headers=error.get_headers())
        status, text, retry_after = self._told(error)
        # No page has the address of some: those too are kept to themselves.
        response = keep_to_itself(self._json(status, text) if wants_json() else self._page(status, text))
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        if isinstance(error, HTTPException):
            for name, value in error.get_headers():
                if name in ("Allow", "Retry-After"):
                    response.headers[name] = value
        return response

    def _told(self, error: Exception) -> tuple[int, str, int | None]:
        """Status, what is special about this error, and after how many seconds a new try makes sense."""
        if isinstance(error, RequestEntityTooLarge):
            limit = (request.max_content_length or self._web.settings.server.maxrequestsize) / _MEGABYTE
            return 413, self._web.words()["refusal_413_limit"].format(limit=f"{limit:.4g}"), None
        if isinstance(error, HTTPException):
            # Werkzeug's own sentences say nothing that the words of the status don't.
            own = error.description if error.description != type(error).description else ""
            return error.code or 500, own or "", None
        if isinstance(error, OfAnotherPage):
            return 403, error.message, None
        error = received(error, _request_id())
        told = report(error, _request_id())
        # A failure has no words for others: the page gives the request's id in words of its own.
        return told.status, told.faults[0].text if known(error) else "", told.retry_after

    def _page(self, status: int, text: str) -> Response:
        words, kind = self._web.words(), _kind(status)
        try:
            return self._web.render(
                "refusal",
                status,
                title=words[f"refusal_{kind}"],
                text=text,
                next_step=words[f"refusal_{kind}_next"],
                sign_in=status == HTTPStatus.UNAUTHORIZED,
                request_id=_request_id(),
                caller=self._caller(),
            )
        except Exception:
            # What the page's frame needs may be the very thing that is out of reach.
            LOG.exception("request:%s: the page that tells of an error could not be made", _request_id())
            told = f"{words[f'refusal_{kind}']}\n\n{text}\n{words['refusal_reference']} {_request_id()}\n"
            return Response(told, status, content_type="text/plain; charset=utf-8")

    def _caller(self) -> Caller:
        """Who is told; nobody known where that is what is told."""
        try:
            return self._web.caller()
        except GasFluxError:
            return Caller(scopes=frozenset())

    def _json(self, status: int, text: str) -> Response:
        words, kind = self._web.words(), _kind(status)
        response = jsonify(
            {
                "status": status,
                "message": text or f"{words[f'refusal_{kind}']} {words[f'refusal_{kind}_next']}",
                "request": _request_id(),
            }
        )
        response.status_code = status
        return response


def wants_json() -> bool:
    """Whether the request at hand is a script's, and not a browser's for a page."""
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def is_for_a_person() -> bool:
    """Whether the request at hand is a browser's, for a page at an address that no other face has."""
    path = request.path
    if any(path == face or path.startswith(f"{face}/") for face in _OTHER_FACES):
        return False
    return any(kind == "text/html" for kind, _ in request.accept_mimetypes)


def _kind(status: int) -> int:
    return status if status in _TOLD else 400 if status < 500 else 500


def _request_id() -> str:
    return str(g.get("request_id", ""))
