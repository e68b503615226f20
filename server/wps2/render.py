"""Responses that tell of one job, made from its row at each request (OGC 14-065r2, 9.5 and 9.6)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from processes.declaration import OutputDeclaration, ProcessDeclaration
from server.formats import match_format
from server.jobs.model import Job, JobStatus, ResultItem
from server.jobs.outlook import estimated_completion, expiration
from server.jobs.request import OutputRequest
from server.sections import StoreSection
from server.store import Store
from server.wps.boxes import fill_box
from server.wps.complex_data import LARGEST_INLINE, fill_complex
from server.wps.xml import HREF, Element, add, clean, to_bytes, unit_uri
from server.wps2.descriptions import XML_TYPE, data_type_uri, default_type
from server.wps2.names import OWS, document_root, ows, wps

_STATUS = {
    JobStatus.ACCEPTED: "Accepted",
    JobStatus.RUNNING: "Running",
    JobStatus.SUCCESSFUL: "Succeeded",
    JobStatus.FAILED: "Failed",
    JobStatus.DISMISSED: "Dismissed",
}

_SOONEST_POLL, _LATEST_POLL = 1.0, 60.0
"""Seconds until a client is to ask again, at least and at most."""


@dataclass(frozen=True)
class Place:
    """Where the service is, as clients see it, and where results lie, and for how long."""

    url: str
    store: Store
    keep: StoreSection
    links: Callable[[str, str], str] | None = None
    """Gives the address of a path of one job as its client needs it; None: it is below the service's own."""

    def address(self, operation: str, job_id: str) -> str:
        """Address of a job's status or result."""
        query = f"?service=WPS&version=2.0.0&request={operation}&jobid={job_id}"
        return self.links(f"/wps{query}", job_id) if self.links else f"{self.url}{query}"

    def reference(self, job: Job, identifier: str, result: ResultItem) -> str:
        """Address of one output by itself."""
        if result.file is not None:
            return self.store.url(job.id, result.file)
        return f"{self.address('GetResult', job.id)}&output={quote(identifier, safe='')}"


# --- StatusInfo -----------------------------------------------------------------------------------


def status_info(job: Job, place: Place, *, status: JobStatus | None = None, now: datetime | None = None) -> bytes:
    """How a job is doing.

    :param status: told in place of its own.
    :param now: None: the time now.
    """
    told, now = status or job.status, now or datetime.now(UTC)
    root = document_root("StatusInfo")
    add(root, wps("JobID"), job.id)
    add(root, wps("Status"), _STATUS[told])
    if told is JobStatus.DISMISSED:
        return to_bytes(root)
    _expiration(root, job, place)
    if not job.status.ended:
        completion = estimated_completion(job, now)
        if completion is not None:
            add(root, wps("EstimatedCompletion"), _time(completion))
        add(root, wps("NextPoll"), _time(next_poll(job, completion, now)))
    if job.status is JobStatus.RUNNING:
        add(root, wps("PercentCompleted"), str(min(int(job.progress * 100), 99)))
    elif job.status is JobStatus.SUCCESSFUL:
        add(root, wps("PercentCompleted"), "100")
    return to_bytes(root)


def next_poll(job: Job, completion: datetime | None, now: datetime) -> datetime:
    """When to look at a job again: half-way to its end if that can be told, else later the longer it has taken."""
    if completion is not None:
        seconds = (completion - now).total_seconds() / 2
    else:
        seconds = (now - job.created).total_seconds() / 4
    return now + timedelta(seconds=min(max(seconds, _SOONEST_POLL), _LATEST_POLL))


def _expiration(root: Element, job: Job, place: Place) -> None:
    moment = expiration(job, place.keep)
    if moment is not None:
        add(root, wps("ExpirationDate"), _time(moment))


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- Result ---------------------------------------------------------------------------------------


def result_document(job: Job, declared: ProcessDeclaration, place: Place) -> bytes:
    """What a successful job made.

    An output comes by reference where its value would make the document too large.
    """
    root = document_root("Result")
    add(root, wps("JobID"), job.id)
    _expiration(root, job, place)
    room = LARGEST_INLINE
    for wanted in chosen_outputs(job):
        result, output = job.results[wanted.identifier], declared.output(wanted.identifier)
        by_reference = wanted.by_reference
        if by_reference is None:
            by_reference = output is not None and output.by_reference
        size = result.size or 0
        element = add(root, wps("Output"), id=wanted.identifier)
        if by_reference or size > room:
            form = _form(wanted, result, output)
            add(element, wps("Reference"), **form).set(HREF, place.reference(job, wanted.identifier, result))
        else:
            room -= size
            _data(element, job, wanted, output, place.store)
    return to_bytes(root)


def chosen_outputs(job: Job) -> list[OutputRequest]:
    """The outputs that were asked for and made, or all that were made, where none was asked for."""
    wanted = job.request.outputs or [OutputRequest(name) for name in job.results]
    return [item for item in wanted if item.identifier in job.results]


def _data(parent: Element, job: Job, wanted: OutputRequest, output: OutputDeclaration | None, store: Store) -> None:
    result = job.results[wanted.identifier]
    element = add(parent, wps("Data"), **_form(wanted, result, output))
    if result.file is not None:
        with store.open(job.id, job.attempt, result.file).open() as stream:
            fill_complex(element, stream.read(), "base64" if is_base64(wanted) else None)
    elif value_type(wanted, result) == XML_TYPE:
        add_value(element, result, output)
    else:
        element.text = clean(result.text or "")


def _form(wanted: OutputRequest, result: ResultItem, output: OutputDeclaration | None) -> dict[str, str | None]:
    """Media type and schema of an output."""
    if result.file is None:
        return {"mimeType": value_type(wanted, result)}
    made_as = None if output is None else match_format(output.formats, result.media_type)
    return {"mimeType": result.media_type, "schema": None if made_as is None else made_as.schema}


def is_base64(wanted: OutputRequest) -> bool:
    """Whether a client wants it so, whatever it is."""
    return (wanted.encoding or "").lower() == "base64"


def value_type(wanted: OutputRequest, result: ResultItem) -> str:
    """In what form a literal or a bounding box is given."""
    return wanted.media_type or default_type(result.kind)


def value_document(result: ResultItem, output: OutputDeclaration | None) -> bytes:
    """A literal or a bounding box as a document of its own."""
    holder = document_root("Data")
    add_value(holder, result, output)
    # Out of its holder, whose hint at a schema would be written with it.
    return to_bytes(deepcopy(holder[0]))


def add_value(parent: Element, result: ResultItem, output: OutputDeclaration | None) -> None:
    """Append a literal or a bounding box in XML (OGC 14-065r2, 7.3 and 8.1)."""
    if result.kind == "bbox":
        fill_box(add(parent, ows("BoundingBox")), result.text or "", OWS)
        return
    unit = result.unit or (output.unit if output is not None else None)
    data_type = None if output is None else data_type_uri(output.data_type)
    add(parent, wps("LiteralValue"), result.text or "", dataType=data_type, uom=unit_uri(unit))
