"""What can go wrong, each with words for the person who called."""

from __future__ import annotations


class ClientError(Exception):
    """Base of all errors of this client."""


class Unreachable(ClientError):
    """The service does not answer at its address, or what answers there is no GasFlux service."""


class Refused(ClientError):
    """The service refuses a request, and says why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        """Status of HTTP: 400 bad input, 401 and 403 key, 404 unknown, 409, 413 too large, 415 no flight table."""


class Busy(Refused):
    """The service takes no more just now (429, 503), even after some tries."""


class RunFailed(ClientError):
    """A run ended without results: it failed, or somebody cancelled it."""


class TimedOut(ClientError):
    """A run has not ended within the time one was ready to wait; it goes on."""
