"""The body of a request, unpacked where its client packed it."""

from __future__ import annotations

import zlib

from flask import request

from server.errors import EncodingNotTaken, RequestTooLarge, UnreadableRequest

ENCODINGS_TAKEN = "gzip, identity"


def read_body(limit: int) -> bytes:
    """The body of the HTTP request at hand.

    :param limit: bytes that it may have; packed, Flask sees to that, unpacked this does.
    :raises EncodingNotTaken: it is packed in another way than gzip.
    :raises UnreadableRequest: it is said to be packed and isn't, or breaks off.
    :raises RequestTooLarge: it holds more than it may.
    """
    content = request.get_data(cache=False)
    # Of a chunked body Werkzeug gives just as much as may be, and doesn't say whether there is more.
    if request.content_length is None and len(content) >= limit and request.environ["wsgi.input"].read(1):
        raise RequestTooLarge(f"The request is larger than the {limit} bytes that this service takes.")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return content
    if encoding not in ("gzip", "x-gzip"):
        raise EncodingNotTaken(f"The body is packed as {encoding[:40]!r}; send it plain, or packed by gzip.")
    return _unpacked(content, limit)


def _unpacked(content: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        # One more than may be, so that more is seen without being unpacked.
        unpacked = unpacker.decompress(content, limit + 1)
    except zlib.error:
        raise UnreadableRequest("The body is said to be packed by gzip and is not.") from None
    if len(unpacked) > limit:
        raise RequestTooLarge(f"The request has more than the {limit} bytes that this service takes, once unpacked.")
    if not unpacker.eof or unpacker.unused_data:
        raise UnreadableRequest("The body is packed by gzip and breaks off, or goes on after its end.")
    return unpacked
