"""One output alone, with nothing around it (OGC 05-007r7, 10.3.1: RawDataOutput)."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from flask import Response, send_file
from lxml import etree

from server.jobs.model import ResultItem
from server.store import StoredFile
from server.wps.boxes import fill_box
from server.wps.xml import OWS, ows, to_bytes

_PIECE = 3 * 64 * 1024
"""A multiple of three bytes, so that pieces in base64 follow each other without padding between."""


def raw_value(result: ResultItem) -> Response:
    """A literal as plain text; a bounding box as the element of OWS Common."""
    if result.kind == "bbox":
        root = etree.Element(ows("BoundingBox"), nsmap={"ows": OWS})
        fill_box(root, result.text or "", OWS)
        return Response(to_bytes(root), content_type="text/xml; charset=utf-8")
    return Response(result.text or "", content_type="text/plain; charset=utf-8")


def raw_file(stored: StoredFile, name: str, media_type: str | None, encoding: str | None) -> Response:
    """A file as it is, or in base64 where the client asked for that; in either case never whole in memory.

    :param name: suggested to whoever keeps the answer as a file.
    """
    if encoding == "base64":
        response = Response(_encoded(stored), content_type="text/plain; charset=us-ascii")
        response.content_length = (stored.size + 2) // 3 * 4
        return response
    response = send_file(stored.path or stored.open(), mimetype=media_type, as_attachment=True, download_name=name)
    if stored.path is None:
        response.content_length = stored.size
    # As it is declared: send_file would change its blanks.
    response.headers["Content-Type"] = media_type or "application/octet-stream"
    return response


def _encoded(stored: StoredFile) -> Iterator[bytes]:
    with stored.open() as stream:
        rest = b""
        while piece := stream.read(_PIECE):
            rest += piece
            whole = len(rest) // 3 * 3
            yield base64.b64encode(rest[:whole])
            rest = rest[whole:]
        yield base64.b64encode(rest)
