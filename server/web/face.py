"""The routes of the web page, and the headers that keep it to itself."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, send_from_directory
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response as AnyResponse

from server.execution import Execution
from server.languages import LANGUAGES
from server.origin import READING, asked_by_own_page, own_path
from server.web.compare import add_compare
from server.web.history import add_history
from server.web.keys_page import add_keys
from server.web.policy import keep_to_itself
from server.web.refusals import OfAnotherPage, Refusals
from server.web.result import add_result
from server.web.runs import add_runs
from server.web.session import add_session
from server.web.site import LANGUAGE_COOKIE, LOOK_COOKIE, LOOKS, STATIC, Web
from server.web.start import add_start
from server.web.system import add_system

_YEAR = 365 * 24 * 3600

_LARGEST_FORM = 256 * 1024
"""Bytes of a form without files: the longest notes, with each letter written as four bytes in hexadecimal, twice."""

_WITH_FILES = ("web.check", "web.send")


def web_blueprint(execution: Execution) -> Blueprint:
    """The pages at ``/``, and all that they are made of."""
    pages = Blueprint("web", __name__)
    web = Web(execution)
    pages.before_request(_check_origin)
    pages.before_request(_limit_form)
    pages.after_request(keep_to_itself)
    pages.register_error_handler(Exception, Refusals(web).answer)
    _add_static(pages, web)
    _add_preferences(pages, web)
    add_session(pages, web)
    add_start(pages, web)
    add_history(pages, web)
    add_compare(pages, web)
    add_keys(pages, web)
    add_system(pages, web)
    add_runs(pages, web)
    add_result(pages, web)
    return pages


def _check_origin() -> None:
    """Let pass what only reads, and changes that one of this service's own pages asks for.

    :raises OfAnotherPage: the change was asked for by another page.
    """
    if request.method not in READING and not asked_by_own_page():
        raise OfAnotherPage(
            "This change was not asked for by a page of this service. Open the page here and do it there; a script "
            "uses the REST interface at /api/v1, or WPS."
        )


def _limit_form() -> None:
    """Take no more of a form than it may have: of a million fields in it each is read, also for strangers."""
    if request.endpoint in _WITH_FILES and request.mimetype == "multipart/form-data":
        return
    request.max_content_length = min(_LARGEST_FORM, request.max_content_length or _LARGEST_FORM)


def _add_static(pages: Blueprint, web: Web) -> None:
    @pages.get("/static/<version>/<path:name>")
    def static(version: str, name: str) -> Response:
        if version != web.static_version:
            raise NotFound("This file is of another version of the service; reload the page.")
        response = send_from_directory(STATIC, name)
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
        return response


def _add_preferences(pages: Blueprint, web: Web) -> None:
    @pages.post("/preferences")
    def preferences() -> AnyResponse:
        """Choose language or look; back to the page from which one came."""
        response = redirect(web.base + own_path(request.form.get("here", "/")), 303)
        for name, cookie, offered in (("language", LANGUAGE_COOKIE, LANGUAGES), ("look", LOOK_COOKIE, LOOKS)):
            chosen = request.form.get(name)
            if chosen is None:
                continue
            if chosen not in offered:
                raise BadRequest(f"{name}: expected one of {', '.join(offered)}.")
            response.set_cookie(cookie, chosen, max_age=_YEAR, samesite="Lax", path=f"{web.base}/")
        return response
