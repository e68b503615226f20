"""Requests in XML (HTTP POST), OGC 05-007r7 clauses 8.2, 9.2 and 10.2."""

from __future__ import annotations

from gasflux_core.errors import InputError, MissingInput
from server.errors import UnknownOperation, UnreadableRequest
from server.jobs.request import InputItem, JobRequest, OutputRequest, Upload
from server.settle import with_content
from server.wps.boxes import read_box
from server.wps.complex_data import complex_content
from server.wps.kvp import method
from server.wps.operations import (
    DescribeProcess,
    Execute,
    GetCapabilities,
    Operation,
    boolean,
    check_language,
    check_modes,
    check_service,
    check_version,
    optional_boolean,
)
from server.wps.xml import HREF, WPS, Element, child, children, local_name, namespace


def parse_document(root: Element) -> Operation:
    """The operation that a document asks for.

    :param root: its root element.
    :raises UnreadableRequest: where it is none of WPS 1.0.0.
    :raises InputError: or a kin of it, with the name of the parameter or input at fault.
    """
    name = local_name(root)
    if name not in ("GetCapabilities", "DescribeProcess", "Execute"):
        text = f"The operation {name[:40]!r} is not offered; GetCapabilities, DescribeProcess and Execute are."
        raise UnknownOperation(text, name[:40])
    check_service(root.get("service"))
    if name == "GetCapabilities":
        return GetCapabilities(check_language(root.get("language")), (root.get("updateSequence") or "").strip())
    check_version(root.get("version"))
    if namespace(root) != WPS:
        raise UnreadableRequest(f"The element {name} must be in the namespace {WPS}.")
    language = check_language(root.get("language"))
    identifiers = tuple(text for item in children(root, "Identifier") if (text := _text(item)))
    if not identifiers:
        raise MissingInput("The element ows:Identifier is required: the name of a process.", "Identifier")
    if name == "DescribeProcess":
        return DescribeProcess(identifiers, language)
    if len(identifiers) > 1:
        raise InputError("Execute runs one process; several identifiers came.", "Identifier")
    return _execute(root, identifiers[0], language)


def _execute(root: Element, process: str, language: str) -> Execute:
    uploads: list[Upload] = []
    inputs: dict[str, list[InputItem]] = {}
    holder = child(root, "DataInputs")
    for element in [] if holder is None else children(holder, "Input"):
        identifier = _identifier(element, "DataInputs")
        inputs.setdefault(identifier, []).append(_input(element, identifier, uploads))
    form = child(root, "ResponseForm")
    document = None if form is None else child(form, "ResponseDocument")
    raw = None if form is None else child(form, "RawDataOutput")
    if document is not None and raw is not None:
        raise InputError("RawDataOutput and ResponseDocument exclude each other.", "ResponseForm")
    settings = {} if document is None else document.attrib
    store = boolean(settings.get("storeExecuteResponse"), "storeExecuteResponse")
    status = boolean(settings.get("status"), "status")
    check_modes(raw=raw is not None, store=store, status=status)
    wanted = [raw] if raw is not None else [] if document is None else children(document, "Output")
    request = JobRequest(
        process=process,
        inputs=inputs,
        outputs=[_output(element) for element in wanted],
        mode="async" if status else "sync",
        response="raw" if raw is not None else "document",
        lineage=boolean(settings.get("lineage"), "lineage"),
        language=language,
    )
    return Execute(request, tuple(uploads), store)


def _input(element: Element, identifier: str, uploads: list[Upload]) -> InputItem:
    reference, data = child(element, "Reference"), child(element, "Data")
    if reference is not None:
        return _reference(reference, identifier)
    if data is None:
        raise MissingInput(f"Input {identifier} has neither data nor a reference.", identifier)
    literal, inline, box = (child(data, name) for name in ("LiteralData", "ComplexData", "BoundingBoxData"))
    if literal is not None:
        return InputItem(text="".join(literal.itertext()), unit=literal.get("uom") or None)
    if box is not None:
        return InputItem(text=read_box(box, identifier))
    if inline is None:
        text = f"Input {identifier}: expected LiteralData, ComplexData or BoundingBoxData within Data."
        raise InputError(text, identifier)
    item = InputItem(
        media_type=inline.get("mimeType") or None,
        encoding=inline.get("encoding") or None,
        schema=inline.get("schema") or None,
    )
    content = complex_content(inline, item.encoding, identifier)
    return with_content(item, content, uploads)


def _reference(element: Element, identifier: str) -> InputItem:
    href = element.get(HREF) or element.get("href")
    if not href or not href.strip():
        raise MissingInput(f"The reference of input {identifier} has no xlink:href.", identifier)
    body, body_reference = child(element, "Body"), child(element, "BodyReference")
    body_href = None if body_reference is None else body_reference.get(HREF) or body_reference.get("href")
    if body_reference is not None and not body_href:
        raise MissingInput(f"The BodyReference of input {identifier} has no xlink:href.", identifier)
    headers: dict[str, str] = {}
    for header in children(element, "Header"):
        key = (header.get("key") or "").strip()
        if not key:
            raise InputError(f"A Header of the reference of input {identifier} has no key.", identifier)
        headers[key] = header.get("value") or ""
    return InputItem(
        href=href.strip(),
        method=method(element.get("method"), identifier),
        media_type=element.get("mimeType") or None,
        encoding=element.get("encoding") or None,
        schema=element.get("schema") or None,
        headers=headers,
        body=None if body is None else complex_content(body, None, identifier).decode(),
        body_href=body_href,
    )


def _output(element: Element) -> OutputRequest:
    title, abstract = child(element, "Title"), child(element, "Abstract")
    return OutputRequest(
        identifier=_identifier(element, local_name(element)),
        by_reference=optional_boolean(element.get("asReference"), "asReference"),
        media_type=element.get("mimeType") or None,
        encoding=element.get("encoding") or None,
        schema=element.get("schema") or None,
        unit=element.get("uom") or None,
        title=None if title is None else _text(title) or None,
        abstract=None if abstract is None else _text(abstract) or None,
    )


def _identifier(element: Element, within: str) -> str:
    found = child(element, "Identifier")
    text = "" if found is None else _text(found)
    if not text:
        raise MissingInput(f"An entry of {within} has no ows:Identifier.", within)
    return text


def _text(element: Element) -> str:
    return "".join(element.itertext()).strip()
