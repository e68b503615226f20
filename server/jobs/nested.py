"""References that lead back to this service: to a request of its WPS, or to a job.

A request is not sent to the service over the network: that would hold two slots of which there may be one, and the
service may not reach its own address. It becomes a job of its own, as :mod:`server.jobs.family` has it: the job with
the reference gives up its slot meanwhile. The results of a job are read from the store.
"""

from __future__ import annotations

import base64
import re
import string
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlsplit

from gasflux_core.errors import GasFluxError, InputError
from processes.declaration import ProcessDeclaration
from server.errors import UnknownProcess
from server.fetching.choice import Wanted, choose
from server.fetching.refusal import Refused
from server.jobs.model import Job
from server.jobs.request import InputItem, JobRequest, OutputRequest, Upload
from server.links import split_signed
from server.settings import Settings
from server.settle import settle
from server.validate import MAX_LITERAL_BYTES, unknown_name, validate
from server.wps.kvp import parse_query, read_pairs
from server.wps.operations import Execute
from server.wps.parse import parse_document
from server.wps.versions import version_of_document
from server.wps.xml import local_name, read_xml
from server.wps2.execute import parse_execute

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Output:
    """An output of this service, as a candidate for an input."""

    name: str
    media_type: str | None


def is_own_wps(url: str, settings: Settings) -> bool:
    """Whether an address is that of this service's WPS, whatever its query."""
    return _unsigned(_place(url), settings) == _place(settings.server.url)


def own_job(url: str, settings: Settings) -> tuple[str, str | None] | None:
    """The job of this service, and the output of it, whose status or results an address gives."""
    place, root = _unsigned(_place(url), settings), _place(settings.root)
    if place is None or root is None or place[:2] != root[:2]:
        return None
    found: str | None = None
    output: str | None = None
    path = place[2].removeprefix(root[2])
    if match := re.fullmatch(r"/wps/status/([^/]+)", path):
        found = match[1]
    elif match := re.fullmatch(r"/ogcapi/jobs/([^/]+)(?:/results(?:/([^/]+))?)?", path):
        found, output = match[1], match[2]
    elif path == "/wps":
        with suppress(GasFluxError):
            values = read_pairs(_query(url))
            if values.get("request", "").lower() in ("getstatus", "getresult"):
                found, output = values.get("jobid"), values.get("output") or None
    if found is None:
        return None
    try:
        return str(uuid.UUID(unquote(found))), output and unquote(output)
    except ValueError:
        return None


def nested_request(
    item: InputItem,
    body: bytes | None,
    wanted: Wanted,
    settings: Settings,
    declarations: Mapping[str, ProcessDeclaration],
) -> JobRequest | None:
    """The request to this service that a reference holds, checked as any other; None where it holds none.

    :param body: of a POST reference.
    :param wanted: by the input, to choose among several outputs.
    :raises Refused: what is wrong with the request, or none of its outputs fits.
    """
    if not is_own_wps(item.href or "", settings):
        return None
    try:
        came = _execution(item, body, declarations)
        if came is None:
            return None
        asked, sent = came
        declared = _find(declarations, asked.process)
        asked, uploads = settle(asked, sent, declared)
        limit = settings.server.maxsingleinputsize
        asked = validate(declared, asked, uploads=uploads, max_input_bytes=min(limit, MAX_LITERAL_BYTES))
    except GasFluxError as error:
        raise Refused(f"is a request to this service that is refused: {error.message.rstrip('.')}") from None
    contents = {upload.name: upload for upload in uploads}
    return replace(
        asked,
        inputs={name: [_carried(one, contents) for one in items] for name, items in asked.inputs.items()},
        outputs=[OutputRequest(_chosen(declared, asked, wanted))],
        mode="async",
        response="document",
        lineage=False,
        subscriber=None,
    )


