"""The part of the face that runs processes, and tells of jobs and their results."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, request

from server.body import read_body
from server.callbacks import check_subscriber
from server.execution import Execution
from server.jobs.model import Job, JobStatus
from server.jobs.request import JobRequest
from server.ogcapi.answers import answer, json_bytes
from server.ogcapi.execute import parse_execute
from server.ogcapi.job_query import PARAMETERS, JobQuery, read_job_query
from server.ogcapi.negotiation import check_query, wanted_form, wanted_language
from server.ogcapi.pages import Pages
from server.ogcapi.preferences import Preferences, read_preferences
from server.ogcapi.problems import NoSuchOutput, ResultGone, ResultNotReady, WrongMediaType, job_problem
from server.ogcapi.results import Result, document, one_result, raw, raw_value, results_of
from server.ogcapi.site import JSON, Site, link_header, page_links
from server.ogcapi.status import job_list, monitor, status_info
from server.ogcapi.strict_json import read_json

_NOT_WAITING = "send the header Prefer: respond-async"
"""How a client asks for a job it needs not wait for."""


class JobsFace:
    """Runs processes, and tells of jobs."""

    def __init__(self, execution: Execution, site: Site, pages: Pages) -> None:
        self._execution = execution
        self._settings = execution.settings
        self._jobs = execution.jobs
        self._store = execution.jobs.store
        self._site = site
        self._pages = pages

    # --- routes -----------------------------------------------------------------------------------

    def execute(self, process_id: str) -> Response:
        """Run a process."""
        self._execution.client()
        declared = self._execution.find(process_id)
        check_query()
        preferences = read_preferences(request.headers.getlist("Prefer"))
        asked, uploads = parse_execute(
            _json_body(self._settings.server.maxrequestsize),
            declared,
            mode="async" if preferences.respond_async else "sync",
            language=wanted_language(),
            minimal=preferences.minimal,
        )
        if asked.subscriber is not None:
            check_subscriber(asked.subscriber, self._settings)
        if not preferences.respond_async:
            response = self._outcome(self._execution.run(asked, uploads, _NOT_WAITING, self._site.job))
        else:
            job = self._execution.submit(asked, uploads)
            if preferences.wait:
                job = self._execution.wait(job, min(preferences.wait, self._settings.jobs.sync_wait))
            response = self._outcome(job) if preferences.wait and job.status.ended else self._accepted(job)
        applied = _applied(preferences, asked, response.status_code)
        if applied:
            response.headers["Preference-Applied"] = applied
        return response

    def jobs(self) -> Response:
        """One page of the list of jobs."""
        client = self._execution.access.listed_client()
        check_query(PARAMETERS)
        form, language = wanted_form(), wanted_language()
        query = read_job_query()
        found = self._find(query, client)
        listed = job_list(
            found[: query.limit],
            self._site,
            self._settings.store,
            query.given,
            limit=query.limit,
            offset=query.offset,
            more=len(found) > query.limit,
            shown=form,
        )
        if form == "json":
            return answer(json_bytes(listed), form, language)
        return answer(self._pages.render("jobs", language, listed["links"], document=listed), form, language)

    def status(self, job_id: str) -> Response:
        """How a job is doing."""
        job = self._job(job_id)
        check_query()
        form, language = wanted_form(), wanted_language()
        told = status_info(job, self._site, self._settings.store, form)
        if form == "json":
            return answer(json_bytes(told), form, language)
        return answer(self._pages.render("job", language, told["links"], document=told), form, language)

    def dismiss(self, job_id: str) -> Response:
        """Dismiss a job."""
        job = self._execution.job_to_change(job_id)
        check_query()
        job, kept = self._execution.forget(job.id)
        told = status_info(job, self._site, self._settings.store, kept=kept)
        return answer(json_bytes(told), "json")

    def results(self, job_id: str) -> Response:
        """The results of a job."""
        job = self._job(job_id)
        check_query()
        # Raw results are what they are, whatever else a client accepts.
        as_asked = job.request.response == "raw" and "f" not in request.args
        form = "json" if as_asked else wanted_form()
        _refuse_unfinished(job)
        if job.status is JobStatus.FAILED:
            return job_problem(job).response()
        if form == "html":
            return self._results_page(job)
        found = self._results(job)
        return self._monitored(raw(found) if as_asked else Response(document(found), content_type=JSON), job)

    def result(self, job_id: str, output_id: str) -> Response:
        """One result of a job, by itself."""
        job = self._job(job_id)
        check_query()
        _refuse_unfinished(job)
        if job.status is JobStatus.FAILED:
            return job_problem(job).response()
        if output_id not in job.results:
            known = ", ".join(job.results) or "none"
            raise NoSuchOutput(f"The job has no output {output_id[:80]!r}. It has: {known}.", "outputID")
        declared = self._execution.declared(job)
        return raw_value(one_result(job, declared, output_id, self._site, self._store))

    # --- parts of them ----------------------------------------------------------------------------

    def _job(self, job_id: str) -> Job:
        return self._execution.job(job_id)

    def _find(self, query: JobQuery, client: str | None) -> list[Job]:
        """The jobs of a page, and one more where there is another page."""
        if query.types is not None and "process" not in query.types:
            return []
        return self._jobs.find(
            statuses=query.statuses,
            processes=query.processes,
            client=client,
            created_from=query.created_from,
            created_to=query.created_to,
            min_seconds=query.min_seconds,
            max_seconds=query.max_seconds,
            limit=query.limit + 1,
            offset=query.offset,
        )

    def _accepted(self, job: Job) -> Response:
        told = status_info(job, self._site, self._settings.store)
        response = answer(json_bytes(told), "json", status=201)
        response.headers["Location"] = self._site.job(job.id)
        return response

    def _outcome(self, job: Job) -> Response:
        """The results of a job that has ended, or why there are none."""
        if job.status is not JobStatus.SUCCESSFUL:
            return self._monitored(job_problem(job).response(), job)
        found = self._results(job)
        as_document = job.request.response == "document"
        return self._monitored(Response(document(found), content_type=JSON) if as_document else raw(found), job)

    def _results(self, job: Job) -> list[Result]:
        return results_of(job, self._execution.declared(job), self._site, self._store)

    def _results_page(self, job: Job) -> Response:
        language = wanted_language()
        titles = {"json": "The results as JSON", "html": "The results as HTML"}
        links = page_links(self._site.results(job.id), {}, "html", titles)
        content = self._pages.render("results", language, links, job=job, results=self._results(job))
        return answer(content, "html", language)

    def _monitored(self, response: Response, job: Job) -> Response:
        """With a link to the job, from which its results can be had again."""
        response.headers.add("Link", link_header(monitor(job, self._site)))
        response.headers["Cache-Control"] = "no-store"
        return response


def _json_body(limit: int) -> Any:
    media_type, charset = request.mimetype, request.mimetype_params.get("charset", "utf-8")
    if media_type != JSON or charset.lower() not in ("utf-8", "utf8"):
        came = request.content_type or "nothing"
        raise WrongMediaType(f"Send the request as {JSON} (in UTF-8), named so by Content-Type; {came[:80]!r} came.")
    return read_json(read_body(limit))


def _refuse_unfinished(job: Job) -> None:
    if not job.status.ended:
        raise ResultNotReady(f"The job is {job.status}; its results are not ready.")
    if job.status is JobStatus.DISMISSED:
        raise ResultGone("The job was dismissed, and has no results.")


def _applied(preferences: Preferences, asked: JobRequest, status: int) -> str:
    """What was done of what the client prefers, for the header ``Preference-Applied``."""
    applied = ["respond-async"] if status == HTTPStatus.CREATED else []
    if preferences.respond_async and preferences.wait:
        applied.append(f"wait={preferences.wait}")
    if preferences.minimal and asked.outputs:
        applied.append("return=minimal")
    return ", ".join(applied)
