"""The operations on tasks and their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response

from server.access import Scope
from server.execution import Execution
from server.jobs.model import Job, JobStatus
from server.jobs.queue import NoSuchJob
from server.outputs import file_response
from server.rest.answers import NotPossibleNow, answer
from server.rest.changes import read_task_change
from server.rest.paging import LIST_PARAMETERS, PAGE_PARAMETERS, Selection, check_query, read_page, read_selection
from server.rest.rates import Rates
from server.rest.tasks import STATUSES, moment, rate_document, results, task_document
from server.rest.uploads import PROCESS, read_upload
from server.store import NoSuchFile
from server.store.names import is_id

_RUNNING = Selection((JobStatus.RUNNING,), None, "created", ascending=False)
_WAITING = Selection((JobStatus.ACCEPTED,), None, "created", ascending=True)


class TasksFace:
    """Begins, shows, changes and removes tasks, and gives out their files."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._access = execution.access
        self._jobs = execution.jobs
        self._rates = Rates(execution.jobs.store)
        self._largest = execution.settings.server.maxrequestsize

    def views(self) -> dict[str, Callable[..., Response]]:
        """Name of each operation → what answers it."""
        return {
            "upload": self.upload,
            "task": self.show,
            "change_task": self.change,
            "remove_task": self.remove,
            "tasks": self.list,
            "task_counts": self.count,
            "active_tasks": self.running,
            "waiting_tasks": self.waiting,
            "reports": self.reports,
            "download": self.download,
        }

    # --- one task ---------------------------------------------------------------------------------

    def upload(self) -> Response:
        """Begin a task."""
        # Before the body is read: a stranger's is not worth it.
        self._access.require(Scope.SUBMIT)
        check_query(())
        request, uploads, name = read_upload()
        job = self._execution.submit(request, uploads, name=name)
        told = {
            "task_id": job.id,
            "status": STATUSES[job.status],
            "name": job.name,
            "status_url": f"/task/{job.id}",
        }
        return answer(told, f"The flight was accepted; ask /task/{job.id} how it is doing.", 202)

    def show(self, task_id: str) -> Response:
        """How a task is doing."""
        job = self._job(task_id)
        check_query(())
        return answer(self._document(job))

    def change(self, task_id: str) -> Response:
        """Rename or cancel a task."""
        job = self._job_to_change(task_id)
        change = read_task_change(self._largest)
        if change.cancel and job.status.ended:
            raise _ended(job)
        if change.name is not None or change.notes is not None:
            job = self._jobs.describe(job.id, name=change.name, notes=change.notes)
            self._access.audit("job.describe", job.id)
        if not change.cancel:
            return answer(self._document(job), "The task was changed.")
        job = self._execution.dismiss(job.id)
        # It may have come to its end just now.
        if job.status in (JobStatus.SUCCESSFUL, JobStatus.FAILED):
            raise _ended(job)
        return answer(self._document(job), "The task was cancelled.")

    def remove(self, task_id: str) -> Response:
        """Cancel a task, and remove it."""
        job = self._job_to_change(task_id)
        check_query(())
        cancelled = not job.status.ended
        _, kept = self._execution.forget(job.id)
        # What ran is cancelled by that, and goes by the second one; what others share goes on for them.
        if kept and self._jobs.get(job.id).status.ended:
            _, kept = self._execution.forget(job.id)
        words = "cancelled and removed" if cancelled else "removed"
        if kept:
            words = "given up; another request shares it, and it goes on for that one"
        told = {"task_id": job.id, "cancelled": cancelled, "removed": not kept}
        return answer(told, f"The task was {words}.")

    # --- many tasks -------------------------------------------------------------------------------

    def list(self) -> Response:
        """One page of the tasks."""
        self._access.require(Scope.READ)
        check_query(LIST_PARAMETERS)
        return self._page("tasks", read_selection(), task_document)

    def count(self) -> Response:
        """How many tasks there are of each status."""
        self._access.require(Scope.READ)
        check_query(())
        found = self._jobs.count(client=self._access.listed_client())
        counts = {name: found.get(status, 0) for status, name in STATUSES.items()}
        return answer({"total": sum(counts.values()), **counts})

    def running(self) -> Response:
        """One page of the tasks that run."""
        self._access.require(Scope.READ)
        check_query(PAGE_PARAMETERS)
        return self._page("tasks", _RUNNING, task_document)

    def waiting(self) -> Response:
        """One page of the tasks that wait."""
        self._access.require(Scope.READ)
        check_query(PAGE_PARAMETERS)
        places = {job_id: place for place, job_id in enumerate(self._jobs.waiting(), start=1)}
        return self._page("tasks", _WAITING, lambda job: {**task_document(job), "position": places.get(job.id)})

    def reports(self) -> Response:
        """One page of the finished reports."""
        self._access.require(Scope.READ)
        check_query((*PAGE_PARAMETERS, "q"))
        asked = read_selection()
        finished = Selection((JobStatus.SUCCESSFUL,), asked.text, "finished", ascending=False)
        return self._page("reports", finished, self._report, processes=(PROCESS,))

    # --- files ------------------------------------------------------------------------------------

    def download(self, task_id: str, name: str) -> Response:
        """A result file."""
        job = self._job(task_id)
        item = next((item for item in job.results.values() if item.file == name), None)
        if item is None:
            known = ", ".join(item.file for item in job.results.values() if item.file) or "none"
            raise NoSuchFile(f"The task has no file {name[:80]!r}. It has: {known}.", "name")
        response = file_response(self._jobs.store.open(job.id, job.attempt, name), item)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    # --- parts of them ----------------------------------------------------------------------------

    def _job(self, task_id: str) -> Job:
        self._check_id(task_id, Scope.READ)
        return self._execution.job(task_id)

    def _job_to_change(self, task_id: str) -> Job:
        self._check_id(task_id, Scope.SUBMIT)
        return self._execution.job_to_change(task_id)

    def _check_id(self, task_id: str, scope: Scope) -> None:
        # What can't be an id need not be looked for, and not every database takes every text.
        if not is_id(task_id):
            self._access.require(scope)
            raise NoSuchJob(f"There is no task {task_id[:80]!r}.", "task_id")

    def _document(self, job: Job) -> dict[str, Any]:
        return {**task_document(job), "rates": [rate_document(rate) for rate in self._rates.of(job)]}

    def _report(self, job: Job) -> dict[str, Any]:
        return {
            "task_id": job.id,
            "name": job.name,
            "created_at": moment(job.created),
            "finished_at": moment(job.finished),
            "rates": [rate_document(rate) for rate in self._rates.of(job)],
            "links": {result["output"]: result["download_url"] for result in results(job)},
        }

    def _page(
        self,
        name: str,
        wanted: Selection,
        document: Callable[[Job], dict[str, Any]],
        processes: Sequence[str] | None = None,
    ) -> Response:
        page, client = read_page(), self._access.listed_client()
        counts = self._jobs.count(statuses=wanted.statuses, processes=processes, client=client, text=wanted.text)
        found = self._jobs.find(
            statuses=wanted.statuses,
            processes=processes,
            client=client,
            text=wanted.text,
            sort=wanted.sort,
            ascending=wanted.ascending,
            limit=page.size,
            offset=page.offset,
        )
        return answer(page.document(name, [document(job) for job in found], sum(counts.values())))


def _ended(job: Job) -> NotPossibleNow:
    return NotPossibleNow(f"The task is {STATUSES[job.status]} already, so it can't be cancelled; DELETE removes it.")
