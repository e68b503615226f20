"""What lies ahead of a job: when it will be done, and until when it is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from server.jobs.model import Job, JobStatus
from server.sections import StoreSection

_TOO_EARLY = 0.02
"""Below this progress its speed says nothing."""


def expiration(job: Job, keep: StoreSection) -> datetime | None:
    """When the job and its results will be removed (UTC); None while it has not ended.

    They may go earlier where all results together grow too large.
    """
    days = {
        JobStatus.SUCCESSFUL: keep.keep_successful,
        JobStatus.FAILED: keep.keep_failed,
        JobStatus.DISMISSED: keep.keep_dismissed,
    }.get(job.status)
    return None if days is None or job.finished is None else job.finished + timedelta(days=days)


def estimated_completion(job: Job, now: datetime | None = None) -> datetime | None:
    """When a running job will have ended if it goes on as it went so far (UTC); None where that can't be told.

    :param now: None: the time now.
    """
    if job.status is not JobStatus.RUNNING or job.started is None or job.progress < _TOO_EARLY:
        return None
    now = now or datetime.now(UTC)
    return job.started + (now - job.started) / min(job.progress, 1.0)
