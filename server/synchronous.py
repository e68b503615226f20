"""Waiting for jobs on behalf of clients that want their results in the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gasflux_core.errors import Busy
from server.errors import Overrun, StillRunning
from server.jobs.model import Job, JobStatus
from server.jobs.queue import Jobs
from server.settings import Settings

_SPARE_THREADS = 4
"""So many threads of a web worker wait for no job, so that it always answers what needs none."""

_SHARE_OF_THREADS = 4
"""One in so many threads of a web worker may wait for a job that goes on by itself anyway."""

_LOOK_AGAIN_SECONDS = 30
_RESTART_SECONDS = 10


class SynchronousJobs:
    """Runs jobs while their clients wait, in one web worker."""

    def __init__(self, settings: Settings, jobs: Jobs) -> None:
        self._settings = settings.jobs
        self._jobs = jobs
        self._most = max(settings.gasflux.threads - _SPARE_THREADS, 1)
        self._places = threading.BoundedSemaphore(self._most)
        # Only a part of all places, so that they don't keep out those who have no other way.
        self._some_places = threading.BoundedSemaphore(max(settings.gasflux.threads // _SHARE_OF_THREADS, 1))

    def run(self, submit: Callable[[], Job], hint: str, address: Callable[[str], str]) -> Job:
        """Submit a job and wait for its end.

        :param hint: how a client asks for a job it needs not wait for, in the words of its face: ``send …``.
        :param address: gives the address at which a job's status is read.
        :returns: the job, ended.
        :raises Busy: as many clients wait as may.
        :raises StillRunning: the job goes on and its client must come back for it.
        :raises Overrun: the job took too long and is cancelled.
        """
        if not self._places.acquire(blocking=False):
            raise Busy(
                f"{self._most} synchronous requests wait for their jobs already. Send the request again later; or, so "
                f"that it need not wait, {hint}.",
                retry_after=10,
            )
        try:
            return self._wait(submit(), hint, address)
        finally:
            self._places.release()

    def wait(self, job: Job, seconds: float) -> Job:
        """A job as it is after some seconds, or once it has ended; as it is now where as many clients wait as may."""
        if not self._some_places.acquire(blocking=False):
            return job
        try:
            if not self._places.acquire(blocking=False):
                return job
            try:
                return self._jobs.wait(job.id, seconds)
            finally:
                self._places.release()
        finally:
            self._some_places.release()

    def _wait(self, job: Job, hint: str, address: Callable[[str], str]) -> Job:
        limit = self._settings.sync_wait
        start = time.monotonic()
        job = self._jobs.wait(job.id, limit)
        if job.status.ended:
            return job
        if time.monotonic() - start < limit:
            raise StillRunning(
                "The service is being restarted. The job is kept and goes on afterwards; read how it is doing, and "
                f"its results, at {address(job.id)}.",
                _RESTART_SECONDS,
                job.id,
            )
        if self._settings.sync_overrun == "continue":
            raise StillRunning(
                f"The job takes longer than the {limit:g} s that a synchronous request may wait. It goes on; read "
                f"how it is doing, and its results, at {address(job.id)}. To get that address at once, {hint}.",
                _LOOK_AGAIN_SECONDS,
                job.id,
            )
        job = self._jobs.dismiss(job.id)
        # It may have come to its end just now.
        if job.status in (JobStatus.SUCCESSFUL, JobStatus.FAILED):
            return job
        raise Overrun(
            f"The job takes longer than the {limit:g} s that a synchronous request may take, and was cancelled. To run "
            f"it without that limit, {hint}; or ask the operator for a longer sync_wait."
        )
