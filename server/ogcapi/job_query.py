"""Which jobs a client asks for in the query of the list of jobs (OGC 18-062r2, clause 12)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gasflux_core.errors import InputError
from server.jobs.model import JobStatus
from server.ogcapi.negotiation import several, single, whole_number

PARAMETERS = ("type", "processID", "status", "datetime", "minDuration", "maxDuration", "limit", "offset")
DEFAULT_LIMIT = 10
MOST_JOBS = 1000

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True)
class JobQuery:
    """The filters; None: any."""

    types: list[str] | None
    processes: list[str] | None
    statuses: list[JobStatus] | None
    created_from: datetime | None
    created_to: datetime | None
    min_seconds: int | None
    max_seconds: int | None
    limit: int
    offset: int
    given: dict[str, Any]
    """The filters as they came, for links to other pages."""


def read_job_query() -> JobQuery:
    """The filters of the request at hand.

    :raises InputError: naming the parameter, what was expected and what came.
    """
    created_from, created_to = _interval(single("datetime"))
    given = {name: several(name) for name in ("type", "processID", "status")}
    least, most = _seconds("minDuration"), _seconds("maxDuration")
    if least is not None and most is not None and least > most:
        raise InputError("minDuration: expected at most maxDuration, got more.", "minDuration")
    scalars = {name: single(name) for name in ("datetime", "minDuration", "maxDuration")}
    return JobQuery(
        types=given["type"],
        processes=given["processID"],
        statuses=None if given["status"] is None else [_status(text) for text in given["status"]],
        created_from=created_from,
        created_to=created_to,
        min_seconds=least,
        max_seconds=most,
        limit=whole_number("limit", DEFAULT_LIMIT, 1, MOST_JOBS),
        offset=whole_number("offset", 0, 0),
        given={name: value for name, value in {**given, **scalars}.items() if value},
    )


def _seconds(name: str) -> int | None:
    return None if single(name) is None else whole_number(name, 0, 0)


def _status(text: str) -> JobStatus:
    try:
        return JobStatus(text)
    except ValueError:
        known = ", ".join(JobStatus)
        raise InputError(f"status: expected one of {known}, got {text[:40]!r}.", "status") from None


def _interval(text: str | None) -> tuple[datetime | None, datetime | None]:
    """A time, or an interval that may be open at one end."""
    if text is None:
        return None, None
    begin, slash, end = text.partition("/")
    if not slash:
        time = _time(begin, text)
        return time, time
    open_begin, open_end = begin in ("", ".."), end in ("", "..")
    if open_begin and open_end:
        raise _malformed(text)
    first = None if open_begin else _time(begin, text)
    last = None if open_end else _time(end, text)
    if first is not None and last is not None and first > last:
        raise InputError("datetime: the interval ends before it begins.", "datetime")
    return first, last


def _time(text: str, whole: str) -> datetime:
    # A plus sign in an address stands for a blank where nobody encoded it.
    text = text.replace(" ", "+")
    if not _DATE_TIME.fullmatch(text):
        raise _malformed(whole)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _malformed(whole) from None


def _malformed(text: str) -> InputError:
    expected = "a time such as 2026-05-01T08:00:00Z, or two with a slash between, one of which may be .."
    return InputError(f"datetime: expected {expected}, got {text[:80]!r}.", "datetime")