def marked(request: JobRequest, parent: JobRequest, parameter: str, siblings: int) -> JobRequest:
    """A nested request as its row has it, with the number of further ones that it may nest.

    Each hands on an equal share of what is left, so that the whole tree stays as small as its root may have it.

    :param siblings: how many requests its parent may nest together with it, itself included.
    :raises Refused: there are more requests within requests than a job may ask for.
    """
    left = (parent.may_nest - siblings) // siblings
    if left < 0:
        raise Refused(
            "is one request to this service too many: requests within requests may be "
            f"{JobRequest.may_nest} in all; run the inner ones first and send the addresses of their outputs"
        )
    return replace(request, may_nest=left, for_input=parameter, face=parent.face, language=parent.language)


def chosen_result(job: Job, output: str | None, wanted: Wanted) -> str:
    """The output of an ended job that an input takes.

    :raises Refused: the job has not ended well, or none of its outputs fits.
    """
    if not job.status.ended:
        raise Refused(
            "is of a job of this service that has not ended; send it when it has, or nest the request for it instead"
        )
    if not job.results:
        why = f": {job.error.message.rstrip('.')}" if job.error else ""
        raise Refused(f"is of a job of this service that has no results{why}")
    files = [Output(name, item.media_type) for name, item in job.results.items() if item.file is not None]
    if output is not None:
        files = [one for one in files if one.name == output]
    return choose(files, wanted).name


def _execution(
    item: InputItem, body: bytes | None, declarations: Mapping[str, ProcessDeclaration]
) -> tuple[JobRequest, Sequence[Upload]] | None:
    """What is to be executed, and the complex values that came with it; None for other operations."""
    if item.method != "POST":
        values = read_pairs(_query(item.href or ""))
        if values.get("request", "").lower() != "execute":
            return None
        operation = parse_query(values)
    else:
        if item.body_href is not None:
            # A content that changes from one try to the next would make further jobs each time.
            raise InputError("its body is a reference; send the body itself")
        root = read_xml(body or b"")
        if local_name(root) != "Execute":
            return None
        if version_of_document(root) == "2.0.0":
            asked = parse_execute(root, lambda names: [_find(declarations, name) for name in names])
            return asked.request, asked.uploads
        operation = parse_document(root)
    return (operation.request, operation.uploads) if isinstance(operation, Execute) else None


def _find(declarations: Mapping[str, ProcessDeclaration], name: str) -> ProcessDeclaration:
    if name not in declarations:
        raise UnknownProcess(unknown_name("This service", "process", name, declarations))
    return declarations[name]


def _chosen(declared: ProcessDeclaration, asked: JobRequest, wanted: Wanted) -> str:
    names = [one.identifier for one in asked.outputs] or [one.identifier for one in declared.outputs]
    offered = [
        Output(one.identifier, one.formats[0].media_type)
        for one in declared.outputs
        if one.kind == "complex" and one.identifier in names
    ]
    return choose(offered, wanted).name


def _carried(item: InputItem, uploads: Mapping[str, Upload]) -> InputItem:
    """A value with its content in itself, since a sub-job has no uploads of its own."""
    if item.upload is None:
        return item
    content = uploads[item.upload].content
    data = content if isinstance(content, bytes) else content.read_bytes()
    return replace(item, upload=None, text=base64.b64encode(data).decode(), encoding="base64")


def _query(url: str) -> str:
    return quote(urlsplit(url).query, safe=string.printable)


def _unsigned(place: tuple[str, str, str] | None, settings: Settings) -> tuple[str, str, str] | None:
    """A place of this service without the token that signed addresses have."""
    root = _place(settings.root)
    if place is None or root is None or place[:2] != root[:2] or not place[2].startswith(f"{root[2]}/s/"):
        return place
    return (*place[:2], root[2] + split_signed(place[2].removeprefix(root[2]))[1])


def _place(url: str) -> tuple[str, str, str] | None:
    """Scheme, host with port, and path of an address, each in one spelling."""
    try:
        parts = urlsplit(url.strip())
        scheme = parts.scheme.lower()
        port = parts.port or _DEFAULT_PORTS.get(scheme)
    except ValueError:
        return None
    if not parts.hostname or parts.username is not None or scheme not in _DEFAULT_PORTS:
        return None
    return scheme, f"{parts.hostname}:{port}", parts.path.rstrip("/")
