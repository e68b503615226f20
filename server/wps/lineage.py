"""What a client sent, told back to it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from processes.bounding_box import read_bounding_box
from processes.declaration import InputDeclaration, ProcessDeclaration
from server.jobs.model import Job
from server.jobs.request import InputItem, OutputRequest
from server.store import NoSuchFile, Store
from server.wps.boxes import fill_box
from server.wps.complex_data import add_complex, xml_root
from server.wps.xml import HREF, OWS, Element, add, clean, ows, unit_uri, wps


def add_lineage(
    root: Element, job: Job, declared: ProcessDeclaration, outputs: Sequence[OutputRequest], store: Store
) -> None:
    """Append DataInputs and OutputDefinitions to a response: every value, as it came."""
    if job.request.inputs:
        inputs = add(root, wps("DataInputs"))
        for identifier, items in job.request.inputs.items():
            described = declared.input(identifier)
            for item in items:
                element = add(inputs, wps("Input"))
                add(element, ows("Identifier"), identifier)
                if described is not None:
                    add(element, ows("Title"), described.title)
                _value(element, item, described, job, store)
    if outputs:
        definitions = add(root, wps("OutputDefinitions"))
        for wanted in outputs:
            _definition(definitions, wanted, declared)


def _value(parent: Element, item: InputItem, described: InputDeclaration | None, job: Job, store: Store) -> None:
    form = {"mimeType": item.media_type, "schema": item.schema}
    if item.href is not None:
        _reference(parent, item)
        return
    data = add(parent, wps("Data"))
    if item.upload is None and described is not None and described.kind == "bbox":
        fill_box(add(data, wps("BoundingBoxData")), read_bounding_box(described, item.text or "").text, OWS)
    elif item.upload is None:
        data_type = described.data_type if described is not None else None
        add(data, wps("LiteralData"), item.text or "", dataType=data_type, uom=unit_uri(item.unit))
    else:
        content = _uploaded(item.upload, item.upload_of or job.id, job, store)
        add_complex(data, content, form, encoding=item.encoding if item.encoding == "base64" else None)


def _uploaded(name: str, owner: str, job: Job, store: Store) -> bytes:
    """What came with the request: from the inputs, or from the results once the job was successful.

    In this order, since a job publishes its results before its inputs are dropped.
    """
    with contextlib.suppress(NoSuchFile, FileNotFoundError), tempfile.TemporaryDirectory() as folder:
        return store.input_file(owner, name, Path(folder)).read_bytes()
    with contextlib.suppress(NoSuchFile, FileNotFoundError), store.open(job.id, job.attempt, name).open() as stream:
        return stream.read()
    return b""


def _reference(parent: Element, item: InputItem) -> None:
    element = add(
        parent,
        wps("Reference"),
        method=item.method,
        mimeType=item.media_type,
        encoding=item.encoding,
        schema=item.schema,
    )
    element.set(HREF, clean(item.href or ""))
    for key, value in item.headers.items():
        add(element, wps("Header")).attrib.update({"key": clean(key), "value": clean(value)})
    if item.body is not None:
        root = xml_root(item.body.encode())
        body = add(element, wps("Body"), item.body if root is None else None)
        if root is not None:
            body.append(root)
    elif item.body_href is not None:
        add(element, wps("BodyReference")).set(HREF, clean(item.body_href))


def _definition(parent: Element, wanted: OutputRequest, declared: ProcessDeclaration) -> None:
    described = declared.output(wanted.identifier)
    by_reference = wanted.by_reference
    if by_reference is None and described is not None:
        by_reference = described.by_reference
    element = add(
        parent,
        wps("Output"),
        asReference="true" if by_reference else "false",
        mimeType=wanted.media_type,
        encoding=wanted.encoding,
        schema=wanted.schema,
        uom=unit_uri(wanted.unit),
    )
    add(element, ows("Identifier"), wanted.identifier)
    title = wanted.title or (described.title if described is not None else None)
    if title:
        add(element, ows("Title"), title)
    if wanted.abstract:
        add(element, ows("Abstract"), wanted.abstract)
