"""The WPS 1.0.0 face: HTTP in, HTTP out. All the rest lies in the modules it calls."""

from __future__ import annotations

from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

from gasflux_core.errors import InputError, TooLarge
from processes.translation import translated
from server.errors import OWS_1_1, Report, StillRunning
from server.execution import Execution
from server.jobs.model import Job, JobStatus
from server.jobs.request import Upload
from server.languages import LANGUAGES
from server.wps.complex_data import LARGEST_INLINE
from server.wps.documents import Descriptions, capabilities, unchanged_capabilities
from server.wps.kvp import parse_query
from server.wps.operations import VERSION, DescribeProcess, Execute, GetCapabilities, Operation
from server.wps.parse import parse_document
from server.wps.raw import raw_file, raw_value
from server.wps.render import Place, exception_report, execute_response, failure
from server.wps.sequence import has_current, update_sequence
from server.wps.xml import Element

XML_TYPE = "text/xml; charset=utf-8"

_NOT_WAITING = "send storeExecuteResponse=true and status=true"
"""How a client asks for a job it needs not wait for."""


class Face:
    """The operations of WPS 1.0.0 over the jobs of the service."""

    codes = OWS_1_1

    def __init__(self, execution: Execution) -> None:
        settings = execution.settings
        self._execution = execution
        self._jobs = execution.jobs
        self._store = execution.jobs.store
        self._place = Place(settings.server.url, self._store, execution.access.address)
        offered = self._offered = {
            language: {name: translated(declared, language) for name, declared in execution.declarations.items()}
            for language in LANGUAGES
        }
        self._descriptions = Descriptions(offered, settings.server.maxsingleinputsize)

        def told(language: str, sequence: str = "") -> bytes:
            return capabilities(settings.metadata, settings.server.url, offered[language], language, sequence)

        everything = b"".join(told(language) for language in LANGUAGES)
        self._sequence = update_sequence(settings.gasflux.data, VERSION, everything)
        self._capabilities = {language: told(language, self._sequence) for language in LANGUAGES}

    # --- routes -----------------------------------------------------------------------------------

    def answer_query(self, values: dict[str, str]) -> Response:
        """A request in key-value pairs."""
        operation = parse_query(values)
        if request.method == "HEAD" and isinstance(operation, Execute):
            raise MethodNotAllowed(["GET", "POST"])
        return self._answer(operation)

    def answer_document(self, root: Element) -> Response:
        """A request in XML."""
        return self._answer(parse_document(root))

    def status(self, job_id: str) -> Response:
        """The status document of a job."""
        return self._document(self._execution.job(job_id), stored=True)

    def cancel(self, job_id: str) -> Response:
        """Give a job up; the status document as it is then."""
        return self._document(self._execution.dismiss(job_id), stored=True)

    def refusal(self, said: Report) -> Response:
        """An error as an exception report."""
        return _xml(exception_report(said), said.status)

    # --- operations -------------------------------------------------------------------------------

    def _answer(self, operation: Operation) -> Response:
        match operation:
            case GetCapabilities():
                if has_current(operation.update_sequence, self._sequence):
                    return _xml(unchanged_capabilities(operation.language, self._sequence))
                return _xml(self._capabilities[operation.language])
            case DescribeProcess():
                return _xml(self._descriptions.document(self._asked(operation), operation.language))
            case Execute():
                return self._execute(operation)

    def _asked(self, operation: DescribeProcess) -> tuple[str, ...]:
        if any(name.upper() == "ALL" for name in operation.identifiers):
            return tuple(self._execution.declarations)
        return tuple(dict.fromkeys(self._execution.find(name).identifier for name in operation.identifiers))

    def _execute(self, operation: Execute) -> Response:
        asked = operation.request
        if asked.lineage:
            _check_lineage(operation.uploads)
        if asked.mode == "async":
            return self._document(self._execution.submit(asked, operation.uploads), stored=True)
        try:
            job = self._execution.run(asked, operation.uploads, _NOT_WAITING, self._place.status)
        except StillRunning as error:
            if not operation.store:
                raise
            job = self._execution.job(error.job_id)
        if operation.store:
            return self._document(job, stored=True)
        if job.status is not JobStatus.SUCCESSFUL:
            said = failure(job)
            return _xml(exception_report(said), said.status)
        if asked.response == "raw":
            return self._raw(job)
        return self._document(job, stored=False)

    def _document(self, job: Job, *, stored: bool) -> Response:
        # Its process may be gone since.
        declared = self._offered[job.request.language].get(job.process) or self._execution.declared(job)
        return _xml(execute_response(job, declared, self._place, stored=stored))

    def _raw(self, job: Job) -> Response:
        """The one output that was asked for, and nothing around it."""
        wanted = job.request.outputs[0]
        result = job.results.get(wanted.identifier)
        if result is None:
            raise InputError(f"The job made no output {wanted.identifier}.", wanted.identifier)
        if result.file is None:
            return _fresh(raw_value(result))
        stored = self._store.open(job.id, job.attempt, result.file)
        return _fresh(raw_file(stored, result.file, result.media_type, wanted.encoding))


def _check_lineage(uploads: tuple[Upload, ...]) -> None:
    """Refuse to tell more of the inputs back than a document may hold.

    :raises TooLarge: so much came.
    """
    size = sum(_size(upload) for upload in uploads)
    if size > LARGEST_INLINE:
        raise TooLarge(
            f"The inputs have {size} bytes, and lineage tells at most {LARGEST_INLINE} back. Send them as references, "
            "or leave lineage out.",
            "lineage",
        )


def _size(upload: Upload) -> int:
    return upload.content.stat().st_size if isinstance(upload.content, Path) else len(upload.content)


def _xml(content: bytes, status: int = 200) -> Response:
    return _fresh(Response(content, status, content_type=XML_TYPE))


def _fresh(response: Response) -> Response:
    # The same address answers otherwise as a job goes on, and runs another one when it is asked again.
    response.headers["Cache-Control"] = "no-store"
    return response
