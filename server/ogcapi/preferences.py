"""What a client prefers of the way in which it is answered: the header ``Prefer`` (RFC 7240)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PREFERENCE = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;,"]*)))?')


@dataclass(frozen=True)
class Preferences:
    """The preferences that this service knows; what can't be read is passed over, as the standard wants."""

    respond_async: bool = False
    wait: int | None = None
    """Seconds for which the client waits for the whole answer, before it wants to be told where it will be."""
    minimal: bool | None = None
    """Whether files should come as addresses rather than as values; None: the client doesn't care."""


def read_preferences(headers: Iterable[str]) -> Preferences:
    """The preferences of a request.

    :param headers: all its headers ``Prefer``. Of preferences that are given twice the first counts.
    """
    found: dict[str, str] = {}
    for part in (part for header in headers for part in header.split(",")):
        match = _PREFERENCE.match(part)
        if match:
            found.setdefault(match[1].lower(), (match[2] or match[3] or "").strip())
    wait = found.get("wait", "")
    return Preferences(
        respond_async="respond-async" in found,
        wait=int(wait) if re.fullmatch(r"\d{1,9}", wait, re.ASCII) else None,
        minimal={"minimal": True, "representation": False}.get(found.get("return", "").lower()),
    )
