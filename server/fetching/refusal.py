"""Why a reference gives no input."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit


class Refused(Exception):
    """Why a reference gives no input: the end of a sentence that begins with its address; it goes to the client."""


def joined(base: str, href: str) -> str:
    """An address that another service gives, which may be relative to its own.

    :raises Refused: it is none.
    """
    try:
        url = urljoin(base, href.strip())
        urlsplit(url)
    except ValueError:
        raise Refused(f"leads to {href[:100]!r}, which is no address") from None
    return url
