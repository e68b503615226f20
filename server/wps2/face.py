"""The WPS 2.0.2 face: HTTP in, HTTP out. All the rest lies in the modules it calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

from processes.declaration import ProcessDeclaration
from processes.translation import translated
from server.errors import Report, UnknownOutput, UnknownProcess
from server.execution import Execution
from server.jobs.model import Job, JobStatus
from server.jobs.queue import NoSuchJob
from server.languages import LANGUAGES, preferred_language
from server.validate import unknown_name
from server.wps.raw import raw_file
from server.wps.render import failure
from server.wps.sequence import has_current, update_sequence
from server.wps.xml import Element, local_name
from server.wps2.capabilities import SECTIONS, capabilities, unchanged_capabilities
from server.wps2.descriptions import TEXT_TYPE, XML_TYPE, descriptions
from server.wps2.errors import CODES, ResultNotReady, exception_report
from server.wps2.execute import parse_execute
from server.wps2.names import VERSION
from server.wps2.operations import (
    DescribeProcess,
    Dismiss,
    Execute,
    GetCapabilities,
    GetResult,
    GetStatus,
    Operation,
    parse_document,
    parse_query,
)
from server.wps2.render import (
    Place,
    chosen_outputs,
    is_base64,
    result_document,
    status_info,
    value_document,
    value_type,
)

_NOT_WAITING = "send it with the mode async"
"""How a client asks for a job it needs not wait for."""

_AUTO_SECONDS = 5.0
"""So long a request waits for its job where the service may choose; after that it gets the job's id."""

_KEPT = 16
"""So many documents of each kind are kept ready: one may have some hundred kilobytes."""

_JOB_ID = re.compile(r"[0-9A-Za-z-]{1,36}")


