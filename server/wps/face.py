"""The WPS 1.0.0 face: HTTP in, HTTP out. All the rest lies in the modules it calls."""

from __future__ import annotations

import base64
import logging
import string
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, g, request, send_file
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from gasflux_core.errors import InputError, TooLarge
from processes.base import declaration
from processes.declaration import ProcessDeclaration
from server.errors import received, report
from server.jobs.model import Job, JobStatus
from server.jobs.queue import Jobs
from server.keys import Keys
from server.settings import Settings
from server.validate import unknown_name, validate
from server.wps.documents import capabilities, descriptions
from server.wps.kvp import parse_query
from server.wps.operations import DescribeProcess, Execute, GetCapabilities, Operation, settle
from server.wps.parse import parse_document
from server.wps.render import Place, exception_report, execute_response, failure
from server.wps.synchronous import SynchronousJobs

LOG = logging.getLogger(__name__)

XML_TYPE = "text/xml; charset=utf-8"


def blueprint(settings: Settings, jobs: Jobs, registry: Mapping[str, Any], keys: Keys) -> Blueprint:
    """The routes of the WPS, for an application to mount.

    :param registry: identifier → PyWPS process.
    """
    face = Face(settings, jobs, {name: declaration(process) for name, process in registry.items()}, keys)
    pages = Blueprint("wps", __name__, url_prefix="/wps")
    pages.add_url_rule("", "get", face.get, methods=["GET"], strict_slashes=False)
    pages.add_url_rule("", "post", face.post, methods=["POST"], strict_slashes=False)
    pages.add_url_rule("/status/<job_id>", "status", face.status, methods=["GET"])
    pages.add_url_rule("/status/<job_id>", "cancel", face.cancel, methods=["DELETE"])
    pages.register_error_handler(Exception, face.refuse)
    return pages


