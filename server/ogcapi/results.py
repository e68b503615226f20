"""Results of jobs: as a document, raw, or by their addresses (OGC 18-062r2, clauses 7.11.4 and 7.13).

Files go out piece by piece, however large they are; what they are is looked at before the first piece.
"""

from __future__ import annotations

import base64
import codecs
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response

from processes.declaration import OutputDeclaration, ProcessDeclaration
from server.jobs.model import Job, ResultItem
from server.jobs.request import OutputRequest
from server.ogcapi.execute import FACE
from server.ogcapi.schemas import crs_uri, is_json, literal_json
from server.ogcapi.site import JSON, Link, Site, link_header
from server.outputs import file_response
from server.store import Store, StoredFile
from server.wps.complex_data import is_text

TEXT = "text/plain; charset=utf-8"

BARE_SYSTEMS = tuple(f"http://www.opengis.net/def/crs/OGC/{name}" for name in ("1.3/CRS84", "0/CRS84h"))
"""Reference systems that bbox.yaml knows."""

_PIECE = 192 * 1024
"""Bytes read at once; three of them are four letters of base64."""


@dataclass(frozen=True)
class Result:
    """One output of a job, on its way to a client."""

    identifier: str
    item: ResultItem
    stored: StoredFile | None
    """Its file; None where it is a text in the job's row."""
    address: str
    by_reference: bool
    as_base64: bool
    """Whether the client asked for base64."""
    title: str = ""

    @property
    def media_type(self) -> str:
        """As it is declared."""
        if self.stored is not None:
            return self.item.media_type or "application/octet-stream"
        return JSON if self.item.kind == "bbox" else TEXT

    @property
    def link(self) -> Link:
        """Its address, as documents have it (link.yaml)."""
        return {"href": self.address, "rel": "item", "type": self.media_type, "title": self.title or self.identifier}


def results_of(
    job: Job, declared: ProcessDeclaration, site: Site, store: Store, by_reference: bool | None = None
) -> list[Result]:
    """The outputs that the client asked for, in that order; all, where it named none.

    :param by_reference: all of them; None: as each was asked for.
    """
    chosen = job.request.outputs or [OutputRequest(item.identifier) for item in declared.outputs]
    # Of a process that is gone since, only what it made is known.
    chosen = chosen or [OutputRequest(name) for name in job.results]
    made = [wanted for wanted in chosen if wanted.identifier in job.results]
    return [_result(job, declared.output(wanted.identifier), wanted, site, store, by_reference) for wanted in made]


def one_result(job: Job, declared: ProcessDeclaration, identifier: str, site: Site, store: Store) -> Result:
    """One output, whether the client asked for it by value or not."""
    asked = next((one for one in job.request.outputs if one.identifier == identifier), OutputRequest(identifier))
    return _result(job, declared.output(identifier), asked, site, store, False)


def _result(
    job: Job,
    declared: OutputDeclaration | None,
    wanted: OutputRequest,
    site: Site,
    store: Store,
    by_reference: bool | None,
) -> Result:
    item = job.results[wanted.identifier]
    stored = None if item.file is None else store.open(job.id, job.attempt, item.file)
    if by_reference is None:
        by_reference = wanted.by_reference
    if by_reference is None:
        # The standard's default is the value, as it is of raw data; WPS leaves it to the process.
        to_process = job.face != FACE and job.request.response == "document"
        by_reference = to_process and declared is not None and declared.by_reference
    return Result(
        wanted.identifier,
        item,
        stored,
        site.result(job.id, wanted.identifier) if item.file is None else store.url(job.id, item.file),
        by_reference,
        wanted.encoding == "base64",
        declared.title if declared is not None else "",
    )


# --- as a document --------------------------------------------------------------------------------


def document(results: list[Result]) -> Iterator[bytes]:
    """The results in one JSON object (results.yaml), piece by piece."""
    separator = "{"
    for result in results:
        yield f"{separator}{json.dumps(result.identifier)}: ".encode()
        yield from _member(result)
        separator = ", "
    yield b"}" if results else b"{}"


