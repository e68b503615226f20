"""Which waiting job goes next.

Each client has a share, and so has each job that spread into others. Shares take turns, so that
many jobs of one don't keep out the few of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.jobs.model import JobRow, JobStatus

_NEVER = datetime.min.replace(tzinfo=UTC)

_MODES = ("sync", "async")

_WAITS = JobRow.status == JobStatus.ACCEPTED


def startable(session: Session, machine: str, *, parallel: int, sync_slots: int) -> tuple[str, ...]:
    """The modes whose waiting jobs the machine may start now; none where none wait, or where it is full.

    :param parallel: how many jobs the machine may run.
    :param sync_slots: how many of these only jobs of synchronous requests may take.
    """
    if not _any_waits(session, _MODES):
        return ()
    running = session.execute(
        select(JobRow.mode, JobRow.owner).where(JobRow.status == JobStatus.RUNNING, JobRow.owner.is_not(None))
    )
    here = [mode for mode, owner in running if owner and owner.rsplit("/", 2)[0] == machine]
    groups = _open_to(here, parallel, sync_slots)
    return next((modes for modes in groups if modes == _MODES or _any_waits(session, modes)), ())


def next_waiting(session: Session, modes: tuple[str, ...]) -> str | None:
    """Id of the job of one of these modes that goes next."""
    share = _least_served(session, modes)
    if share is None:
        return None
    return session.scalar(
        select(JobRow.id)
        .where(_WAITS, JobRow.share == share, JobRow.mode.in_(modes))
        .order_by(JobRow.created, JobRow.id)
        .limit(1)
    )


def _any_waits(session: Session, modes: tuple[str, ...]) -> bool:
    waiting = select(JobRow.id).where(_WAITS).limit(1)
    chosen = waiting if modes == _MODES else waiting.where(JobRow.mode.in_(modes))
    return session.scalar(chosen) is not None


def _open_to(running: Sequence[str], parallel: int, sync_slots: int) -> list[tuple[str, ...]]:
    """The modes whose jobs may start, in groups; a later group only where none of an earlier one waits.

    :param running: the modes of the jobs that the machine runs.
    """
    if len(running) >= parallel:
        return []
    if parallel == 1:
        return [("sync",), ("async",)]
    if running.count("async") >= max(1, parallel - sync_slots):
        return [("sync",)]
    return [_MODES]


def _least_served(session: Session, modes: tuple[str, ...]) -> str | None:
    """The waiting share with the fewest running jobs; of several, the one whose last start is longest ago."""
    waiting = (
        select(JobRow.share, func.min(JobRow.created).label("oldest"))
        .where(_WAITS, JobRow.mode.in_(modes))
        .group_by(JobRow.share)
        .subquery()
    )
    # Share by share: the last start of each is the end of a range of the index.
    last_start = select(func.max(JobRow.started)).where(JobRow.share == waiting.c.share).scalar_subquery()
    shares = session.execute(select(waiting.c.share, last_start, waiting.c.oldest)).all()
    if not shares:
        return None
    running = Counter(
        session.scalars(select(JobRow.share).where(JobRow.status == JobStatus.RUNNING, JobRow.owner.is_not(None)))
    )
    least = min(shares, key=lambda found: (running[found[0]], found[1] or _NEVER, found[2], found[0]))
    share: str = least[0]
    return share
