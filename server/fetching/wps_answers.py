"""What other processing services answer: results to take the data from, or a status to come back for.

WPS 1.0.0 (OGC 05-007r7, clause 10.3), WPS 2.0 (OGC 14-065, clauses 9.6 and 9.9 to 9.11) and OGC API – Processes
(OGC 18-062r2, clauses 7.11 to 7.13).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from lxml import etree

from server.fetching.exceptions import in_one_line, text_of_report
from server.fetching.refusal import Refused, joined
from server.fetching.sniff import head_of, read_document, root_element
from server.wps.xml import HREF, WPS, Element, child, children, local_name, namespace

WPS2 = "http://www.opengis.net/wps/2.0"

_RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"
_OGC_STATUSES = frozenset({"accepted", "running", "successful", "failed", "dismissed"})
_MOST_OUTPUTS = 1000


@dataclass(frozen=True)
class Offer:
    """A complex output of another process."""

    name: str
    media_type: str | None
    href: str | None = None
    """Where its content lies; None: it came with the answer."""
    content: bytes = b""
    encoding: str = ""
    """``base64`` of content behind ``href`` that has yet to be decoded."""


@dataclass(frozen=True)
class Later:
    """The data are not there (yet): another address is to be asked."""

    url: str
    pause: bool
    """Whether the process is still at work, so that some time should pass first."""


def read_answer(path: Path, url: str) -> Sequence[Offer] | Later | None:
    """What a document of another service says.

    :param path: the document. :param url: where it was.
    :returns: its outputs, where else to ask, or None: it is no such document but data.
    :raises Refused: the process failed, or the document is broken.
    """
    head = head_of(path)
    root = root_element(head)
    if root is not None:
        kind = (namespace(root), local_name(root))
        if kind == (WPS, "ExecuteResponse"):
            return _execute_response(read_document(path), url)
        if kind == (WPS2, "Result"):
            return list(_result(read_document(path), url))
        if kind == (WPS2, "StatusInfo"):
            return _status_info(read_document(path), url)
        return None
    ends = urlsplit(url).path.rstrip("/").endswith(("/results", "/execution"))
    if head.lstrip().startswith(b"{") and (ends or b'"jobID"' in head):
        return _json_answer(path, url, ends)
    return None


# --- WPS ------------------------------------------------------------------------------------------


def _execute_response(root: Element, url: str) -> Sequence[Offer] | Later:
    status = child(root, "Status")
    states = [] if status is None else [item for item in status if local_name(item)]
    state = local_name(states[0]) if states else ""
    if state == "ProcessFailed":
        raise Refused(f"is of a process that failed: {text_of_report(states[0])}")
    if state in ("ProcessAccepted", "ProcessStarted", "ProcessPaused"):
        location = (root.get("statusLocation") or "").strip()
        if not location:
            raise Refused("is of a process that has not ended, and names no statusLocation")
        return Later(joined(url, location), pause=True)
    outputs = child(root, "ProcessOutputs")
    found = [] if outputs is None else children(outputs, "Output")
    return [offer for output in found if (offer := _output(output, url)) is not None]


def _output(output: Element, url: str) -> Offer | None:
    identifier = child(output, "Identifier")
    name = "" if identifier is None else "".join(identifier.itertext()).strip()
    reference, data = child(output, "Reference"), child(output, "Data")
    if reference is not None:
        return _reference(name, reference, url)
    inline = None if data is None else child(data, "ComplexData")
    return None if inline is None else _inline(name, inline)


def _result(root: Element, url: str) -> Iterator[Offer]:
    for output in children(root, "Output"):
        name = (output.get("id") or "").strip()
        reference, data = child(output, "Reference"), child(output, "Data")
        if reference is not None:
            yield _reference(name, reference, url)
        elif data is not None and not any(local_name(item) in ("LiteralValue", "BoundingBox") for item in data):
            yield _inline(name, data)


def _reference(name: str, reference: Element, url: str) -> Offer:
    href = (reference.get(HREF) or reference.get("href") or "").strip()
    if not href:
        raise Refused(f"holds the output {name}, which is by reference without an address")
    encoding = (reference.get("encoding") or "").lower()
    return Offer(name, reference.get("mimeType"), joined(url, href), encoding=encoding)


def _inline(name: str, holder: Element) -> Offer:
    elements = [item for item in holder if local_name(item)]
    if elements:
        content = etree.tostring(elements[0], encoding="UTF-8", xml_declaration=True, with_tail=False)
    else:
        text = "".join(holder.itertext())
        content = _decoded(name, text, holder.get("encoding") or "")
    return Offer(name, holder.get("mimeType"), content=content)


def _decoded(name: str, text: str, encoding: str) -> bytes:
    if encoding.lower() != "base64":
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"holds the output {name}, which is no valid base64") from None


def _status_info(root: Element, url: str) -> Later:
    job, state = (_text(child(root, name)) for name in ("JobID", "Status"))
    if state.lower() == "dismissed":
        raise Refused(f"is of the job {job[:80]}, which was given up")
    if not job:
        raise Refused("is a status without a JobID")
    # A failed job's reason is the exception that GetResult gives (clause 9.10).
    done = state.lower() in ("succeeded", "failed")
    operation = "GetResult" if done else "GetStatus"
    base = url.partition("#")[0].partition("?")[0]
    return Later(f"{base}?service=WPS&version=2.0.0&request={operation}&jobId={quote(job, safe='')}", pause=not done)


def _text(element: Element | None) -> str:
    return "" if element is None else "".join(element.itertext()).strip()


# --- OGC API – Processes --------------------------------------------------------------------------


def _json_answer(path: Path, url: str, is_result: bool) -> Sequence[Offer] | Later | None:
    try:
        said = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError):
        # Whoever reads the data says what is wrong with it.
        return None
    if not isinstance(said, dict):
        return None
    if isinstance(said.get("jobID"), str) and str(said.get("status")) in _OGC_STATUSES:
        return _job(said, url)
    if is_result and any(_is_output(value) for value in said.values()):
        return [offer for name, value in list(said.items())[:_MOST_OUTPUTS] for offer in _offers(name, value, url)]
    return None


def _job(said: Mapping[str, Any], url: str) -> Later:
    job, state = said["jobID"], said["status"]
    if state in ("failed", "dismissed"):
        why = f": {in_one_line(str(said['message']))}" if said.get("message") else ""
        raise Refused(f"is of the job {job[:80]}, which {'failed' if state == 'failed' else 'was given up'}{why}")
    links = said.get("links")
    links = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    if state == "successful":
        found = _link(links, (_RESULTS, "[ogc-rel:results]", "results"))
        if found is None:
            base = joined(url, _link(links, ("self",)) or url)
            found = urlsplit(base)._replace(query="", fragment="").geturl().rstrip("/") + "/results"
        return Later(joined(url, found), pause=False)
    return Later(joined(url, _link(links, ("self", "status", "monitor")) or url), pause=True)


def _link(links: Sequence[Mapping[str, Any]], relations: Sequence[str]) -> str | None:
    fitting = [link for link in links if link.get("rel") in relations and isinstance(link.get("href"), str)]
    as_json = [link for link in fitting if "json" in str(link.get("type", "json"))]
    return next((str(link["href"]) for link in as_json or fitting), None)


def _is_output(value: Any) -> bool:
    return isinstance(value, dict) and (isinstance(value.get("href"), str) or "value" in value)


def _offers(name: str, value: Any, url: str) -> Iterator[Offer]:
    if not _is_output(value):
        return  # a bare value is a literal's
    if isinstance(value.get("href"), str):
        kind = value.get("type")
        yield Offer(name, kind if isinstance(kind, str) else None, joined(url, value["href"]))
        return
    found, kind = value["value"], value.get("mediaType") or value.get("type")
    form = value.get("format")
    if kind is None and isinstance(form, dict):
        kind = form.get("mediaType")
    if isinstance(found, str):
        content = _decoded(name, found, str(value.get("encoding") or ""))
    else:
        content = json.dumps(found, ensure_ascii=False).encode()
    yield Offer(name, kind if isinstance(kind, str) else None, content=content)
