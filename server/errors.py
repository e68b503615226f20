"""The one table from an error to the code of OWS and the status of HTTP.

Everything that a client is to read passes here. An error that is not in the table is a fault of
the program itself: the client learns the id of its request and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from gasflux_core.errors import Busy, GasFluxError, InputError, InputFaults, MissingInput, NoSolution, TooLarge
from server.jobs.queue import NoSuchJob
from server.keys import NoKey
from server.store import NoSuchFile


class UnreadableRequest(GasFluxError):
    """A request whose body can't be read at all: no well-formed XML, a DTD, a wrong encoding."""


class UnknownOperation(InputError):
    """A request for an operation that is not offered."""


class VersionNotOffered(InputError):
    """None of the versions that the client accepts is offered."""


class StillRunning(GasFluxError):
    """A client waits for an answer, and the job takes longer than a client may wait."""


@dataclass(frozen=True)
class Fault:
    """One fault as a client sees it."""

    code: str
    text: str
    locator: str | None = None


@dataclass(frozen=True)
class Report:
    """All that is said to a client about an error."""

    status: int
    """Status of HTTP."""
    faults: tuple[Fault, ...]
    retry_after: int | None = None
    """Seconds, where a new try makes sense."""


TABLE: dict[type[Exception], tuple[str, int]] = {
    MissingInput: ("MissingParameterValue", 400),
    TooLarge: ("FileSizeExceeded", 413),
    UnknownOperation: ("OperationNotSupported", 400),
    VersionNotOffered: ("VersionNegotiationFailed", 400),
    NoSuchJob: ("InvalidParameterValue", 404),
    NoSuchFile: ("InvalidParameterValue", 404),
    InputError: ("InvalidParameterValue", 400),
    # The request is in order and its data hold no answer: not the server's fault, nor bad syntax.
    NoSolution: ("NoApplicableCode", 422),
    UnreadableRequest: ("NoApplicableCode", 400),
    Busy: ("ServerBusy", 503),
    NoKey: ("NoApplicableCode", 401),
    StillRunning: ("NoApplicableCode", 503),
}
"""Error class → (code of OWS, status of HTTP); the nearest class in an error's ancestry counts."""

UNKNOWN = ("NoApplicableCode", 500)

JOB_KINDS: dict[str, tuple[str, int]] = {
    "input": TABLE[InputError],
    "missing": TABLE[MissingInput],
    "too_large": TABLE[TooLarge],
    "no_solution": TABLE[NoSolution],
}
"""Kind of a failed job's error → (code, status); every other kind is the server's own fault."""


def known(error: BaseException) -> tuple[str, int] | None:
    """Code and status of an error, or None where it isn't in the table."""
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)


def report(error: Exception, request_id: str) -> Report:
    """What a client is told about an error.

    :param request_id: shown in place of the text of an error that is not meant for users.
    """
    if isinstance(error, InputFaults):
        faults = tuple(_fault(fault, error.parameter) for fault in error.faults)
        statuses = {(known(fault) or UNKNOWN)[1] for fault in error.faults}
        return Report(statuses.pop() if len(statuses) == 1 else 400, faults)
    entry = known(error)
    if entry is None:
        return Report(UNKNOWN[1], (Fault(UNKNOWN[0], internal_text(request_id)),))
    retry_after = error.retry_after if isinstance(error, Busy) else None
    return Report(entry[1], (_fault(error),), retry_after)


def job_report(kind: str, message: str, locator: str | None) -> Report:
    """What a client is told about the error of a failed job."""
    code, status = JOB_KINDS.get(kind, UNKNOWN)
    return Report(status, (Fault(code, message, locator),))


def internal_text(request_id: str) -> str:
    """The sentence for an error of the service itself."""
    return (
        f"The service failed on this request. Its operator finds the reason in the log under request id {request_id}."
    )


def _fault(error: Exception, parameter: str | None = None) -> Fault:
    code = (known(error) or UNKNOWN)[0]
    if isinstance(error, GasFluxError):
        return Fault(code, error.message, error.parameter or parameter)
    return Fault(code, str(error), parameter)
