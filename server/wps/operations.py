"""The three operations of WPS 1.0.0 as a client asked for them, read from either wire format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gasflux_core.errors import InputError, MissingInput
from server.jobs.request import JobRequest, Upload
from server.languages import DEFAULT, LANGUAGES, match_language

VERSION = "1.0.0"


@dataclass(frozen=True)
class GetCapabilities:
    """What the service is and offers."""

    language: str = DEFAULT
    update_sequence: str = ""
    """Of the capabilities that the client has already; empty: it has none."""


@dataclass(frozen=True)
class DescribeProcess:
    """What processes take and give."""

    identifiers: tuple[str, ...]
    """``ALL``, in any case, means every process."""
    language: str = DEFAULT


@dataclass(frozen=True)
class Execute:
    """Run one process."""

    request: JobRequest
    uploads: tuple[Upload, ...]
    store: bool
    """Whether the response document is to stay at a status location."""


Operation: TypeAlias = GetCapabilities | DescribeProcess | Execute


# --- checks that are the same for both wire formats -----------------------------------------------


def check_service(service: str | None) -> None:
    """Refuse any service but WPS."""
    if not service:
        raise MissingInput("The parameter service is required: service=WPS.", "service")
    if service != "WPS":
        raise InputError(f"This is a WPS; it is no service {service[:40]!r}.", "service")


def check_version(version: str | None) -> None:
    """Refuse any version but 1.0.0, of the operations that name theirs."""
    if not version:
        raise MissingInput(f"The parameter version is required: version={VERSION}.", "version")
    if version != VERSION:
        raise InputError(f"Version {version[:40]!r} is not offered; version {VERSION} is.", "version")


def check_language(language: str | None) -> str:
    """The offered language that a client means; the default where it names none.

    :raises InputError: it is none of those offered.
    """
    found = match_language(language)
    if found is None:
        raise InputError(
            f"The language {(language or '')[:40]!r} is not offered; {' and '.join(LANGUAGES)} are.", "language"
        )
    return found


def check_modes(*, raw: bool, store: bool, status: bool) -> None:
    """Refuse ways of answering that exclude each other."""
    if status and not store:
        raise InputError("status=true needs storeExecuteResponse=true: the status is read from the store.", "status")
    if raw and store:
        text = "Raw data is sent in the answer itself and is not stored; ask for a response document to store it."
        raise InputError(text, "storeExecuteResponse")


def boolean(value: str | None, name: str) -> bool:
    """An XML Schema boolean; absent means false."""
    text = (value or "").strip().lower()
    if text in ("", "false", "0"):
        return False
    if text in ("true", "1"):
        return True
    raise InputError(f"{name}: expected true or false, got {text[:40]!r}.", name)


def optional_boolean(value: str | None, name: str) -> bool | None:
    """An XML Schema boolean, or None where it is absent."""
    return None if value is None or not value.strip() else boolean(value, name)
