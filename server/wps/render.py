"""Responses that tell of one job, made from its row at each request; and exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from processes.declaration import OutputDeclaration, ProcessDeclaration
from server.errors import Report, job_report
from server.jobs.model import Job, JobStatus, ResultItem
from server.jobs.request import OutputRequest
from server.store import Store
from server.wps.complex_data import add_complex
from server.wps.documents import add_brief, add_described, document_root
from server.wps.lineage import add_lineage
from server.wps.operations import LANGUAGE, VERSION
from server.wps.xml import LANG, OWS, Element, add, ows, to_bytes, unit_uri, wps


@dataclass(frozen=True)
class Place:
    """Where the service is, as clients see it, and where results lie."""

    url: str
    store: Store

    def status(self, job_id: str) -> str:
        """Address of a job's status document."""
        return f"{self.url}/status/{job_id}"


def exception_report(report: Report) -> bytes:
    """An error as a document of its own."""
    root = etree.Element(ows("ExceptionReport"), nsmap={"ows": OWS})
    _fill_report(root, report)
    return to_bytes(root)


def _fill_report(root: Element, report: Report) -> None:
    root.set("version", VERSION)
    root.set(LANG, LANGUAGE)
    for fault in report.faults:
        element = add(root, ows("Exception"), exceptionCode=fault.code, locator=fault.locator)
        add(element, ows("ExceptionText"), fault.text)


def execute_response(job: Job, declared: ProcessDeclaration, place: Place, *, stored: bool) -> bytes:
    """How a job is doing, with its results once it has them.

    :param stored: whether the document stays at the job's status location.
    """
    root = document_root("ExecuteResponse", "wpsExecute_response.xsd")
    root.set("serviceInstance", f"{place.url}?service=WPS&request=GetCapabilities")
    if stored:
        root.set("statusLocation", place.status(job.id))
    add_brief(add(root, wps("Process")), declared)
    _status(root, job)
    chosen = chosen_outputs(job, declared)
    if job.request.lineage:
        add_lineage(root, job, declared, chosen, place.store)
    if job.status is JobStatus.SUCCESSFUL:
        given = [(wanted, job.results[wanted.identifier]) for wanted in chosen if wanted.identifier in job.results]
        if given:
            outputs = add(root, wps("ProcessOutputs"))
            for wanted, result in given:
                output = declared.output(wanted.identifier)
                if output is not None:
                    _output(add(outputs, wps("Output")), job, output, wanted, result, place.store)
    return to_bytes(root)


def chosen_outputs(job: Job, declared: ProcessDeclaration) -> list[OutputRequest]:
    """The outputs the client asked for; all, where it named none."""
    return job.request.outputs or [OutputRequest(item.identifier) for item in declared.outputs]


def _status(root: Element, job: Job) -> None:
    moment = job.finished or datetime.now(UTC)
    status = add(root, wps("Status"), creationTime=moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    match job.status:
        case JobStatus.ACCEPTED:
            add(status, wps("ProcessAccepted"), job.message or "The job is accepted and waits for its turn.")
        case JobStatus.RUNNING:
            percent = str(min(int(job.progress * 100), 99))
            add(status, wps("ProcessStarted"), job.message or "The job has started.", percentCompleted=percent)
        case JobStatus.SUCCESSFUL:
            add(status, wps("ProcessSucceeded"), job.message or f"{job.process} has finished.")
        case JobStatus.FAILED | JobStatus.DISMISSED:
            _fill_report(add(add(status, wps("ProcessFailed")), ows("ExceptionReport")), failure(job))


def failure(job: Job) -> Report:
    """Why a job ended without results."""
    if job.error is not None:
        return job_report(job.error.kind, job.error.message, job.error.locator)
    if job.status is JobStatus.DISMISSED:
        return job_report("cancelled", "The job was cancelled before it had results. Send it again if need be.", None)
    return job_report("server", "The job failed.", None)


# --- outputs --------------------------------------------------------------------------------------


def _output(
    element: Element, job: Job, declared: OutputDeclaration, wanted: OutputRequest, result: ResultItem, store: Store
) -> None:
    add_described(element, declared)
    if result.kind == "literal" or result.file is None:
        data = add(element, wps("Data"))
        unit = result.unit or declared.unit
        add(data, wps("LiteralData"), result.text or "", dataType=declared.data_type, uom=unit_uri(unit))
        return
    by_reference = declared.by_reference if wanted.by_reference is None else wanted.by_reference
    media_type = result.media_type or declared.formats[0].media_type
    if by_reference:
        # The file is given out as it is, whatever encoding it would need within XML.
        add(element, wps("Reference"), href=store.url(job.id, result.file), mimeType=media_type)
        return
    with store.open(job.id, job.attempt, result.file).open() as stream:
        content = stream.read()
    encoding = wanted.encoding if wanted.encoding == "base64" else None
    add_complex(add(element, wps("Data")), content, {"mimeType": media_type}, encoding)
