"""What belongs to this service: the page that asks for a change, and the path to which one is led."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request

READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""


def asked_by_own_page() -> bool | None:
    """Whether a page of this service sends the request at hand; None: no browser says, as with programs.

    A browser says of each change which page asked for it, and no page can make it lie.
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    origin = request.headers.get("Origin")
    if origin is None:
        return None
    try:
        # Behind a proxy the scheme that is seen here may be another than the browser's; the host is the same.
        return urlsplit(origin).netloc == request.host
    except ValueError:
        return False


def own_path(text: str) -> str:
    """A path of this service, whatever came: two slashes, or a backslash, would lead elsewhere.

    So would a tab or a line's end between two slashes, which browsers leave out of addresses.
    """
    inside = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if inside else "/"
