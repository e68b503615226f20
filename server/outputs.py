"""Result files at ``/outputs/<job>/<file>``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound, RequestedRangeNotSatisfiable, ServiceUnavailable
from werkzeug.wsgi import FileWrapper, wrap_file

from gasflux_core.errors import Busy
from server.jobs.model import Job, ResultItem
from server.jobs.queue import NoSuchJob
from server.store import NoSuchFile, Store, StoredFile

CONTENT_SECURITY_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
"""A report may run its own inline script and show its own pictures; it reaches no other address, and has no
part in this service's origin, whatever a user's data put into it."""

_PIECE = 256 * 1024


def outputs_blueprint(find: Callable[[str], Job], store: Store, x_accel: str = "") -> Blueprint:
    """The routes of the result files.

    :param find: gives a job, if it is the caller's to see.
    :param x_accel: internal location of nginx that serves the folder of the results; empty: they are sent from here.
    """
    pages = Blueprint("outputs", __name__)

    @pages.get("/<job_id>/<name>")
    def output(job_id: str, name: str) -> Response:
        try:
            job = find(job_id)
            item = _item(job, name)
            stored = store.open(job_id, job.attempt, name)
            return file_response(stored, item, _location(x_accel, stored, job_id, name))
        except (NoSuchJob, NoSuchFile) as error:
            raise NotFound(error.message) from None
        except Busy as error:
            raise ServiceUnavailable(error.message, retry_after=error.retry_after) from None

    return pages


def file_response(stored: StoredFile, item: ResultItem, location: str = "") -> Response:
    """A result file as the request wants it: whole, in part, or not again.

    :param location: internal location of nginx at which it finds the file, and sends it in place of this process.
    """
    response = Response(mimetype="application/octet-stream")
    if item.media_type:
        # As it is: Werkzeug would drop the blank and the charset that QGIS and the declaration have.
        response.headers["Content-Type"] = _content_type(item.media_type)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.last_modified = stored.modified
    if item.sha256:
        # The hash is the tag: it stays the same wherever the file is copied to.
        response.set_etag(item.sha256)
    if location and "If-Match" not in request.headers:
        # Ranges are nginx's. That the client has the file already is told from here, as If-Match is: nginx doesn't
        # know the tag.
        _conditional(response)
        if response.status_code == 200:
            response.headers["X-Accel-Redirect"] = location
        return response
    response.accept_ranges = "bytes"
    response.content_length = stored.size
    response.response = _content(stored)
    response.direct_passthrough = True
    return _conditional(response, stored.size)


def _conditional(response: Response, size: int | None = None) -> Response:
    # Several ranges at once, and other units than bytes, are answered by the whole, as the standard allows.
    wanted = request.range if request.method == "GET" else None
    single = wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1
    try:
        response.make_conditional(request, accept_ranges=single, complete_length=size)
    except RequestedRangeNotSatisfiable:
        response.close()
        raise
    return response


def _content(stored: StoredFile) -> Iterable[bytes]:
    """The file's content; opened only where it will be read."""
    if request.method == "HEAD":
        return ()
    stream = stored.open()
    if "Range" in request.headers:
        # It can seek, which the server's own wrapper can't, and so what comes before the range isn't read.
        return FileWrapper(stream, _PIECE)
    return wrap_file(request.environ, stream, _PIECE)


def _location(prefix: str, stored: StoredFile, job_id: str, name: str) -> str:
    return f"{prefix.rstrip('/')}/{job_id}/{quote(name)}" if prefix and stored.path else ""


def _item(job: Job, name: str) -> ResultItem:
    for item in job.results.values():
        if item.file == name:
            return item
    raise NoSuchFile.of(job.id, name)


def _content_type(media_type: str) -> str:
    if media_type.startswith("text/") and "charset" not in media_type:
        return f"{media_type}; charset=utf-8"
    return media_type
