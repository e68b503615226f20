"""Errors in the form of the service that was asked: WMS has one of its own, WCS and WFS that of OWS Common."""

from __future__ import annotations

import re

from lxml import etree

from server.errors import Fault, Report
from server.ows.errors import MapServerFailed
from server.ows.mapserver import Answer
from server.wps.xml import LANG, OWS, add, to_bytes

XML_TYPE = "text/xml; charset=utf-8"

_REPORT = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!DOCTYPE[^>]*>\s*)?<(?:\w+:)?(?:ServiceException|Exception)Report\b")
_NOISE = re.compile(r"\bms\w+\(\): ?|A layer might be disabled .*$")
"""MapServer's functions, and advice for whoever wrote the mapfile."""
_PATH = re.compile(r"(?<![\w:/.])/(?:[^\s/'\"]+/)+[^\s'\"]*")

_VERSION = re.compile(r"\d+\.\d?\d\.\d?\d")

_OGC = "http://www.opengis.net/ogc"
_OWS_2 = "http://www.opengis.net/ows/2.0"
_OWS_1 = "http://www.opengis.net/ows"


def exception_document(report: Report, service: str, version: str) -> bytes:
    """The document.

    :param service: WMS, WCS, WFS, or empty where none was named.
    :param version: as it was asked for; empty, the newest.
    """
    if service == "WMS" or (service == "WCS" and version.startswith("1.0")):
        return _service_exceptions(report, version or "1.3.0")
    if service == "WCS":
        # WCS 1.1 has OWS 1.1 (06-121r3), WCS 2.0 has OWS 2.0.
        return _exceptions(report, OWS if version.startswith("1.1") else _OWS_2, version or "2.0.1")
    if service == "WFS":
        old = version.startswith("1.")
        return _exceptions(report, _OWS_1 if old else OWS, version or "2.0.0")
    return _exceptions(report, OWS, "1.1.0")


def read_exception(answer: Answer) -> Report | None:
    """What MapServer says of an error; None where its answer is none.

    It sends many of its exceptions with the status 200, names its files in them and its own functions.

    :raises MapServerFailed: it failed, and it was not the request's fault.
    """
    kind = answer.headers.get("Content-Type", "")
    if "html" in kind or answer.status >= 500:
        raise MapServerFailed("MapServer gave no answer to this request; the operator finds more in the log.")
    if "xml" not in kind or _REPORT.match(answer.content[:1000]) is None:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(answer.content, parser)
    found = root.iter("{*}Exception", "{*}ServiceException")
    faults = tuple(
        Fault(
            element.get("exceptionCode") or element.get("code") or "NoApplicableCode",
            _told("".join(element.itertext())),
            element.get("locator"),
        )
        for element in found
    )
    status = answer.status if answer.status >= 400 else 400
    return Report(status, faults or (Fault("NoApplicableCode", "The request can't be answered."),))


def _told(text: str) -> str:
    return " ".join(_PATH.sub("…", _NOISE.sub("", text)).split())


def _service_exceptions(report: Report, version: str) -> bytes:
    # Up to 1.1.1 the elements had no namespace.
    space = _OGC if version.startswith("1.3") else None
    prefix = f"{{{_OGC}}}" if space else ""
    root = etree.Element(f"{prefix}ServiceExceptionReport", nsmap={None: _OGC} if space else None)
    root.set("version", "1.3.0" if space else "1.1.1" if version.startswith("1.1") else "1.2.0")
    for fault in report.faults:
        code = None if fault.code == "NoApplicableCode" else _code(fault.code, version)
        add(root, f"{prefix}ServiceException", fault.text, code=code, locator=fault.locator)
    return to_bytes(root)


def _code(code: str, version: str) -> str:
    # MapServer's is that of 1.1 for all versions.
    return "InvalidCRS" if code == "InvalidSRS" and version.startswith("1.3") else code


def _exceptions(report: Report, space: str, version: str) -> bytes:
    root = etree.Element(f"{{{space}}}ExceptionReport", nsmap={"ows": space})
    root.set("version", version if _VERSION.fullmatch(version) else "1.1.0")
    root.set("language" if space == _OWS_1 else LANG, "en-US")
    for fault in report.faults:
        element = add(root, f"{{{space}}}Exception", exceptionCode=fault.code, locator=fault.locator)
        add(element, f"{{{space}}}ExceptionText", fault.text)
    return to_bytes(root)
