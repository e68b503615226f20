"""What clients of the map services are told about errors."""

from __future__ import annotations

from gasflux_core.errors import GasFluxError
from server.errors import Fault, Report, received, report


class NoMap(GasFluxError):
    """A job that has nothing to show on a map."""


class NotYet(GasFluxError):
    """A job that has not ended."""


class NoMapServer(GasFluxError):
    """This service runs no MapServer."""


class MapServerFailed(GasFluxError):
    """MapServer gave no answer that could be passed on."""


class TooSlow(GasFluxError):
    """MapServer took longer than it may."""


class NoSuchCollection(GasFluxError):
    """The job has no such collection, or the collection no such feature."""


class NotAcceptable(GasFluxError):
    """None of the forms that the client accepts is offered."""


_OWN: dict[type[GasFluxError], tuple[str, int]] = {
    NoMap: ("NotFound", 404),
    NotYet: ("NotReady", 409),
    NoMapServer: ("OptionNotSupported", 501),
    MapServerFailed: ("NoApplicableCode", 502),
    TooSlow: ("NoApplicableCode", 504),
    NoSuchCollection: ("NotFound", 404),
    NotAcceptable: ("NotAcceptable", 406),
}
"""Errors that only the map services know; all others have the codes of the service's one table."""


def map_report(error: Exception, request_id: str) -> Report:
    """What a client is told about an error."""
    if isinstance(error, GasFluxError) and type(error) in _OWN:
        code, status = _OWN[type(error)]
        return Report(status, (Fault(code, error.message, error.parameter),))
    return report(received(error, request_id), request_id)
