"""What services say instead of sending what was asked for: exceptions, of OGC services and in JSON."""

from __future__ import annotations

import json
import re

from lxml import etree

from server.wps.xml import Element

_ROOTS = frozenset({"ExceptionReport", "ServiceExceptionReport", "ServiceException", "Exception"})

MARK = b"\xef\xbb\xbf"
"""Byte order mark of UTF-8."""


def exception_text(content: bytes) -> str | None:
    """What an exception document of a service says, or None where the content is no such document.

    Known are the XML of OWS, WMS and WFS 1.0, and JSON by RFC 7807 or as OGC API – Common has it.
    """
    start = content.lstrip(MARK + b" \t\r\n")
    if start.startswith(b"{"):
        return _problem_text(start)
    if not start.startswith(b"<"):
        return None
    # Broken ends are mended, since only the beginning may be at hand; entities and the network are left alone.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    # A mended document may have a prefix without a namespace in its names.
    if root is None or not isinstance(root.tag, str) or re.split("[}:]", root.tag)[-1] not in _ROOTS:
        return None
    return text_of_report(root)


def text_of_report(root: Element) -> str:
    """The codes and texts of an exception report, in one line."""
    parts = [element.get("exceptionCode") or element.get("code") or "" for element in root.iter(tag=etree.Element)]
    return in_one_line(" ".join([*filter(None, parts), *root.itertext()]))


def in_one_line(words: str) -> str:
    """What another service says, short enough to be part of a sentence."""
    return (" ".join(words.split())[:500] or "without a text").rstrip(".")


def request_advice(url: str) -> str:
    """What to send to a service that was asked for nothing, to end a sentence with."""
    if "request=" in url.lower() or "/collections" in url:
        return ""
    return "; is it the bare address of a service? Send a request for data, such as GetFeature or GetCoverage"


def _problem_text(start: bytes) -> str | None:
    if len(start) > 20_000:
        return None
    try:
        problem = json.loads(start)
    except (ValueError, RecursionError):
        return None
    known = {"type", "title", "status", "detail", "instance", "code", "description"}
    if not isinstance(problem, dict) or not problem.keys() <= known:
        return None
    if not problem.keys() & {"type", "code"} or not problem.keys() & {"title", "detail", "description"}:
        return None
    said = [problem.get(name) for name in ("code", "title", "detail", "description")]
    return in_one_line(" ".join(str(text) for text in said if text))
