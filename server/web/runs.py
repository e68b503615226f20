"""A run from when it was sent until it is removed: progress, failure, end; and what can be done with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from processes.translation import translate, translated
from server.errors import UnfitValue
from server.jobs.model import Job, JobError, JobStatus
from server.jobs.outlook import estimated_completion, expiration
from server.jobs.queue import NoSuchJob
from server.store.names import is_id
from server.web.events import Streams
from server.web.form import LONGEST_NAME, plain, plain_lines
from server.web.result import result_page
from server.web.site import Web

LONGEST_NOTES = 10_000

_MANY = re.compile(r"\d+ faults: (?=\(1\) )")
_NUMBERED = re.compile(r"(?:; )?\(\d+\) ")


def add_runs(pages: Blueprint, web: Web) -> None:
    """Add the page of a run and what it calls."""
    page = RunPage(web)
    pages.get("/runs/<run_id>", endpoint="run")(page.run)
    pages.get("/runs/<run_id>/status", endpoint="run_status")(page.status)
    pages.get("/runs/<run_id>/events", endpoint="run_events")(page.events)
    pages.post("/runs/<run_id>/cancel", endpoint="run_cancel")(page.cancel)
    pages.post("/runs/<run_id>/remove", endpoint="run_remove")(page.remove)
    pages.post("/runs/<run_id>/name", endpoint="run_name")(page.name)


class RunPage:
    """The page of a run and what it calls.

    :param web: renders it.
    """

    def __init__(self, web: Web) -> None:
        self._web = web
        self._execution = web.execution
        self._streams = Streams(web.execution.jobs, web.settings.gasflux.threads)

    # --- routes -----------------------------------------------------------------------------------

    def run(self, run_id: str) -> Response:
        """How it is doing, why it failed, or what came out."""
        job = self._job(run_id)
        if job.status is JobStatus.SUCCESSFUL:
            return result_page(self._web, job)
        language = self._web.language()
        shown: dict[str, Any] = {
            "job": job,
            "process": translated(self._execution.declared(job), language),
            "name": job.name or job.id,
            "file_names": [item.file_name for items in job.request.inputs.values() for item in items if item.file_name],
            "until": expiration(job, self._web.settings.store),
        }
        if job.status is JobStatus.FAILED:
            return self._failure(job, shown)
        if job.status is JobStatus.DISMISSED:
            return self._web.render("run_cancelled", **shown)
        return self._web.render("run_progress", **shown, now=self._told(job, language))

    def status(self, run_id: str) -> Response:
        """How it is doing, for the page's script."""
        return jsonify(self._told(self._job(run_id), self._web.language()))

    def events(self, run_id: str) -> Response:
        """The same as it happens."""
        self._job(run_id)
        language, jobs = self._web.language(), self._execution.jobs
        return self._streams.open(lambda: self._told(jobs.get(run_id), language))

    def cancel(self, run_id: str) -> AnyResponse:
        """Give it up."""
        self._execution.dismiss(self._job_to_change(run_id).id)
        return redirect(f"{self._web.base}/runs/{run_id}", 303)

    def remove(self, run_id: str) -> AnyResponse:
        """Forget it, with its results."""
        self._execution.forget(self._job_to_change(run_id).id)
        return redirect(f"{self._web.base}/runs", 303)

    def name(self, run_id: str) -> AnyResponse:
        """Call it something, and write about it."""
        job = self._job_to_change(run_id)
        name = plain(request.form.get("name", job.name))
        notes = plain_lines(request.form.get("notes", job.notes))
        for identifier, text, most in (("name", name, LONGEST_NAME), ("notes", notes, LONGEST_NOTES)):
            if len(text) > most:
                told = f"The {identifier} may have {most} characters, {len(text)} came. Make it shorter."
                raise UnfitValue(told, identifier)
        self._execution.jobs.describe(job.id, name=name, notes=notes)
        return redirect(f"{self._web.base}/runs/{run_id}", 303)

    # --- parts of them ----------------------------------------------------------------------------

    def _job(self, run_id: str) -> Job:
        return self._found(run_id, self._execution.job)

    def _job_to_change(self, run_id: str) -> Job:
        return self._found(run_id, self._execution.job_to_change)

    def _found(self, run_id: str, find: Callable[[str], Job]) -> Job:
        # What can't be an id need not be looked for, and not every database takes every text.
        if not is_id(run_id):
            raise NoSuchJob(self._web.words()["run_unknown"])
        try:
            return find(run_id)
        except NoSuchJob:
            raise NoSuchJob(self._web.words()["run_unknown"]) from None

    def _told(self, job: Job, language: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        due = estimated_completion(job, now)
        waits = job.status is JobStatus.ACCEPTED
        return {
            "status": job.status.value,
            "progress": round(1.0 if job.status is JobStatus.SUCCESSFUL else job.progress, 3),
            "message": translate(job.message, language),
            "ended": job.status.ended,
            "ahead": self._execution.jobs.ahead(job) if waits else None,
            # Rounded, so that a stream tells what is new and not each second.
            "left": None if due is None else _rounded(max((due - now).total_seconds(), 0.0)),
        }

    def _failure(self, job: Job, shown: dict[str, Any]) -> Response:
        error = job.error or JobError("server", "")
        declared = shown["process"].input(error.locator or "")
        return self._web.render(
            "run_failed",
            **shown,
            error=error,
            faults=faults_of(error.message) if error.kind != "server" else [],
            where=declared.title if declared is not None else error.locator or "",
        )


def faults_of(message: str) -> list[str]:
    """The faults that one message tells of (:class:`gasflux_core.errors.InputFaults`)."""
    told = _MANY.match(message)
    return [part for part in _NUMBERED.split(message[told.end() :]) if part] if told else [message]


def _rounded(seconds: float) -> int:
    """To 5 s while there is some time left."""
    return round(seconds) if seconds < 10 else 5 * round(seconds / 5)