class Face2:
    """The operations of WPS 2.0.2 over the jobs of the service."""

    codes = CODES

    def __init__(self, execution: Execution) -> None:
        settings = execution.settings
        self._execution = execution
        self._jobs = execution.jobs
        self._place = Place(settings.server.url, execution.jobs.store, settings.store, execution.access.address)
        self._offered = {
            language: {name: translated(declared, language) for name, declared in execution.declarations.items()}
            for language in LANGUAGES
        }
        self._sequence = ""
        everything = b"".join(self._make_capabilities(SECTIONS, language) for language in LANGUAGES)
        self._sequence = update_sequence(settings.gasflux.data, VERSION, everything)
        self._capabilities = lru_cache(maxsize=_KEPT)(self._make_capabilities)
        self._descriptions = lru_cache(maxsize=_KEPT)(self._make_descriptions)

    # --- what the endpoint calls ------------------------------------------------------------------

    def answer_query(self, values: dict[str, str]) -> Response:
        """A request in key-value pairs."""
        operation = parse_query(values)
        if request.method == "HEAD" and isinstance(operation, Dismiss):
            raise MethodNotAllowed(["GET", "POST"])
        return self._answer(operation)

    def answer_document(self, root: Element) -> Response:
        """A request in XML."""
        if local_name(root) == "Execute":
            return self._answer(parse_execute(root, self._find))
        return self._answer(parse_document(root))

    def refusal(self, said: Report) -> Response:
        """An error as an exception report."""
        return _xml(exception_report(said), said.status)

    # --- operations -------------------------------------------------------------------------------

    def _answer(self, operation: Operation) -> Response:
        match operation:
            case GetCapabilities():
                return self._get_capabilities(operation)
            case DescribeProcess():
                return _xml(self._descriptions(self._asked(operation), _language(operation.language)))
            case Execute():
                return self._execute(operation)
            case GetStatus():
                return _xml(status_info(self._job(operation.job_id), self._place))
            case GetResult():
                return self._get_result(operation)
            case Dismiss():
                job, _ = self._execution.forget(self._job(operation.job_id).id)
                return _xml(status_info(job, self._place, status=JobStatus.DISMISSED))

    def _get_capabilities(self, operation: GetCapabilities) -> Response:
        if has_current(operation.update_sequence, self._sequence):
            content = unchanged_capabilities(self._sequence)
        else:
            content = self._capabilities(operation.sections, _language(operation.language))
        return _xml(content, media_type=operation.media_type)

    def _make_capabilities(self, sections: tuple[str, ...], language: str) -> bytes:
        settings = self._execution.settings
        offered = self._offered[language].values()
        return capabilities(
            settings.metadata, settings.server.url, settings.root, offered, language, sections, self._sequence
        )

    def _asked(self, operation: DescribeProcess) -> tuple[str, ...]:
        if any(name.upper() == "ALL" for name in operation.identifiers):
            return tuple(self._execution.declarations)
        return tuple(dict.fromkeys(declared.identifier for declared in self._find(operation.identifiers)))

    def _make_descriptions(self, identifiers: tuple[str, ...], language: str) -> bytes:
        chosen = [self._offered[language][name] for name in identifiers]
        settings = self._execution.settings
        return descriptions(chosen, language, settings.root, settings.server.maxsingleinputsize)

    def _find(self, names: Sequence[str]) -> list[ProcessDeclaration]:
        """The processes of some names.

        :raises UnknownProcess: naming all that are none.
        """
        known = self._execution.declarations
        unknown = [name for name in names if name not in known]
        if unknown:
            locator = ",".join(dict.fromkeys(unknown))[:200]
            raise UnknownProcess(unknown_name("This service", "process", unknown[0], known), locator)
        return [known[name] for name in names]

    # --- jobs -------------------------------------------------------------------------------------

    def _execute(self, operation: Execute) -> Response:
        asked = operation.request
        if operation.mode == "sync":
            job = self._execution.run(asked, operation.uploads, _NOT_WAITING, self._status_address)
            return self._result(job)
        job = self._execution.submit(asked, operation.uploads)
        if operation.mode == "auto":
            job = self._execution.wait(job, _AUTO_SECONDS)
            if job.status.ended:
                return self._result(job)
        # Whether it runs already is for GetStatus to say (OGC 14-065r2, 9.9.2, status-info-status).
        return _xml(status_info(job, self._place, status=JobStatus.ACCEPTED))

    def _job(self, job_id: str) -> Job:
        """A job of whichever face, unless it was dismissed (OGC 14-065r2, 12.1.2).

        :raises NoSuchJob: there is none of that id.
        """
        try:
            job = self._execution.job(job_id) if _JOB_ID.fullmatch(job_id) else None
        except NoSuchJob:
            job = None
        if job is None or job.status is JobStatus.DISMISSED:
            text = "There is no job of that id; it never was, or it was dismissed, or it has expired."
            raise NoSuchJob(text, job_id[:100])
        return job

    def _get_result(self, operation: GetResult) -> Response:
        job = self._job(operation.job_id)
        if not job.status.ended:
            text = f"The job has not ended; it is {job.status}. Ask for its status until that is Succeeded or Failed."
            raise ResultNotReady(text, job.id)
        if operation.output and job.status is JobStatus.SUCCESSFUL:
            if operation.output not in job.results:
                known = unknown_name(f"Job {job.id}", "output", operation.output, job.results)
                raise UnknownOutput(known, operation.output[:100])
            return self._raw(job, operation.output)
        return self._result(job)

    def _result(self, job: Job) -> Response:
        """What an ended job made, as it was asked for when the job was sent; or why it made nothing."""
        if job.status is not JobStatus.SUCCESSFUL:
            return self.refusal(failure(job, CODES))
        outputs = chosen_outputs(job)
        if not outputs:
            names = ",".join(item.identifier for item in job.request.outputs)
            raise UnknownOutput(f"Job {job.id} was successful, and had no cause to make {names}.", names[:200])
        # Other faces have raw answers of several outputs, too.
        if job.request.response == "raw" and len(outputs) == 1:
            return self._raw(job, outputs[0].identifier)
        return _xml(result_document(job, self._execution.declared(job), self._place))

    def _raw(self, job: Job, identifier: str) -> Response:
        """One output and nothing around it."""
        wanted = next(item for item in chosen_outputs(job) if item.identifier == identifier)
        result = job.results[identifier]
        if result.file is not None:
            stored = self._jobs.store.open(job.id, job.attempt, result.file)
            encoding = "base64" if is_base64(wanted) else None
            return _fresh(raw_file(stored, result.file, result.media_type, encoding))
        if value_type(wanted, result) == XML_TYPE:
            return _xml(value_document(result, self._execution.declared(job).output(identifier)))
        return _fresh(Response(result.text or "", content_type=f"{TEXT_TYPE}; charset=utf-8"))

    def _status_address(self, job_id: str) -> str:
        return self._place.address("GetStatus", job_id)


def _language(named: str | None) -> str:
    """The language a client names, or else prefers by the header of HTTP (OGC 06-121r9, 7.3.6)."""
    return named or preferred_language(request.headers.get("Accept-Language"))


def _xml(content: bytes, status: int = 200, media_type: str = XML_TYPE) -> Response:
    return _fresh(Response(content, status, content_type=f"{media_type}; charset=utf-8"))


def _fresh(response: Response) -> Response:
    # The same address answers otherwise as a job goes on, and in another language to another client.
    response.headers["Cache-Control"] = "no-store"
    return response
