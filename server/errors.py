"""The one table from an error to the code of OWS and the status of HTTP.

Everything that a client is to read passes here. An error that is not in the table is a fault of
the program itself: the client learns the id of its request and nothing else.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from gasflux_core.errors import Busy, GasFluxError, InputError, InputFaults, MissingInput, NoSolution, TooLarge
from server.jobs.admission import NoSpace
from server.jobs.queue import NoSuchJob
from server.keys import NoKey
from server.store import NoSuchFile

LOG = logging.getLogger(__name__)


class UnreadableRequest(GasFluxError):
    """A request whose body can't be read at all: no well-formed XML, a DTD, a wrong encoding."""


class EncodingNotTaken(UnreadableRequest):
    """A request whose body is packed in a way that isn't taken."""


class UnknownOperation(InputError):
    """A request for an operation that is not offered."""


class UnknownProcess(InputError):
    """A request for a process that is not offered."""


class VersionNotOffered(InputError):
    """None of the versions that the client accepts is offered."""


class RequestTooLarge(TooLarge):
    """A request whose body is over the limit, whatever it holds."""


class UnknownInput(InputError):
    """A value for an input that the process doesn't have."""


class UnknownOutput(InputError):
    """A request for an output that the process doesn't have."""


class TooManyValues(InputError):
    """More values of an input than it takes."""


class FormatNotOffered(InputError):
    """A media type or an encoding that an input or an output doesn't have."""


class UnfitValue(InputError):
    """A value that its input can't be: no number, out of range, of another unit or kind."""


class SequenceAhead(InputError):
    """A client has capabilities that are newer than the service's own, which can't be."""


class StillRunning(GasFluxError):
    """A client waits for an answer, and must stop waiting; its job goes on."""

    def __init__(self, message: str, retry_after: int, job_id: str) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which a look at the job's status makes sense."""
        self.job_id = job_id


class Overrun(GasFluxError):
    """A client waited for an answer as long as a client may, and its job was cancelled."""


class NotOwnJob(GasFluxError):
    """A job that was sent with another key than the one at hand."""


class NotAllowed(GasFluxError):
    """Something that the scopes of the key at hand don't hold."""


class TooManyRequests(Busy):
    """More than a key may send, or more wrong keys than may come from one address."""


class JobInUse(GasFluxError):
    """An ended job that can't go: another one needs it, or it was begun again just now."""


class OutOfReach(Busy):
    """The service can't reach its own database."""


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
    UnknownOperation: ("OperationNotSupported", 501),
    VersionNotOffered: ("VersionNegotiationFailed", 400),
    SequenceAhead: ("InvalidUpdateSequence", 400),
    NoSuchJob: ("InvalidParameterValue", 404),
    NoSuchFile: ("InvalidParameterValue", 404),
    InputError: ("InvalidParameterValue", 400),
    # The request is in order and its data hold no answer: not the server's fault, nor bad syntax.
    NoSolution: ("NoApplicableCode", 422),
    UnreadableRequest: ("NoApplicableCode", 400),
    EncodingNotTaken: ("NoApplicableCode", 415),
    Busy: ("ServerBusy", 503),
    OutOfReach: ("ServerBusy", 503),
    NoSpace: ("NotEnoughStorage", 503),
    NoKey: ("NoApplicableCode", 401),
    NotOwnJob: ("NoApplicableCode", 403),
    NotAllowed: ("NoApplicableCode", 403),
    TooManyRequests: ("NoApplicableCode", 429),
    JobInUse: ("NoApplicableCode", 409),
    StillRunning: ("NoApplicableCode", 503),
    # Not 503: the same request would be cancelled again.
    Overrun: ("NoApplicableCode", 504),
}
"""Error class → (code of OWS, status of HTTP); the nearest class in an error's ancestry counts."""

UNKNOWN = ("NoApplicableCode", 500)