class Face:
    """The operations of WPS 1.0.0 over the jobs of the service."""

    def __init__(
        self, settings: Settings, jobs: Jobs, declarations: Mapping[str, ProcessDeclaration], keys: Keys
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._declarations = declarations
        self._keys = keys
        self._store = jobs.store
        self._place = Place(settings.server.url, jobs.store)
        self._synchronous = SynchronousJobs(settings, jobs, self._place.status)
        self._capabilities = capabilities(settings.metadata, settings.server.url, declarations)
        self._descriptions = lru_cache(maxsize=128)(self._make_descriptions)

    # --- routes -----------------------------------------------------------------------------------

    def get(self) -> Response:
        """A request in key-value pairs."""
        # Some clients leave letters beyond ASCII bare.
        operation = parse_query(quote(request.query_string, safe=string.printable))
        if request.method == "HEAD" and isinstance(operation, Execute):
            raise MethodNotAllowed(["GET", "POST"])
        return self._answer(operation)

    def post(self) -> Response:
        """A request in XML."""
        return self._answer(parse_document(request.get_data(cache=False)))

    def status(self, job_id: str) -> Response:
        """The status document of a job."""
        job = self._jobs.get(job_id)
        return _xml(execute_response(job, self._declared(job), self._place, stored=True))

    def cancel(self, job_id: str) -> Response:
        """Give a job up; the status document as it is then."""
        self._client()
        job = self._jobs.dismiss(job_id)
        LOG.info("task:%s: its client gives it up; it is now %s", job.id, job.status)
        return _xml(execute_response(job, self._declared(job), self._place, stored=True))

    def refuse(self, error: Exception) -> Response | HTTPException:
        """Any error as an exception report."""
        if isinstance(error, RequestEntityTooLarge):
            limit = self._settings.server.maxrequestsize
            error = TooLarge(f"The request is larger than the {limit} bytes that this service takes.")
        if isinstance(error, HTTPException):
            return error
        request_id = g.get("request_id") or uuid.uuid4().hex
        said = report(received(error, request_id), request_id)
        response = _xml(exception_report(said), said.status)
        if said.retry_after is not None:
            response.headers["Retry-After"] = str(said.retry_after)
        return response

    # --- operations -------------------------------------------------------------------------------

    def _answer(self, operation: Operation) -> Response:
        match operation:
            case GetCapabilities():
                return _xml(self._capabilities)
            case DescribeProcess():
                return _xml(self._descriptions(self._asked(operation)))
            case Execute():
                return self._execute(operation)

    def _asked(self, operation: DescribeProcess) -> tuple[str, ...]:
        if any(name.upper() == "ALL" for name in operation.identifiers):
            return tuple(self._declarations)
        return tuple(dict.fromkeys(self._find(name).identifier for name in operation.identifiers))

    def _make_descriptions(self, identifiers: tuple[str, ...]) -> bytes:
        chosen = [self._declarations[name] for name in identifiers]
        return descriptions(chosen, self._settings.server.maxsingleinputsize)

    def _find(self, identifier: str) -> ProcessDeclaration:
        if identifier not in self._declarations:
            raise InputError(unknown_name("This service", "process", identifier, self._declarations), "Identifier")
        return self._declarations[identifier]

    def _execute(self, operation: Execute) -> Response:
        client = self._client()
        declared = self._find(operation.request.process)
        operation = settle(operation, declared)
        limit = self._settings.server.maxsingleinputsize
        asked = validate(declared, operation.request, uploads=operation.uploads, max_input_bytes=limit)

        def submit() -> Job:
            job = self._jobs.submit(asked, operation.uploads, version=declared.version, client=client)
            LOG.info("task:%s accepted: %s, %s", job.id, job.process, job.mode)
            return job

        if asked.mode == "async":
            return _xml(execute_response(submit(), declared, self._place, stored=True))
        job = self._synchronous.run(submit)
        if job.status is not JobStatus.SUCCESSFUL:
            said = failure(job)
            return _xml(exception_report(said), said.status)
        if asked.response == "raw":
            return self._raw(job)
        return _xml(execute_response(job, declared, self._place, stored=operation.store))

    def _client(self) -> str:
        """Id of the key that came with the request; empty where none came and none is needed.

        :raises NoKey: a key is needed, or the one that came is wrong.
        """
        key = request.headers.get("X-API-Key")
        # Where all may come, a wrong key is still refused: its sender would believe that it works.
        if not key and self._settings.security.keys == "open":
            return ""
        return self._keys.check(key)

    def _raw(self, job: Job) -> Response:
        """The one output that was asked for, and nothing around it."""
        wanted = job.request.outputs[0]
        result = job.results.get(wanted.identifier)
        if result is None:
            raise InputError(f"The job made no output {wanted.identifier}.", wanted.identifier)
        if result.file is None:
            return _fresh(Response(result.text or "", content_type="text/plain; charset=utf-8"))
        stored = self._store.open(job.id, job.attempt, result.file)
        if wanted.encoding == "base64":
            with stored.open() as stream:
                content = base64.b64encode(stream.read())
            return _fresh(Response(content, content_type="text/plain; charset=us-ascii"))
        response = send_file(
            stored.path or stored.open(), mimetype=result.media_type, as_attachment=True, download_name=result.file
        )
        if stored.path is None:
            response.content_length = stored.size
        # As it is declared: send_file would change its blanks.
        response.headers["Content-Type"] = result.media_type or "application/octet-stream"
        return _fresh(response)

    def _declared(self, job: Job) -> ProcessDeclaration:
        """The declaration of a job's process, which may be gone since."""
        gone = ProcessDeclaration(job.process, job.process, "", job.version, (), (), ())
        return self._declarations.get(job.process, gone)


def _xml(content: bytes, status: int = 200) -> Response:
    return _fresh(Response(content, status, content_type=XML_TYPE))


def _fresh(response: Response) -> Response:
    # The same address answers otherwise as a job goes on, and runs another one when it is asked again.
    response.headers["Cache-Control"] = "no-store"
    return response
