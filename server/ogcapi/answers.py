"""Pages and documents as answers of HTTP."""

from __future__ import annotations

import json
from typing import Any

from flask import Response

from server.ogcapi.negotiation import Form
from server.ogcapi.pages import CONTENT_SECURITY_POLICY
from server.ogcapi.site import HTML, JSON


def json_bytes(document: Any) -> bytes:
    """A document as JSON."""
    return json.dumps(document, ensure_ascii=False).encode()


def answer(
    content: bytes, form: Form, language: str = "", *, media_type: str = JSON, status: int = 200, fresh: bool = True
) -> Response:
    """A page in one of its forms.

    :param language: of its texts; empty: it is negotiated by nothing.
    :param media_type: of its JSON.
    :param fresh: the same address answers otherwise in a moment, so that nobody may keep the answer.
    """
    response = Response(content, status, content_type=f"{HTML}; charset=utf-8" if form == "html" else media_type)
    if language:
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Accept, Accept-Language"
    if form == "html":
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Cache-Control"] = "no-store" if fresh else "no-cache"
    return response
