"""The service as a client sees it: WPS 1.0.0 over HTTP, and nothing else."""

from __future__ import annotations

import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

SPACES = {
    "wps": "http://www.opengis.net/wps/1.0.0",
    "ows": "http://www.opengis.net/ows/1.1",
    "xlink": "http://www.w3.org/1999/xlink",
}


@dataclass(frozen=True)
class Answer:
    """One answer of the service."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    """From the request to the last byte."""

    @property
    def document(self) -> etree._Element:
        """The body, which must be a whole XML document."""
        return etree.fromstring(self.body)

    @property
    def job_id(self) -> str:
        """Id of the job, from the status location."""
        return str(self.document.get("statusLocation")).rpartition("/")[2]

    @property
    def state(self) -> str:
        """Name of the element within Status: ProcessAccepted, ProcessStarted, ProcessSucceeded or ProcessFailed."""
        return str(etree.QName(self.document.find("wps:Status", SPACES)[0]).localname)

    @property
    def codes(self) -> list[str]:
        """Codes of the exceptions."""
        return [str(item.get("exceptionCode")) for item in self.document.iterfind(".//ows:Exception", SPACES)]

    @property
    def words(self) -> str:
        """What the exceptions say."""
        return " ".join(item.text or "" for item in self.document.iterfind(".//ows:ExceptionText", SPACES))

    @property
    def references(self) -> list[str]:
        """Addresses of the result files."""
        return [str(item.get("href")) for item in self.document.iterfind(".//wps:Output/wps:Reference", SPACES)]

    @property
    def literals(self) -> list[str]:
        """Texts of the literal outputs."""
        return [item.text or "" for item in self.document.iterfind(".//wps:Output//wps:LiteralData", SPACES)]


def ask(
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Answer:
    """Send one request; an answer with an error status is an answer.

    :raises OSError: nobody answers.
    """
    start = time.monotonic()
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}), method=method)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        content = response.read()
        return Answer(response.status, dict(response.headers.items()), content, time.monotonic() - start)


def execute_url(wps: str, process: str, inputs: Mapping[str, object], *, stored: bool) -> str:
    """Address of an Execute by KVP.

    :param stored: ask for the status location and don't wait.
    """
    data = ";".join(f"{name}={urllib.parse.quote(str(value), safe='')}" for name, value in inputs.items())
    query = {"service": "WPS", "version": "1.0.0", "request": "Execute", "identifier": process, "DataInputs": data}
    if stored:
        query |= {"storeExecuteResponse": "true", "status": "true"}
    return f"{wps}?{urllib.parse.urlencode(query)}"


def hang_up(url: str, *, after: float = 0.0) -> None:
    """Send a GET and go away without reading the answer.

    :param after: seconds to stay on the line.
    """
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        line.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        time.sleep(after)


def upload_document(process: str, name: str, content: str, media_type: str) -> bytes:
    """An asynchronous Execute by POST with one complex value in it, which is wanted back by reference."""
    assert re.fullmatch(r"[\w ,.\n-]*", content), "content must need no escaping"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<wps:Execute service="WPS" version="1.0.0" xmlns:wps="{SPACES["wps"]}" xmlns:ows="{SPACES["ows"]}">
<ows:Identifier>{process}</ows:Identifier>
<wps:DataInputs><wps:Input><ows:Identifier>{name}</ows:Identifier>
<wps:Data><wps:ComplexData mimeType="{media_type}">{content}</wps:ComplexData></wps:Data></wps:Input></wps:DataInputs>
<wps:ResponseForm><wps:ResponseDocument storeExecuteResponse="true" status="true">
<wps:Output asReference="true"><ows:Identifier>{name}</ows:Identifier></wps:Output>
</wps:ResponseDocument></wps:ResponseForm>
</wps:Execute>""".encode()
