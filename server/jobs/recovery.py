"""Jobs whose owner is gone: which these are, and what becomes of them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.jobs.model import JobError, JobRow, JobStatus
from server.jobs.notices import forget_notices, notice_end
from server.jobs.owner import Owner
from server.jobs.totals import RECOVERED, count_end

LOST_SECONDS = 10.0
"""An owner on another machine that was silent for so long is gone."""

MOST_LOSSES = 2
"""A job that was lost so often is not taken up again: it may be what brings its owners down."""


def lost_jobs(session: Session, now: datetime) -> list[str]:
    """Ids of the running jobs whose owner is gone."""
    rows = session.execute(select(JobRow.id, JobRow.owner, JobRow.heartbeat).where(JobRow.status == JobStatus.RUNNING))
    running = [(job_id, owner, heartbeat) for job_id, owner, heartbeat in rows if owner is not None]
    lives = {owner: _lives(owner) for owner in {owner for _, owner, _ in running}}
    silent_since = now - timedelta(seconds=LOST_SECONDS)
    return [
        job_id
        for job_id, owner, heartbeat in running
        if lives[owner] is False or (lives[owner] is None and (heartbeat is None or heartbeat < silent_since))
    ]


def _lives(owner: str) -> bool | None:
    try:
        return Owner.read(owner).lives
    except ValueError:
        return None  # written by another version of the service


def take_up_again(session: Session, row: JobRow, now: datetime) -> None:
    """Let a lost job wait again, or give it up where it was lost too often."""
    row.losses += 1
    if row.losses < MOST_LOSSES:
        count_end(session, row.process, RECOVERED, row.started, now)
        back_to_waiting(row, "The service stopped while the job ran; it is run again from the start.")
        return
    count_end(session, row.process, JobStatus.FAILED, row.started, now)
    row.status = JobStatus.FAILED
    row.finished = now
    row.message = ""
    row.error = asdict(
        JobError(
            "server",
            f"The service stopped {row.losses} times while this job ran; it is given up. Send it again later, or "
            "with less data; tell the operator if it fails again.",
        )
    )
    notice_end(row, now)


def back_to_waiting(row: JobRow, message: str) -> None:
    """Let a running job wait again."""
    row.status = JobStatus.ACCEPTED
    row.owner = row.heartbeat = row.started = None
    row.progress = 0.0
    row.message = message
    forget_notices(row)
