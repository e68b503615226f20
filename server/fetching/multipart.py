"""Answers of several parts (RFC 2046, section 5.1), as a WCS gives a coverage with its description."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from server.fetching.refusal import Refused

_MOST_PARTS = 100


@dataclass(frozen=True)
class Part:
    """One of the parts."""

    headers: Message
    content: bytes

    @property
    def media_type(self) -> str:
        """In lower case, without parameters."""
        return self.headers.get_content_type()

    @property
    def name(self) -> str:
        """What it says it is called; empty where it says nothing."""
        return (self.headers["Content-ID"] or "").strip().strip("<>")


def parts_of(content: bytes, boundary: str) -> list[Part]:
    """The parts of an answer.

    :raises Refused: it has none.
    """
    mark = b"--" + boundary.encode("latin-1", "replace")
    delimiter = re.compile(rb"(?:\A|\r?\n)" + re.escape(mark) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    places = list(delimiter.finditer(content))
    parts = []
    # A part reaches from one delimiter to the next; what is before the first and after the last is to be ignored.
    for here, there in itertools.pairwise(places):
        if here[1]:
            break
        headers, _, body = _split(content[here.end() : there.start()])
        parts.append(Part(BytesHeaderParser().parsebytes(headers), body))
        if len(parts) > _MOST_PARTS:
            raise Refused(f"answered with more than {_MOST_PARTS} parts")
    if not parts:
        raise Refused("answered with several parts, of which none can be read")
    return parts


def _split(part: bytes) -> tuple[bytes, bytes, bytes]:
    """Headers and content, between which is an empty line; there may be no headers at all."""
    if part.startswith((b"\r\n", b"\n")):
        return b"", b"", part.removeprefix(b"\r").removeprefix(b"\n")
    found = re.search(rb"\r?\n\r?\n", part)
    if found is None:
        return b"", b"", part
    return part[: found.start()], found[0], part[found.end() :]
