"""Throws away what nobody needs any more: jobs past their time, and what a crash left in the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from gasflux_core.errors import GasFluxError, InputError
from server.jobs.model import Job, JobStatus
from server.jobs.queue import Jobs
from server.ows.leftovers import forget_map, maps_folder
from server.settings import Settings
from server.store import Store

LOG = logging.getLogger(__name__)

_LEFTOVER_SECONDS = 10.0
_EXPIRY_SECONDS = 60.0
_THOROUGH_SECONDS = 3600.0

_MOST_AT_ONCE = 50
"""So many jobs go in one turn; whoever calls has other things to do too."""


class Janitor:
    """Removes jobs and files; two at the same time do no harm.

    Where the store is remote, a turn may take minutes and starts threads: not for a process that forks jobs.
    """

    def __init__(self, settings: Settings, jobs: Jobs, store: Store) -> None:
        keep = settings.store
        self._days = {
            JobStatus.SUCCESSFUL: keep.keep_successful,
            JobStatus.FAILED: keep.keep_failed,
            JobStatus.DISMISSED: keep.keep_dismissed,
        }
        self._maps = maps_folder(settings)
        self._largest_total = keep.largest_total
        self._audit_days = settings.security.audit_days
        self._jobs = jobs
        self._store = store
        self._leftovers_due = self._expiry_due = self._thorough_due = float("-inf")

    def turn(self) -> bool:
        """Do what is due now; what fails is logged, and tried again when it is due again.

        :returns: whether there is more that is due already.
        """
        now = time.monotonic()
        if now >= self._leftovers_due:
            self._leftovers_due = now + _LEFTOVER_SECONDS
            thorough = now >= self._thorough_due
            if self._tried(lambda: self._clear_leftovers(thorough)) and thorough:
                self._thorough_due = now + _THOROUGH_SECONDS
        if now >= self._expiry_due:
            self._expiry_due = now + _EXPIRY_SECONDS
            self._tried(self._expire)
            self._tried(self._forget_deeds)
        return self._expiry_due <= now

    def _tried(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except (OSError, SQLAlchemyError, GasFluxError) as error:
            LOG.warning("what nobody needs any more could not be thrown away, which is tried again: %s", error)
            return False
        return True

    def _clear_leftovers(self, thorough: bool) -> None:
        gone = self._store.clear_leftovers(self._jobs.known, thorough=thorough)
        if gone:
            LOG.info("%d leftovers of jobs were removed: %s", len(gone), ", ".join(gone[:10]))

    def _expire(self) -> None:
        now = datetime.now(UTC)
        left = _MOST_AT_ONCE
        for status, days in self._days.items():
            for job in self._jobs.expired(status, now - timedelta(days=days), left):
                self._remove(job, f"it was {status} more than {days:g} days ago")
                left -= 1
        while left > 0 and (size := self._jobs.stored_bytes()) > self._largest_total:
            oldest = self._jobs.expired(JobStatus.SUCCESSFUL, now, 1)
            if not oldest:
                break
            self._remove(oldest[0], f"all results together have {size} bytes")
            left -= 1
        if left <= 0:
            self._expiry_due = float("-inf")  # the others at the next turn

    def _forget_deeds(self) -> None:
        gone = self._jobs.audit.forget(datetime.now(UTC) - timedelta(days=self._audit_days))
        if gone:
            LOG.info("%d rows of the audit log are older than %g days and were removed", gone, self._audit_days)

    def _remove(self, job: Job, why: str) -> None:
        try:
            # First the row, so that nobody is shown files that are going; a crash in between leaves leftovers.
            gone = self._jobs.remove(job.id)
        except InputError:
            return  # taken up again by its client just now
        LOG.info("task:%s is removed: %s", job.id, why)
        for job_id in gone:
            self._store.remove(job_id)
            forget_map(self._maps, job_id)
