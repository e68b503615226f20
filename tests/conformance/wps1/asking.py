"""Asking the running service over HTTP, and reading its answers."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from lxml import etree

from tests.acceptance.running import Service
from tests.server.wps_processes import RESPONSE, assert_valid, faults, texts
from tests.server.wps_requests import one_input

PREFIXES = 'xmlns:wps="http://www.opengis.net/wps/1.0.0" xmlns:ows="http://www.opengis.net/ows/1.1"'
ONLY_1_0_0 = "service=WPS&request=GetCapabilities&AcceptVersions=1.0.0"
DESCRIBE = "service=WPS&version=1.0.0&request=DescribeProcess"
EXECUTE = "service=WPS&version=1.0.0&request=Execute"
ECHO = f"{EXECUTE}&identifier=echo"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes

    @property
    def faults(self) -> list[tuple[str, str | None]]:
        """Code and locator of each exception; the document is valid, and its status says that it is an error."""
        assert self.status >= 400, self.content
        assert self.headers["content-type"] == "text/xml; charset=utf-8"
        return faults(self.content)

    @property
    def response(self) -> etree._Element:
        """The ExecuteResponse, which is valid."""
        return self.document(RESPONSE)

    def document(self, schema: str) -> etree._Element:
        """The root of a valid document."""
        assert self.status == 200, self.content
        assert self.headers["content-type"] == "text/xml; charset=utf-8"
        return assert_valid(self.content, schema)


def ask(
    url: str, method: str = "GET", body: bytes | Iterable[bytes] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One request; a body in pieces is sent chunked."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)
    finally:
        connection.close()


def get(service: Service, query: str = "", **pairs: str) -> Answer:
    """A request in key-value pairs.

    :param query: as it stands in the address.
    :param pairs: more of them, to be encoded.
    """
    return ask(f"{service.wps}?{'&'.join(part for part in (query, urlencode(pairs)) if part)}")


def post(service: Service, content: str | bytes, **headers: str) -> Answer:
    """A request in XML."""
    body = content if isinstance(content, bytes) else content.encode()
    return ask(service.wps, "POST", body, {"Content-Type": "text/xml", **headers})


def get_capabilities(attributes: str = 'service="WPS"', inside: str = "") -> str:
    return f"<wps:GetCapabilities {PREFIXES} {attributes}>{inside}</wps:GetCapabilities>"


def describe(*identifiers: str, attributes: str = 'service="WPS" version="1.0.0"') -> str:
    inside = "".join(f"<ows:Identifier>{name}</ows:Identifier>" for name in identifiers)
    return f"<wps:DescribeProcess {PREFIXES} {attributes}>{inside}</wps:DescribeProcess>"


def complex_input(identifier: str, content: str, attributes: str = "") -> str:
    return one_input(identifier, f"<wps:Data><wps:ComplexData {attributes}>{content}</wps:ComplexData></wps:Data>")


def box_input(lower: str, upper: str, attributes: str = "", identifier: str = "bounding_box") -> str:
    corners = f"<ows:LowerCorner>{lower}</ows:LowerCorner><ows:UpperCorner>{upper}</ows:UpperCorner>"
    data = f"<wps:Data><wps:BoundingBoxData {attributes}>{corners}</wps:BoundingBoxData></wps:Data>"
    return one_input(identifier, data)


def inputs(**values: str) -> str:
    """DataInputs, each value encoded."""
    return "DataInputs=" + ";".join(f"{name}={quote(value, safe='')}" for name, value in values.items())


def literal_of(root: etree._Element, identifier: str) -> str:
    """The text of a literal output."""
    (found,) = texts(root, f"//wps:Output[ows:Identifier='{identifier}']/wps:Data/wps:LiteralData")
    return found


def ended(location: str, seconds: float = 60) -> etree._Element:
    """The stored response once its process has ended."""
    limit = time.monotonic() + seconds
    while True:
        root = ask(location).response
        if texts(root, "//wps:ProcessSucceeded | //wps:ProcessFailed"):
            return root
        assert time.monotonic() < limit, etree.tostring(root)
        time.sleep(0.05)


def one(found: list[Any]) -> Any:
    """The only one there is."""
    (only,) = found
    return only