JOB_KINDS: dict[str, tuple[str, int]] = {
    "input": TABLE[InputError],
    "missing": TABLE[MissingInput],
    "too_large": TABLE[TooLarge],
    "not_accessible": TABLE[InputError],
    "no_solution": TABLE[NoSolution],
    # The request is in order and more than a job may use. Sent again it fails again, so no 503; the service
    # did what it was set to, so no 500; and it may have been time or memory, of which 413 doesn't tell.
    "limit": ("NoApplicableCode", 422),
    # Somebody gave the job up while a client waited for it: neither the request nor the service was at fault.
    "cancelled": ("NoApplicableCode", 409),
}
"""Kind of a failed job's error, or ``cancelled`` → (code, status); every other kind is the server's own fault."""


@dataclass(frozen=True)
class Codes:
    """What one face calls the errors: code and status of HTTP for each."""

    errors: Mapping[type[Exception], tuple[str, int]]
    """The nearest class in an error's ancestry counts."""
    job_kinds: Mapping[str, tuple[str, int]]
    """By the kind of a failed job's error, or ``cancelled``."""
    unknown: tuple[str, int]
    """Of a fault of the service itself."""

    def of(self, error: BaseException) -> tuple[str, int]:
        """Code and status of an error."""
        return next((self.errors[kind] for kind in type(error).__mro__ if kind in self.errors), self.unknown)


OWS_1_1 = Codes(TABLE, JOB_KINDS, UNKNOWN)
"""What WPS 1.0.0 calls them, and every face that has no other names."""


def received(error: Exception, request_id: str) -> Exception:
    """The error as its client may read it; the log gets what only the operator can mend."""
    told = _in_words(error)
    if told is not error:
        # Not the whole error: it has the statement in it, with what clients sent.
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        LOG.error("request:%s: database or disk is out of reach: %s", request_id, cause)
    elif known(error) is None:
        LOG.error("request:%s failed", request_id, exc_info=error)
    return told


def _in_words(error: Exception) -> Exception:
    """What a client should read where database or disk are at fault; every other error as it is."""
    if _out_of_reach(error):
        return OutOfReach(
            "The service can't reach its database just now. Jobs that it has accepted are kept; send the request "
            "again in a few seconds.",
            retry_after=10,
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(
            "The service's disk is full. Jobs that it has accepted are kept; send the request again in some minutes, "
            "or tell the operator.",
            retry_after=60,
        )
    return error


def _out_of_reach(error: Exception) -> bool:
    """Whether the database, and not what was asked of it, is at fault: locked, full, gone, damaged."""
    if isinstance(error, (OperationalError, InterfaceError, NoFreeConnection)):
        return True
    # A damaged file of SQLite's has no class of its own.
    return isinstance(error, DBAPIError) and (error.connection_invalidated or type(error) is DatabaseError)


def known(error: BaseException) -> tuple[str, int] | None:
    """Code and status of an error, or None where it isn't in the table."""
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)


def report(error: Exception, request_id: str, codes: Codes = OWS_1_1) -> Report:
    """What a client is told about an error.

    :param request_id: shown in place of the text of an error that is not meant for users.
    """
    if isinstance(error, InputFaults):
        faults = tuple(_fault(fault, codes, error.parameter) for fault in error.faults)
        statuses = {codes.of(fault)[1] for fault in error.faults}
        return Report(statuses.pop() if len(statuses) == 1 else 400, faults)
    code, status = codes.of(error)
    if known(error) is None:
        return Report(status, (Fault(code, internal_text(request_id)),))
    retry_after = error.retry_after if isinstance(error, (Busy, StillRunning)) else None
    return Report(status, (_fault(error, codes),), retry_after)


def job_report(kind: str, message: str, locator: str | None, codes: Codes = OWS_1_1) -> Report:
    """What a client is told about the error of a failed job."""
    code, status = codes.job_kinds.get(kind, codes.unknown)
    return Report(status, (Fault(code, message, locator),))


def internal_text(request_id: str) -> str:
    """The sentence for an error of the service itself."""
    return (
        f"The service failed on this request. Its operator finds the reason in the log under request id {request_id}."
    )


def _fault(error: Exception, codes: Codes, parameter: str | None = None) -> Fault:
    code = codes.of(error)[0]
    if isinstance(error, GasFluxError):
        return Fault(code, error.message, error.parameter or parameter)
    return Fault(code, str(error), parameter)
