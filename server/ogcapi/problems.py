"""Errors as problem documents (RFC 7807, schema exception.yaml of OGC 18-062r2)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, g, has_request_context
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gasflux_core.errors import GasFluxError, InputError, InputFaults, TooLarge
from server.errors import Fault, JobInUse, NotOwnJob, Report, UnknownProcess, job_report, received, report
from server.jobs.model import Job, JobStatus
from server.jobs.queue import NoSuchJob

PROBLEM = "application/problem+json"

_MOST_TOLD = 50
"""Of a thousand faults nobody reads more."""
_LONGEST_LOCATOR = 200

_OGC = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
NO_SUCH_PROCESS = f"{_OGC}no-such-process"
NO_SUCH_JOB = f"{_OGC}no-such-job"
RESULT_NOT_READY = f"{_OGC}result-not-ready"
ABOUT_BLANK = "about:blank"
"""Says no more than the status of HTTP (RFC 7807, clause 4.2)."""


class ResultNotReady(GasFluxError):
    """The results of a job that has not ended."""


class ResultGone(GasFluxError):
    """The results of a job that was dismissed."""


class NoSuchOutput(InputError):
    """A result that the job did not make."""


class WrongMediaType(GasFluxError):
    """A body that is no JSON."""


class NotAcceptable(GasFluxError):
    """None of the forms that the client accepts is offered."""


_OWN: dict[type[Exception], tuple[str, str, int]] = {
    UnknownProcess: (NO_SUCH_PROCESS, "No such process", 404),
    NoSuchJob: (NO_SUCH_JOB, "No such job", 404),
    NoSuchOutput: ("InvalidParameterValue", "No such output", 404),
    ResultNotReady: (RESULT_NOT_READY, "The result is not ready", 404),
    ResultGone: (ABOUT_BLANK, "Gone", 410),
    WrongMediaType: (ABOUT_BLANK, "Unsupported Media Type", 415),
    NotAcceptable: (ABOUT_BLANK, "Not Acceptable", 406),
    NotOwnJob: (ABOUT_BLANK, "Forbidden", 403),
    JobInUse: (ABOUT_BLANK, "Conflict", 409),
}
"""Errors to which this face gives types of its own; all others have the codes of OWS, by the service's one table."""

_TITLES = {
    "MissingParameterValue": "A value is missing",
    "InvalidParameterValue": "A value can't be used",
    "FileSizeExceeded": "Too large",
    "ServerBusy": "The service is busy",
}
"""Of the codes of OWS; of the others the status of HTTP is the title."""


@dataclass(frozen=True)
class Problem:
    """One problem, as it is told."""

    type: str
    title: str
    status: int
    faults: tuple[Fault, ...]
    retry_after: int | None = None

    @property
    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        told: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": " ".join(fault.text for fault in self.faults[:_MOST_TOLD]),
        }
        if has_request_context() and "request_id" in g:
            told["instance"] = uuid.UUID(g.request_id).urn
        located = [fault for fault in self.faults if fault.locator]
        if located or len(self.faults) > 1:
            told["faults"] = [_fault(fault) for fault in self.faults[:_MOST_TOLD]]
        return told

    def response(self) -> Response:
        """As an answer of HTTP."""
        response = Response(json.dumps(self.document, ensure_ascii=False), self.status, content_type=PROBLEM)
        response.headers["Cache-Control"] = "no-store"
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        if self.status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'ApiKey header="X-API-Key"'
        return response


def problem(error: Exception, request_id: str) -> Problem:
    """What a client is told about an error; the log gets what only the operator can mend."""
    own = next((_OWN[kind] for kind in type(error).__mro__ if kind in _OWN), None)
    if own is not None and isinstance(error, GasFluxError):
        return Problem(*own, faults=(Fault(own[0], error.message, error.parameter),))
    return _reported(report(received(error, request_id), request_id))


def job_problem(job: Job) -> Problem:
    """Why a job ended without results."""
    if job.error is not None:
        return _reported(job_report(job.error.kind, job.error.message, job.error.locator))
    if job.status is JobStatus.DISMISSED:
        text = "The job was cancelled before it had results. Send it again if need be."
        return _reported(job_report("cancelled", text, None))
    return _reported(job_report("server", "The job failed.", None))


def refusal(error: Exception, largest: int) -> Response:
    """Any error as an answer.

    :param largest: bytes that a request may have.
    """
    if isinstance(error, RequestEntityTooLarge):
        error = TooLarge(f"The request is larger than the {largest} bytes that this service takes.")
    if isinstance(error, HTTPException):
        return _http_refusal(error)
    request_id = g.get("request_id") or uuid.uuid4().hex
    return problem(error, request_id).response()


def raise_together(faults: Sequence[InputError]) -> None:
    """Raise what was found, if anything was.

    :raises InputError: the one fault, or InputFaults with all of them.
    """
    if faults:
        raise faults[0] if len(faults) == 1 else InputFaults(list(faults))


def _http_refusal(error: HTTPException) -> Response:
    made = error.get_response()
    status = made.status_code
    if status < 400:
        return Response(made.get_data(), status, headers=made.headers)
    detail = error.description or HTTPStatus(status).phrase
    response = Problem(ABOUT_BLANK, _phrase(status), status, (Fault(ABOUT_BLANK, detail),)).response()
    for name in ("Allow", "Retry-After"):
        if name in made.headers:
            response.headers[name] = made.headers[name]
    return response


def _reported(said: Report) -> Problem:
    code = said.faults[0].code
    return Problem(code, _TITLES.get(code) or _phrase(said.status), said.status, said.faults, said.retry_after)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def _fault(fault: Fault) -> dict[str, str]:
    told = {"code": fault.code, "detail": fault.text}
    # Names of inputs come from the client, and may have any length.
    return {**told, "locator": fault.locator[:_LONGEST_LOCATOR]} if fault.locator else told
