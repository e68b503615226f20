"""The one way from a face to a job: who asks, is it right, then a row in the table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gasflux_core.errors import InputError
from processes.declaration import ProcessDeclaration
from server.access import Access, Scope
from server.errors import JobInUse, UnknownProcess
from server.jobs.model import Job, JobStatus
from server.jobs.queue import Jobs, NoSuchJob
from server.jobs.request import JobRequest, Upload
from server.settings import Settings
from server.settle import described, settle
from server.store.names import is_id
from server.synchronous import SynchronousJobs
from server.validate import unknown_name, validate

LOG = logging.getLogger(__name__)


class Execution:
    """What all faces do alike with the requests they have read; one for a web worker.

    :param declarations: identifier → process, as offered.
    """

    def __init__(
        self, settings: Settings, jobs: Jobs, declarations: Mapping[str, ProcessDeclaration], access: Access
    ) -> None:
        self.settings = settings
        self.jobs = jobs
        self.declarations = declarations
        self.access = access
        """Who may do what."""
        self._synchronous = SynchronousJobs(settings, jobs)

    def find(self, identifier: str) -> ProcessDeclaration:
        """The process of that name.

        :raises UnknownProcess: there is none.
        """
        if identifier not in self.declarations:
            raise UnknownProcess(unknown_name("This service", "process", identifier, self.declarations), "Identifier")
        return self.declarations[identifier]

    def declared(self, job: Job) -> ProcessDeclaration:
        """The declaration of a job's process, which may be gone since."""
        gone = ProcessDeclaration(job.process, job.process, "", job.version, (), (), ())
        return self.declarations.get(job.process, gone)

    def client(self) -> str:
        """Id of the key that came with the HTTP request at hand; empty where none came and none is needed.

        :raises NoKey: a key is needed, or the one that came is wrong.
        """
        return self.access.require(Scope.SUBMIT).key_id

    def job(self, job_id: str) -> Job:
        """A job as it is now, for the caller to see.

        :raises NoSuchJob: there is none of that id.
        :raises NoKey: a key is needed, or the one that came is wrong.
        :raises NotOwnJob: it was sent with another key.
        """
        job = self._found(job_id)
        self.access.check_read(job)
        return self._as_told(job)

    def job_to_change(self, job_id: str) -> Job:
        """The same for the caller to cancel, rename or remove, which may be more than to see it, or less.

        :raises NoSuchJob: there is none of that id.
        :raises NoKey: a key is needed, or the one that came is wrong.
        :raises NotOwnJob: it was sent with another key.
        """
        self.client()
        job = self._found(job_id)
        self.access.check_change(job)
        return self._as_told(job)

    def submit(self, request: JobRequest, uploads: Sequence[Upload], name: str = "") -> Job:
        """Check a request and accept it as a job, which then ends in one way or another.

        :param uploads: the complex values that came with it.
        :param name: what its client calls the job.
        :raises NoKey: the client has no key and needs one.
        :raises InputError: or a kin of it, naming each fault; nothing was accepted.
        :raises Busy: nothing is accepted now.
        :raises TooManyRequests: the key has sent as many jobs as it may.
        """
        return self._prepared(request, uploads, name)()

    def run(self, request: JobRequest, uploads: Sequence[Upload], hint: str, address: Callable[[str], str]) -> Job:
        """The same, and wait for the job's end.

        :param hint: how a client asks for a job it needs not wait for, in the words of its face: ``send …``.
        :param address: gives the address at which a job's status is read.
        :returns: the job, ended.
        :raises StillRunning: the job goes on and its client must come back for it.
        :raises Overrun: the job took too long and is cancelled.
        """
        return self._as_told(self._synchronous.run(self._prepared(request, uploads), hint, address))

    def wait(self, job: Job, seconds: float) -> Job:
        """A job that was submitted, once it has ended or those seconds are over; where too many wait, as it is now."""
        return self._as_told(self._synchronous.wait(job, seconds))

    def dismiss(self, job_id: str) -> Job:
        """Give a job up for a client; the job as it is then.

        :raises NoKey: the client has no key and needs one.
        :raises NotOwnJob: the job was sent with another key.
        :raises NoSuchJob: there is none of that id.
        """
        before = self.job_to_change(job_id)
        job = self.jobs.dismiss(job_id)
        # A job that has ended is not cancelled again, however often one asks.
        if not before.status.ended:
            self.access.audit("job.cancel", job_id, f"done; it is {job.status}")
        LOG.info("task:%s: its client gives it up; it is now %s", job.id, job.status)
        return job

    def forget(self, job_id: str) -> tuple[Job, bool]:
        """The same; and one that has ended already goes at once, with its results.

        :returns: the job as it is to this client now, and whether it is still kept.
        :raises NoKey: the client has no key and needs one.
        :raises NotOwnJob: the job was sent with another key.
        :raises NoSuchJob: there is none of that id.
        :raises JobInUse: it has ended as a part of another job, or was begun again just now.
        """
        self.client()
        ended = self._found(job_id).status.ended
        job = self.dismiss(job_id)
        # It may have come to its end just now; or others share it, and it goes on for them.
        if not job.status.ended or (job.status is JobStatus.DISMISSED and not ended):
            return replace(job, status=JobStatus.DISMISSED), True
        try:
            # First the rows, so that nobody is shown files that are going.
            for gone in self.jobs.release(job_id):
                self.jobs.store.remove(gone)
            self.access.audit("job.remove", job_id)
        except NoSuchJob:
            raise
        except InputError:
            whole = f" as a part of job {job.parent}, which needs it: dismiss that one" if job.parent else ""
            raise JobInUse(
                f"The job has ended{whole or ', and was begun again just now: dismiss it once more'}."
            ) from None
        return replace(job, status=JobStatus.DISMISSED, error=None, results={}, message="The job was removed."), False

    def _prepared(self, request: JobRequest, uploads: Sequence[Upload], name: str = "") -> Callable[[], Job]:
        caller = self.access.require(Scope.SUBMIT)
        declared = self.find(request.process)
        request, settled = settle(request, uploads, declared)
        limit = self.settings.server.maxsingleinputsize
        asked = validate(declared, request, uploads=settled, max_input_bytes=limit)

        def submit() -> Job:
            stated = described(asked, settled)
            job = self.jobs.submit(
                stated,
                settled,
                version=declared.version,
                client=caller.key_id,
                name=name,
                within=self.access.submission(caller),
            )
            LOG.info("task:%s accepted: %s, %s, %s", job.id, job.process, job.mode, job.face)
            return job

        return submit

    def _found(self, job_id: str) -> Job:
        # What can't be an id need not be looked for, and not every database takes every text.
        if not is_id(job_id):
            raise NoSuchJob(f"there is no job {job_id[:80]!r}; it never was, or it has expired", "jobID")
        return self.jobs.get(job_id)

    def _as_told(self, job: Job) -> Job:
        """A job whose results name the addresses of its map services as its client is given them."""
        path = f"/ows/{job.id}"
        plain, told = f"{self.settings.root}{path}", self.access.address(path, job.id)
        if told == plain:
            return job
        results = {
            name: replace(item, text=told + item.text.removeprefix(plain))
            if item.text is not None and item.text.startswith(plain)
            else item
            for name, item in job.results.items()
        }
        return replace(job, results=results)
