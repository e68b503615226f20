"""Responses that tell of one job, made from its row at each request; and exceptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lxml import etree

from processes.declaration import OutputDeclaration, ProcessDeclaration
from processes.translation import translate
from server.errors import OWS_1_1, Codes, Report, job_report
from server.formats import match_format
from server.jobs.model import Job, JobStatus, ResultItem
from server.jobs.request import OutputRequest
from server.languages import DEFAULT
from server.store import Store
from server.wps.boxes import fill_box
from server.wps.complex_data import LARGEST_INLINE, add_complex
from server.wps.documents import add_brief, add_described, document_root
from server.wps.lineage import add_lineage
from server.wps.operations import VERSION
from server.wps.xml import LANG, OWS, Element, add, ows, to_bytes, unit_uri, wps


@dataclass(frozen=True)
class Place:
    """Where the service is, as clients see it, and where results lie."""

    url: str
    store: Store
    address: Callable[[str, str], str] | None = None
    """Gives the address of a path of one job as its client needs it; None: it is below the service's own."""

    def status(self, job_id: str) -> str:
        """Address of a job's status document."""
        return self.address(f"/wps/status/{job_id}", job_id) if self.address else f"{self.url}/status/{job_id}"


def exception_report(report: Report) -> bytes:
    """An error as a document of its own."""
    root = etree.Element(ows("ExceptionReport"), nsmap={"ows": OWS})
    _fill_report(root, report)
    return to_bytes(root)


def _fill_report(root: Element, report: Report) -> None:
    root.set("version", VERSION)
    # What went wrong is told in one language.
    root.set(LANG, DEFAULT)
    for fault in report.faults:
        element = add(root, ows("Exception"), exceptionCode=fault.code, locator=fault.locator)
        add(element, ows("ExceptionText"), fault.text)


def execute_response(job: Job, declared: ProcessDeclaration, place: Place, *, stored: bool) -> bytes:
    """How a job is doing, with its results once it has them.

    :param declared: its process, in the language of the request.
    :param stored: whether the document stays at the job's status location.
    """
    root = document_root("ExecuteResponse", "wpsExecute_response.xsd", job.request.language)
    root.set("serviceInstance", f"{place.url}?service=WPS&request=GetCapabilities&AcceptVersions={VERSION}")
    if stored:
        root.set("statusLocation", place.status(job.id))
    add_brief(add(root, wps("Process")), declared)
    _status(root, job)
    chosen = chosen_outputs(job, declared)
    if job.request.lineage:
        add_lineage(root, job, declared, chosen, place.store)
    if job.status is JobStatus.SUCCESSFUL:
        _outputs(root, job, declared, chosen, place.store)
    return to_bytes(root)


def chosen_outputs(job: Job, declared: ProcessDeclaration) -> list[OutputRequest]:
    """The outputs the client asked for; all, where it named none."""
    return job.request.outputs or [OutputRequest(item.identifier) for item in declared.outputs]


def _status(root: Element, job: Job) -> None:
    moment = job.finished or datetime.now(UTC)
    status = add(root, wps("Status"), creationTime=moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def words(otherwise: str) -> str:
        return translate(job.message or otherwise, job.request.language)

    match job.status:
        case JobStatus.ACCEPTED:
            add(status, wps("ProcessAccepted"), words("The job is accepted and waits for its turn."))
        case JobStatus.RUNNING:
            percent = str(min(int(job.progress * 100), 99))
            add(status, wps("ProcessStarted"), words("The job has started."), percentCompleted=percent)
        case JobStatus.SUCCESSFUL:
            add(status, wps("ProcessSucceeded"), words("The job has finished."))
        case JobStatus.FAILED | JobStatus.DISMISSED:
            _fill_report(add(add(status, wps("ProcessFailed")), ows("ExceptionReport")), failure(job))


def failure(job: Job, codes: Codes = OWS_1_1) -> Report:
    """Why a job ended without results.

    :param codes: what the face calls the errors.
    """
    if job.error is not None:
        return job_report(job.error.kind, job.error.message, job.error.locator, codes)
    if job.status is JobStatus.DISMISSED:
        text = "The job was cancelled before it had results. Send it again if need be."
        return job_report("cancelled", text, None, codes)
    return job_report("server", "The job failed.", None, codes)


# --- outputs --------------------------------------------------------------------------------------


def _outputs(root: Element, job: Job, declared: ProcessDeclaration, chosen: list[OutputRequest], store: Store) -> None:
    holder = etree.Element(wps("ProcessOutputs"))
    room = LARGEST_INLINE
    for wanted in chosen:
        output, result = declared.output(wanted.identifier), job.results.get(wanted.identifier)
        if output is None or result is None:
            continue
        element = add(holder, wps("Output"))
        add_described(
            element, replace(output, title=wanted.title or output.title, abstract=wanted.abstract or output.abstract)
        )
        by_reference = output.by_reference if wanted.by_reference is None else wanted.by_reference
        size = result.size or 0
        if result.file is None:
            _value(add(element, wps("Data")), output, result)
        elif by_reference or size > room:
            # The file is given out as it is, whatever encoding it would need within XML.
            add(element, wps("Reference"), href=store.url(job.id, result.file), **_form(output, result))
        else:
            room -= size
            with store.open(job.id, job.attempt, result.file).open() as stream:
                content = stream.read()
            encoding = "base64" if wanted.encoding == "base64" else None
            add_complex(add(element, wps("Data")), content, _form(output, result), encoding)
    if len(holder):
        root.append(holder)


def _value(data: Element, declared: OutputDeclaration, result: ResultItem) -> None:
    if result.kind == "bbox":
        fill_box(add(data, wps("BoundingBoxData")), result.text or "", OWS)
        return
    unit = result.unit or declared.unit
    add(data, wps("LiteralData"), result.text or "", dataType=declared.data_type, uom=unit_uri(unit))


def _form(declared: OutputDeclaration, result: ResultItem) -> dict[str, str | None]:
    """Media type and schema of a result."""
    made_as = match_format(declared.formats, result.media_type)
    media_type = result.media_type or declared.formats[0].media_type
    return {"mimeType": media_type, "schema": made_as.schema if made_as is not None else None}
