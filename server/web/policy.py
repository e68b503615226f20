"""The headers that keep a page to itself."""

from __future__ import annotations

from flask import Response


def content_security_policy(tiles: str = "") -> str:
    """What a page may load: this service's own files, and pictures of the map from its tiles' address.

    :param tiles: origin of the map tiles, such as ``https://tiles.example.org``; empty: there are none.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
        f"img-src 'self' data: blob:{f' {tiles}' if tiles else ''}; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


def keep_to_itself(response: Response) -> Response:
    """An answer with these headers, as far as it has none of its own."""
    response.headers.setdefault("Content-Security-Policy", content_security_policy())
    response.headers.setdefault("Referrer-Policy", "same-origin")
    # What a page shows depends on who looks, and in which language.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
