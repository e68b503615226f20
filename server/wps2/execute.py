"""Execute requests in XML (OGC 14-065r2, 9.9.1 and 10.1.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import cast, get_args

from gasflux_core.errors import InputError, MissingInput
from processes.declaration import Kind, ProcessDeclaration
from server.errors import FormatNotOffered, UnfitValue, UnknownInput, UnknownOutput
from server.formats import canonical
from server.jobs.request import InputItem, JobRequest, OutputRequest, Upload
from server.settle import decode, with_content
from server.wps.boxes import read_box
from server.wps.complex_data import complex_content
from server.wps.operations import check_service
from server.wps.xml import HREF, Element, child, children, local_name
from server.wps2.descriptions import VALUE_TYPES
from server.wps2.errors import TooManyOutputs, UnknownMode
from server.wps2.operations import Execute, Mode, check_version

FACE = "wps-2.0.0"

_TEXT_VALUE = re.compile(r"(.*?)(?:@datatype=([^@]*))?(?:@uom=([^@]*))?", re.DOTALL)
"""A literal as plain text: its value, and perhaps its type and unit (OGC 14-065r2, 8.2)."""


def parse_execute(root: Element, find: Callable[[Sequence[str]], list[ProcessDeclaration]]) -> Execute:
    """The execution that a document asks for.

    :param root: its root element.
    :param find: gives the processes of some names.
    :raises InputError: or a kin of it, with the name of the parameter, the input or the output at fault.
    """
    check_service(root.get("service"))
    check_version(root.get("version"))
    identifiers = ["".join(item.itertext()).strip() for item in children(root, "Identifier")]
    if not any(identifiers):
        raise MissingInput("The element ows:Identifier is required: the name of a process.", "Identifier")
    if len(identifiers) > 1:
        raise InputError("Execute runs one process; several identifiers came.", "Identifier")
    (declared,) = find(identifiers)
    mode, raw = _mode(root.get("mode")), _is_raw(root.get("response"))
    uploads: list[Upload] = []
    inputs: dict[str, list[InputItem]] = {}
    for element in children(root, "Input"):
        name = _id(element)
        inputs.setdefault(name, []).append(_input(element, name, declared, uploads))
    outputs = [_output(element, declared) for element in children(root, "Output")]
    request = JobRequest(
        process=declared.identifier,
        inputs=inputs,
        outputs=_single(outputs, declared) if raw else outputs,
        mode="sync" if mode == "sync" else "async",
        response="raw" if raw else "document",
        face=FACE,
    )
    return Execute(request, tuple(uploads), mode)


def _mode(text: str | None) -> Mode:
    """How the job is to be run; where a client doesn't say, the service chooses (OGC 14-065r2, 6.5, mode-auto)."""
    if text is None:
        return "auto"
    if text not in get_args(Mode):
        raise UnknownMode(f"The mode {text[:40]!r} is not offered; sync, async and auto are.", text[:40] or "mode")
    return cast(Mode, text)


def _is_raw(text: str | None) -> bool:
    """Whether raw data is wanted; a document where a client doesn't say (OGC 14-065r2, 9.9.2)."""
    if text not in (None, "document", "raw"):
        raise InputError(f"response: expected document or raw, got {text[:40]!r}.", "response")
    return text == "raw"


def _single(outputs: list[OutputRequest], declared: ProcessDeclaration) -> list[OutputRequest]:
    """The one output that raw data can be."""
    wanted = outputs or [OutputRequest(item.identifier) for item in declared.outputs]
    if len(wanted) != 1:
        names = ",".join(item.identifier for item in wanted)
        raise TooManyOutputs(f"Raw data is one output; name one of {names} in wps:Output.", names[:200])
    return wanted


# --- inputs ---------------------------------------------------------------------------------------


def _input(element: Element, name: str, declared: ProcessDeclaration, uploads: list[Upload]) -> InputItem:
    if child(element, "Input") is not None:
        text = f"Input {name} holds inputs; none of process {declared.identifier} does."
        raise UnknownInput(text, name)
    reference, data = child(element, "Reference"), child(element, "Data")
    if reference is not None and data is not None:
        raise InputError(f"Input {name} has both data and a reference; it takes one of them.", name)
    if reference is not None:
        return _reference(reference, name)
    if data is None:
        raise MissingInput(f"Input {name} has neither data nor a reference.", name)
    known = declared.input(name)
    # What no process has is refused by its name later on.
    return _data(data, name, "literal" if known is None else known.kind, uploads)


