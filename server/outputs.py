"""Result files at ``/outputs/<job>/<file>``."""

from __future__ import annotations

from flask import Blueprint, Response, send_file
from werkzeug.exceptions import NotFound

from server.jobs.model import ResultItem
from server.jobs.queue import Jobs, NoSuchJob
from server.store import NoSuchFile, Store

CONTENT_SECURITY_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
"""A report may run its own inline script and show its own pictures; it reaches no other address, and has no
part in this service's origin, whatever a user's data put into it."""


def outputs_blueprint(jobs: Jobs, store: Store) -> Blueprint:
    """The routes of the result files."""
    pages = Blueprint("outputs", __name__)

    @pages.get("/<job_id>/<name>")
    def output(job_id: str, name: str) -> Response:
        try:
            item = _item(jobs, job_id, name)
            path = store.path(job_id, name)
        except (NoSuchJob, NoSuchFile) as error:
            raise NotFound(error.message) from None
        # The hash is the tag: it stays the same wherever the file is copied to.
        response = send_file(path, mimetype=item.media_type, conditional=True, etag=item.sha256 or True)
        # Werkzeug drops the blank and the charset that QGIS and the declaration have.
        if item.media_type and response.status_code in (200, 206):
            response.headers["Content-Type"] = _content_type(item.media_type)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return pages


def _item(jobs: Jobs, job_id: str, name: str) -> ResultItem:
    for item in jobs.get(job_id).results.values():
        if item.file == name:
            return item
    raise NoSuchFile(f"there is no file {name} of job {job_id}")


def _content_type(media_type: str) -> str:
    if media_type.startswith("text/") and "charset" not in media_type:
        return f"{media_type}; charset=utf-8"
    return media_type
