"""What is done with every request before and after its face: signed addresses, and services that ask all for a key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, request

from server.access.rules import Access
from server.jobs.queue import Jobs, NoSuchJob
from server.links import TOKEN, current_token, split_signed
from server.store.names import is_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_OPEN = ("/health", "/api/v1/health", "/signin", "/signout", "/preferences")
"""What needs no key, beside the static files of the pages."""

_TEXTS = ("text/", "application/json", "application/xml", "application/vnd.ogc.", "application/vnd.oai.")


class SignedPaths:
    """Takes the token out of the addresses ``/s/<token>/…``, before the application looks for their routes."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if environ["PATH_INFO"].startswith("/s/"):
            environ[TOKEN], rest = split_signed(environ["PATH_INFO"])
            environ["PATH_INFO"] = rest or "/"
        return self._application(environ, start_response)


def add_gate(app: Flask, access: Access, jobs: Jobs, *, everything: bool) -> None:
    """Let only those in who may come in, and adapt the answers to those who came by a signed address.

    :param everything: all that the service has needs a key.
    """
    app.wsgi_app = SignedPaths(app.wsgi_app)  # type: ignore[method-assign]  # as Flask's documentation has it

    @app.before_request
    def admit() -> None:
        if not everything and TOKEN not in request.environ:
            return
        # Browsers ask without a key whether they may send one.
        if request.method == "OPTIONS" or request.path in _OPEN or request.path.startswith("/static/"):
            return
        access.admit()
        for job_id in _jobs_named() if everything else ():
            try:
                access.check_named(jobs.get(job_id))
            except NoSuchJob:
                continue  # in the face's own words

    @app.after_request
    def adapt(response: Response) -> Response:
        if everything and "public" in response.headers.get("Cache-Control", "") and not _is_static():
            # A cache on the way must not give it to others.
            response.headers["Cache-Control"] = response.headers["Cache-Control"].replace("public", "private")
        token = current_token()
        return response if token is None else _under(response, token)

    def _under(response: Response, token: str) -> Response:
        """With addresses under the token that the request's own had, so that who follows them gets on."""
        links = access.links
        if location := response.headers.get("Location"):
            response.headers["Location"] = links.redirected(location, token)
        if named := response.headers.getlist("Link"):
            response.headers.setlist("Link", [links.renamed(one.encode(), token).decode() for one in named])
        # Files of results are as they are; what is streamed has its addresses from where it is made.
        if not response.direct_passthrough and not response.is_streamed and _is_text(response.mimetype or ""):
            response.set_data(links.renamed(response.get_data(), token))
        return response


def _jobs_named() -> Iterable[str]:
    """Ids in the address of the request at hand."""
    for value in (request.view_args or {}).values():
        first = str(value).partition("/")[0]
        if is_id(first):
            yield first


def _is_static() -> bool:
    return request.path.startswith("/static/")


def _is_text(media_type: str) -> bool:
    return media_type.startswith(_TEXTS) or media_type.endswith(("+xml", "+json"))
