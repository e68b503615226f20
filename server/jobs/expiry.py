"""What the janitor asks of the job table: which jobs may go, and to which the files in the store belong."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from server.jobs.model import Job, JobRow, JobStatus


@dataclass(frozen=True)
class Known:
    """Which jobs there are, while nobody can change that."""

    jobs: frozenset[str]
    """Ids of all rows."""
    running: frozenset[tuple[str, int]]
    """(id, attempt) of those that run under an owner."""
    successful: frozenset[tuple[str, int]]
    """(id, attempt) of those whose results may be read."""


def read_known(session: Session, ids: Collection[str] | None) -> Known:
    """What is known of these jobs; None: of all."""
    asked = select(JobRow.id, JobRow.attempt, JobRow.status, JobRow.owner)
    rows = session.execute(asked if ids is None else asked.where(JobRow.id.in_(ids))).all()
    return Known(
        frozenset(job_id for job_id, _, _, _ in rows),
        frozenset((job_id, attempt) for job_id, attempt, status, owner in rows if status == "running" and owner),
        frozenset((job_id, attempt) for job_id, attempt, status, _ in rows if status == "successful"),
    )


def read_expired(session: Session, status: JobStatus, before: datetime, limit: int) -> list[Job]:
    """Jobs that ended so before that time, the longest ago first; sub-jobs only where their parent is gone."""
    parent = aliased(JobRow)
    rows = session.scalars(
        select(JobRow)
        .where(JobRow.status == status, JobRow.finished < before, ~exists().where(parent.id == JobRow.parent))
        .order_by(JobRow.finished, JobRow.id)
        .limit(limit)
    )
    return [row.job() for row in rows]


def read_stored_bytes(session: Session) -> int:
    """Size of all results together."""
    # Back to int: PostgreSQL adds up to a decimal number.
    return int(session.scalar(select(func.sum(JobRow.size))) or 0)