def _member(result: Result) -> Iterator[bytes]:
    if result.by_reference:
        yield json.dumps(result.link, ensure_ascii=False).encode()
        return
    if result.stored is None:
        yield json.dumps(_inline(result.item), ensure_ascii=False).encode()
        return
    qualifiers: dict[str, str] = {"mediaType": result.media_type}
    readable = not result.as_base64 and _is_readable(result.stored, result.media_type)
    if not readable:
        qualifiers["encoding"] = "base64"
    yield json.dumps(qualifiers, ensure_ascii=False)[:-1].encode() + b', "value": '
    if not readable:
        yield b'"'
        yield from _base64(result.stored)
        yield b'"'
    elif is_json(result.media_type) and result.stored.size:
        yield from _bytes(result.stored)
    else:
        yield b'"'
        yield from _escaped(result.stored)
        yield b'"'
    yield b"}"


def _inline(item: ResultItem) -> Any:
    """A literal or a bounding box as results.yaml takes it: there a bare box is one in the standard's own systems."""
    value = text_value(item)
    return {"value": value} if isinstance(value, dict) and value["crs"] not in BARE_SYSTEMS else value


def text_value(item: ResultItem) -> Any:
    """A literal or a bounding box as a value of JSON."""
    text = item.text or ""
    if item.kind != "bbox":
        return literal_json(text, item.data_type)
    *corners, crs = text.split(",")
    return {"bbox": [float(corner) for corner in corners], "crs": crs_uri(crs)}


def _is_readable(stored: StoredFile, media_type: str) -> bool:
    """Whether a file is text, by its media type and in fact."""
    if not is_text(media_type):
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in _bytes(stored):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _bytes(stored: StoredFile) -> Iterator[bytes]:
    with stored.open() as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _base64(stored: StoredFile) -> Iterator[bytes]:
    rest = b""
    for piece in _bytes(stored):
        # A stream may give less than it was asked for; only its end may leave letters to be filled up.
        piece = rest + piece
        whole = len(piece) - len(piece) % 3
        rest = piece[whole:]
        yield base64.b64encode(piece[:whole])
    yield base64.b64encode(rest)


def _escaped(stored: StoredFile) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in _bytes(stored):
        yield json.dumps(decoder.decode(piece), ensure_ascii=False)[1:-1].encode()


# --- raw ------------------------------------------------------------------------------------------


def raw(results: list[Result]) -> Response:
    """The results in their own forms, as the standard's table of responses has it."""
    if all(result.by_reference for result in results):
        response = Response(status=204)
        del response.headers["Content-Type"]
        for result in results:
            response.headers.add("Link", link_header(result.link))
        return response
    if len(results) == 1:
        return raw_value(results[0])
    boundary = uuid.uuid4().hex
    media_type = f'multipart/related; boundary="{boundary}"; type="{_part_type(results[0])}"'
    return Response(_multipart(results, boundary), content_type=media_type)


def raw_value(result: Result) -> Response:
    """One output, and nothing around it."""
    if result.stored is None:
        return Response(_raw_text(result), content_type=result.media_type)
    if result.as_base64:
        return Response(_base64(result.stored), content_type="text/plain; charset=us-ascii")
    return file_response(result.stored, result.item)


def _multipart(results: list[Result], boundary: str) -> Iterator[bytes]:
    """Several outputs, one a part (RFC 2387): values whole, references as headers of an empty part."""
    for result in results:
        head = [f"--{boundary}", f"Content-Type: {_part_type(result)}", f"Content-ID: {result.identifier}"]
        if result.by_reference:
            head.append(f"Content-Location: {result.address}")
        elif result.stored is not None and result.as_base64:
            head.append("Content-Transfer-Encoding: base64")
        yield ("\r\n".join(head) + "\r\n\r\n").encode()
        if not result.by_reference:
            yield from _part(result)
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _part(result: Result) -> Iterator[bytes]:
    if result.stored is None:
        yield _raw_text(result)
    elif result.as_base64:
        yield from _base64(result.stored)
    else:
        yield from _bytes(result.stored)


def _part_type(result: Result) -> str:
    media_type = result.media_type
    return (
        f"{media_type}; charset=utf-8" if media_type.startswith("text/") and "charset" not in media_type else media_type
    )


def _raw_text(result: Result) -> bytes:
    if result.item.kind == "bbox":
        return json.dumps(text_value(result.item)).encode()
    return (result.item.text or "").encode()
