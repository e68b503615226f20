"""What the browser may load for a page."""

from __future__ import annotations


def content_security_policy(tiles: str = "") -> str:
    """What a page may load: this service's own files, and pictures of the map from its tiles' address.

    :param tiles: origin of the map tiles, such as ``https://tiles.example.org``; empty: there are none.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
        f"img-src 'self' data: blob:{f' {tiles}' if tiles else ''}; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
