"""The routes of the web page, and the headers that keep it to itself."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, request, send_from_directory
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response as AnyResponse

from server.execution import Execution
from server.languages import LANGUAGES
from server.web.compare import add_compare
from server.web.history import add_history
from server.web.keys_page import add_keys
from server.web.policy import content_security_policy
from server.web.refusals import OfAnotherPage, Refusals
from server.web.result import add_result
from server.web.runs import add_runs
from server.web.session import add_session
from server.web.site import LANGUAGE_COOKIE, LOOK_COOKIE, LOOKS, STATIC, Web
from server.web.start import add_start
from server.web.system import add_system

_YEAR = 365 * 24 * 3600


def web_blueprint(execution: Execution) -> Blueprint:
    """The pages at ``/``, and all that they are made of."""
    pages = Blueprint("web", __name__)
    web = Web(execution)
    pages.before_request(_check_origin)
    pages.after_request(_add_headers)
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

    A browser says of each change which page asked for it, and no page can make it lie.

    :raises OfAnotherPage: the change was asked for by another page.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "")
    # Behind a proxy the scheme that is seen here may be another than the browser's; the host is the same.
    own = site == "same-origin" if site else urlsplit(origin).netloc == request.host
    if not own:
        raise OfAnotherPage(
            "This change was not asked for by a page of this service. Open the page here and do it there; a script "
            "uses the REST interface at /api/v1, or WPS."
        )


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", content_security_policy())
    response.headers.setdefault("Referrer-Policy", "same-origin")
    # What a page shows depends on who looks, and in which language.
    response.headers.setdefault("Cache-Control", "no-store")
    return response


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
        response = redirect(web.base + _own_path(request.form.get("here", "/")), 303)
        for name, cookie, offered in (("language", LANGUAGE_COOKIE, LANGUAGES), ("look", LOOK_COOKIE, LOOKS)):
            chosen = request.form.get(name)
            if chosen is None:
                continue
            if chosen not in offered:
                raise BadRequest(f"{name}: expected one of {', '.join(offered)}.")
            response.set_cookie(cookie, chosen, max_age=_YEAR, samesite="Lax", path=f"{web.base}/")
        return response


def _own_path(text: str) -> str:
    """A path of this service, whatever came: two slashes, or a backslash, would lead elsewhere."""
    return text if text.startswith("/") and not text.startswith("//") and "\\" not in text else "/"
