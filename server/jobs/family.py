"""Jobs that spread into others, and wait for these without a child process of their own.

Such a job is running and has no owner. When the last of its sub-jobs has ended it waits again, and
its next attempt finds their results.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.jobs.model import JobRow, JobStatus
from server.jobs.notices import notice_end, notice_progress
from server.jobs.recovery import back_to_waiting
from server.jobs.request import JobRequest, SubJob
from server.jobs.totals import count_end

UNENDED = (JobStatus.ACCEPTED, JobStatus.RUNNING)
"""States of jobs to which something will still happen."""


def spread_into(session: Session, parent: JobRow, subjobs: Sequence[SubJob], now: datetime) -> list[JobRow]:
    """Add the rows of the sub-jobs, and let the parent wait for them."""
    language = JobRequest.from_dict(parent.request).language
    rows = [
        JobRow(
            id=str(uuid.uuid4()),
            status=JobStatus.ACCEPTED,
            process=subjob.request.process,
            version=subjob.version,
            face=parent.face,
            mode="async",
            client=parent.client,
            share=parent.id,
            parent=parent.id,
            label=subjob.label,
            # One microsecond after the other, so that they keep their order.
            created=now + timedelta(microseconds=number),
            request=replace(subjob.request, mode="async", face=parent.face, language=language).to_dict(),
        )
        for number, subjob in enumerate(subjobs)
    ]
    session.add_all(rows)
    _wait_for_subjobs(parent, now)
    settle_parent(session, parent.id)
    return rows


def give_up(session: Session, row: JobRow, now: datetime) -> bool:
    """Dismiss a job, unless it has ended.

    :returns: whether an attempt of it was running.
    """
    if row.status not in UNENDED:
        return False
    ran = row.status == JobStatus.RUNNING
    if ran:
        count_end(session, row.process, JobStatus.DISMISSED, row.started, now)
    row.status = JobStatus.DISMISSED
    row.finished = now
    row.message = ""
    notice_end(row, now)
    return ran and row.owner is not None


def try_again(session: Session, row: JobRow, now: datetime) -> list[JobRow]:
    """Let an ended job wait again, and with it those of its sub-jobs that did not succeed.

    :returns: all of these.
    """
    children = session.scalars(
        select(JobRow)
        .where(JobRow.parent == row.id, JobRow.status != JobStatus.SUCCESSFUL)
        .order_by(JobRow.created, JobRow.id)
    ).all()
    again = [each for child in children for each in try_again(session, child, now)]
    row.losses = 0
    row.sharers = 1
    row.error = row.finished = None
    back_to_waiting(row, "")
    if again:
        _wait_for_subjobs(row, now)
        settle_parent(session, row.id)
    return [row, *again]


def _wait_for_subjobs(parent: JobRow, now: datetime) -> None:
    """Let a job run only by its sub-jobs."""
    parent.status = JobStatus.RUNNING
    parent.owner = parent.heartbeat = None
    parent.started = parent.started or now


def settle_parent(session: Session, parent_id: str) -> bool:
    """Note how many sub-jobs have ended; after the last one the parent waits for its next attempt.

    :returns: whether it does now.
    """
    parent = session.get(JobRow, parent_id)
    if parent is None or parent.status != JobStatus.RUNNING or parent.owner is not None:
        return False
    session.flush()
    counted = select(JobRow.status, func.count()).where(JobRow.parent == parent_id).group_by(JobRow.status)
    by_status = dict(session.execute(counted).all())
    total = sum(by_status.values())
    ended = total - sum(by_status.get(status, 0) for status in UNENDED)
    if ended == total:
        back_to_waiting(parent, "All parts have ended; what they found is put together next.")
        return True
    parent.progress = ended / total
    parent.message = f"{ended} of {total} parts have ended."
    notice_progress(parent)
    return False


def subjobs_of(session: Session, job_id: str) -> list[JobRow]:
    """The rows of the sub-jobs, and of theirs in turn, in the order in which they came."""
    found: list[JobRow] = []
    above = [job_id]
    while above:
        rows = session.scalars(select(JobRow).where(JobRow.parent.in_(above)).order_by(JobRow.created, JobRow.id)).all()
        found.extend(rows)
        above = [row.id for row in rows]
    return found