def _data(element: Element, name: str, kind: Kind, uploads: list[Upload]) -> InputItem:
    if kind == "literal":
        return _literal(element, name)
    if kind == "bbox":
        box = child(element, "BoundingBox")
        return InputItem(text=_plain_text(element, name) if box is None else read_box(box, name))
    item = InputItem(
        media_type=element.get("mimeType") or None, encoding=_encoding(element), schema=element.get("schema") or None
    )
    content = complex_content(element, item.encoding, name)
    return with_content(item, content, uploads)


def _literal(element: Element, name: str) -> InputItem:
    value = child(element, "LiteralValue")
    if value is not None:
        return InputItem(text="".join(value.itertext()).strip(), unit=value.get("uom") or None)
    match = _TEXT_VALUE.fullmatch(_plain_text(element, name))
    # Every part of the expression may be empty.
    assert match is not None
    return InputItem(text=match[1].strip(), unit=match[3] or None)


def _plain_text(element: Element, name: str) -> str:
    """The value of a literal or a box as plain text."""
    if any(local_name(item) for item in element):
        text = f"Input {name}: expected a value as plain text, wps:LiteralValue or ows:BoundingBox within wps:Data."
        raise UnfitValue(text, name)
    text = "".join(element.itertext()).strip()
    if _encoding(element) is None:
        return text
    return decode(text, element.get("encoding"), name).decode("utf-8", errors="replace").strip()


def _reference(element: Element, name: str) -> InputItem:
    href = (element.get(HREF) or "").strip()
    if not href:
        raise MissingInput(f"The reference of input {name} has no xlink:href.", name)
    body, body_reference = child(element, "Body"), child(element, "BodyReference")
    body_href = None if body_reference is None else (body_reference.get(HREF) or "").strip()
    if body_href == "":
        raise MissingInput(f"The BodyReference of input {name} has no xlink:href.", name)
    return InputItem(
        href=href,
        # A body makes it a POST (OGC 14-065r2, 9.2).
        method="GET" if body is None and body_href is None else "POST",
        media_type=element.get("mimeType") or None,
        encoding=_encoding(element),
        schema=element.get("schema") or None,
        body=None if body is None else complex_content(body, None, name).decode(),
        body_href=body_href,
    )


# --- outputs --------------------------------------------------------------------------------------


def _output(element: Element, process: ProcessDeclaration) -> OutputRequest:
    name = _id(element)
    if child(element, "Output") is not None:
        raise UnknownOutput(f"Output {name} holds outputs; none of process {process.identifier} does.", name)
    transmission = element.get("transmission")
    if transmission not in (None, "value", "reference"):
        text = f"Output {name}: expected the transmission value or reference, got {transmission[:40]!r}."
        raise InputError(text, "transmission")
    declared, media_type = process.output(name), element.get("mimeType") or None
    if declared is not None and declared.kind != "complex" and media_type is not None:
        media_type = canonical(media_type)[0]
        if media_type not in VALUE_TYPES:
            known = ", ".join(VALUE_TYPES)
            text = f"Output {name} is not written as {media_type[:60]!r}. It is written as: {known}."
            raise FormatNotOffered(text, name)
    return OutputRequest(
        identifier=name,
        by_reference=None if transmission is None else transmission == "reference",
        media_type=media_type,
        encoding=_encoding(element),
        schema=element.get("schema") or None,
    )


def _id(element: Element) -> str:
    name = (element.get("id") or "").strip()
    if not name:
        raise MissingInput(f"An {local_name(element)} has no attribute id.", "id")
    return name


def _encoding(element: Element) -> str | None:
    """The stated encoding; ``raw`` says that there is none (OGC 14-065r2, 9.2)."""
    text = (element.get("encoding") or "").strip()
    return None if text.lower() in ("", "raw") else text
