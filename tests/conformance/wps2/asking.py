"""Asking the running service over HTTP in WPS 2.0, and reading its answers."""

from __future__ import annotations

import time
from urllib.parse import urlencode

from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import Answer, ask, one
from tests.server.wps_processes import assert_valid

SCHEMA = "wps/2.0/wps.xsd"
EXCEPTIONS = "ows/2.0/owsExceptionReport.xsd"
SPACES = {
    "wps": "http://www.opengis.net/wps/2.0",
    "ows": "http://www.opengis.net/ows/2.0",
    "xlink": "http://www.w3.org/1999/xlink",
    "xml": "http://www.w3.org/XML/1998/namespace",
}
PREFIXES = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items() if prefix != "xml")
XML_SCHEMA = "http://www.w3.org/2001/XMLSchema#"


# --- requests -------------------------------------------------------------------------------------


def get(running: Service, request: str, /, **pairs: str) -> Answer:
    """A request in key-value pairs; service and version are said where ``pairs`` don't say otherwise.

    :param pairs: what has no value is left out.
    """
    said = {"service": "WPS", "version": "2.0.0", "request": request, **pairs}
    return ask(f"{running.wps}?{urlencode({key: value for key, value in said.items() if value})}")


def post(service: Service, content: str | bytes) -> Answer:
    """A request in XML."""
    body = content if isinstance(content, bytes) else content.encode()
    return ask(service.wps, "POST", body, {"Content-Type": "text/xml"})


def operation(name: str, inside: str = "", attributes: str = 'service="WPS" version="2.0.0"') -> str:
    """A request of any operation."""
    return f"<wps:{name} {PREFIXES} {attributes}>{inside}</wps:{name}>"


def of_job(name: str, job_id: str) -> str:
    """A request about a job."""
    return operation(name, f"<wps:JobID>{job_id}</wps:JobID>")


def describe(*identifiers: str, attributes: str = "") -> str:
    inside = "".join(f"<ows:Identifier>{name}</ows:Identifier>" for name in identifiers)
    return operation("DescribeProcess", inside, f'service="WPS" version="2.0.0" {attributes}')


def execute(process: str, inside: str = "", mode: str = "sync", response: str = "document") -> str:
    """An Execute request, which is valid where it can be."""
    attributes = f'service="WPS" version="2.0.0" mode="{mode}" response="{response}"'
    return operation("Execute", f"<ows:Identifier>{process}</ows:Identifier>{inside}", attributes)


def data(name: str, content: str, attributes: str = "") -> str:
    return f'<wps:Input id="{name}"><wps:Data {attributes}>{content}</wps:Data></wps:Input>'


def reference(name: str, href: str, inside: str = "", attributes: str = "") -> str:
    return (
        f'<wps:Input id="{name}"><wps:Reference xlink:href="{href}" {attributes}>{inside}</wps:Reference></wps:Input>'
    )


def output(name: str, attributes: str = "") -> str:
    return f'<wps:Output id="{name}" {attributes}/>'


def string(text: str) -> str:
    """The one input that echo must have."""
    return data("string", text)


# --- answers --------------------------------------------------------------------------------------


def document(answer: Answer, name: str) -> etree._Element:
    """The root of a valid document of WPS 2.0.

    :param name: of its root.
    """
    assert answer.status == 200, answer.content
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = assert_valid(answer.content, SCHEMA)
    assert root.tag == f"{{{SPACES['wps']}}}{name}"
    return root


def faults(answer: Answer, status: int = 400) -> list[tuple[str, str | None]]:
    """Code and locator of each exception of a valid report."""
    assert answer.status == status, answer.content
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = assert_valid(answer.content, EXCEPTIONS)
    assert root.get("version") == "2.0.0"
    assert all(texts(root, "//ows:ExceptionText"))
    return [(item.get("exceptionCode"), item.get("locator")) for item in root]


def texts(root: etree._Element, path: str) -> list[str]:
    """What an XPath with the usual prefixes finds, as text."""
    found = root.xpath(path, namespaces=SPACES)
    return [item if isinstance(item, str) else "".join(item.itertext()) for item in found]


def text(root: etree._Element, path: str) -> str:
    """What an XPath finds once."""
    found: str = one(texts(root, path))
    return found


def result(service: Service, content: str) -> etree._Element:
    """The Result of an Execute."""
    return document(post(service, content), "Result")


def value(root: etree._Element, name: str) -> str:
    """What a Result holds of an output given by value."""
    return text(root, f"wps:Output[@id='{name}']/wps:Data")


def status_of(root: etree._Element) -> str:
    return text(root, "wps:Status")


def started(service: Service, content: str) -> str:
    """The id of a job that was accepted."""
    root = document(post(service, content), "StatusInfo")
    assert status_of(root) == "Accepted"
    return text(root, "wps:JobID")


def status(service: Service, job_id: str) -> etree._Element:
    return document(get(service, "GetStatus", jobid=job_id), "StatusInfo")


def until(service: Service, job_id: str, *wanted: str, seconds: float = 60) -> etree._Element:
    """The StatusInfo of a job once it has one of some statuses."""
    limit = time.monotonic() + seconds
    while True:
        root = status(service, job_id)
        if status_of(root) in wanted:
            return root
        assert time.monotonic() < limit, etree.tostring(root)
        time.sleep(0.05)
