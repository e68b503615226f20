"""Notices to those who subscribed to a job: which are due stands in the job's row, as all that is true of it.

A row's ``notice_due`` is set in the transaction that makes something worth telling: the start, progress, the end. Who
claims a notice moves ``notice_due`` ahead to when the next try is due, so that one that is lost with its deliverer
is sent again; after a last try in vain the notice is given up. A notice of progress is not sent again: a later one
says more.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine, exists, func, select
from sqlalchemy.orm import Session

from server.jobs.database import clock, open_engine, writing
from server.jobs.model import Job, JobRow, JobStatus, NoticeState
from server.jobs.request import Subscriber
from server.jobs.totals import NOTICE_DELIVERED, NOTICE_GIVEN_UP, count_end
from server.settings import Settings

LOG = logging.getLogger(__name__)

SPARSE_SECONDS = 5.0
"""The next notice of a job's progress comes no sooner."""

MOST_OF_HOST = 4
"""So many notices are under way to one host at the same time; another host's need not wait behind them."""

PAUSES = (15.0, 60.0, 300.0, 1800.0, 7200.0, 15.0)
"""Seconds from each try at a notice to the next; the last is how long the last try is waited for."""

MOST_IN_VAIN = 5
"""After so many notices of progress in a row that could not be delivered no more are sent of this job."""


def address_of(job: Job) -> str | None:
    """Where a job as it is now is to be told of, if anywhere."""
    told = job.request.subscriber
    return _address(job.status, told) if told else None


def _address(status: JobStatus, told: Subscriber) -> str | None:
    match status:
        case JobStatus.RUNNING:
            return told.in_progress_uri
        case JobStatus.SUCCESSFUL:
            return told.success_uri
        case JobStatus.FAILED | JobStatus.DISMISSED:
            return told.failed_uri
        case _:
            return None


@dataclass(frozen=True)
class Claimed:
    """A notice that one deliverer has taken on itself."""

    job: Job
    address: str
    host: str
    """Host and port of the address."""
    attempt: int
    """The how many-th try it is; what an earlier one reports is refused."""


class Notices:
    """The notices in the table.

    :param engine: of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # What a loss of power undoes is delivered once more.
        self._writing = writing(engine, lasting=False)

    @classmethod
    def open(cls, settings: Settings) -> Notices:
        """Those of the table that the settings name."""
        return cls(open_engine(settings.jobs.database))

    def due(self) -> bool:
        """Whether a notice is to be delivered now."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(select(exists().where(JobRow.notice_due <= clock(connection)))))

    def waiting(self) -> int:
        """How many jobs have a notice that is to be delivered, now or later."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).where(JobRow.notice_due.is_not(None))) or 0

    def claim(self, most: int, flying: Collection[Claimed] = ()) -> list[Claimed]:
        """Take notices that are due, first those that were not tried before.

        :param flying: those that the caller is still delivering: none overtakes another of the same job, and there are
            never too many to one host.
        """
        if most < 1 or not self.due():
            return []
        by_host = Counter(notice.host for notice in flying)
        busy = [host for host, number in by_host.items() if number >= MOST_OF_HOST]
        jobs = [notice.job.id for notice in flying]
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            now = clock(session.connection())
            rows = session.scalars(
                select(JobRow)
                .where(JobRow.notice_due <= now, JobRow.id.not_in(jobs), JobRow.notice_host.not_in(busy))
                .order_by(JobRow.notice_attempts, JobRow.notice_due)
                .limit(most)
            ).all()
            found = []
            for row in rows:
                if by_host[row.notice_host or ""] >= MOST_OF_HOST:
                    continue
                if (notice := _claimed(session, row, now)) is not None:
                    by_host[notice.host] += 1
                    found.append(notice)
            return found

    def delivered(self, notice: Claimed) -> bool:
        """Note that the subscriber has it.

        :returns: whether this try was still the last one.
        """
        return self._settle(notice, None)

    def not_delivered(self, notice: Claimed, why: str) -> bool:
        """Note that the subscriber could not be told.

        :param why: in words.
        :returns: whether this try was still the last one.
        """
        return self._settle(notice, why)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _settle(self, notice: Claimed, why: str | None) -> bool:
        job = notice.job
        with Session(self._writing) as session, session.begin():
            now = clock(session.connection())
            row = session.get(JobRow, job.id)
            if row is None or (row.status, row.notice_attempts) != (job.status, notice.attempt):
                return False
            row.notice_text = why or ""
            if why is None:
                row.notice_attempts = 0
                count_end(session, row.process, NOTICE_DELIVERED, row.finished, now)
            if not job.status.ended:
                if why is not None and notice.attempt >= MOST_IN_VAIN:
                    LOG.warning("task:%s: no more notices of its progress are sent: %s", job.id, why)
                    row.notice_due = row.notice_after = None
            elif why is None:
                row.notice, row.notice_due = NoticeState.DELIVERED, None
            elif notice.attempt >= len(PAUSES):
                _give_up(session, row, now)
        return True


def _claimed(session: Session, row: JobRow, now: datetime) -> Claimed | None:
    job = row.job()
    address, ended = address_of(job), job.status.ended
    if address is None:
        row.notice_due = None
        return None
    if ended and row.notice_attempts >= len(PAUSES):
        # Its last deliverer was lost.
        row.notice_text = row.notice_text or "Nobody came back from the last try to deliver the notice."
        _give_up(session, row, now)
        return None
    row.notice_attempts += 1
    if ended:
        row.notice_due = now + timedelta(seconds=PAUSES[row.notice_attempts - 1])
    else:
        row.notice_due, row.notice_after = None, now + timedelta(seconds=SPARSE_SECONDS)
    return Claimed(job, address, row.notice_host or "", row.notice_attempts)


def _give_up(session: Session, row: JobRow, now: datetime) -> None:
    LOG.error("task:%s: its subscriber is not told of its end after %d tries: %s", row.id, len(PAUSES), row.notice_text)
    row.notice, row.notice_due = NoticeState.GIVEN_UP, None
    count_end(session, row.process, NOTICE_GIVEN_UP, row.finished, now)


# --- what becomes of the notices when something becomes of the job, in the same transaction ---------


def notice_start(row: JobRow, now: datetime) -> None:
    """A job has started: tell who wants to know how it is doing."""
    row.notice_host = _host_of_notice(row)
    row.notice_due = row.notice_after = now if row.notice_host is not None else None


def notice_progress(row: JobRow) -> None:
    """A job has got on: tell it as soon as may be."""
    row.notice_due = row.notice_due or row.notice_after


def notice_end(row: JobRow, now: datetime) -> None:
    """A job has ended: what is to be told is its end alone."""
    forget_notices(row)
    row.notice_host = _host_of_notice(row)
    if row.notice_host is not None:
        row.notice, row.notice_due = NoticeState.DUE, now


def forget_notices(row: JobRow) -> None:
    """A job waits, or waits again: there is nothing to tell."""
    row.notice = NoticeState.NONE
    row.notice_due = row.notice_host = row.notice_after = None
    row.notice_attempts = 0
    row.notice_text = ""


def _host_of_notice(row: JobRow) -> str | None:
    """Where a notice of a job as it is goes to; None where there is to be none."""
    told: dict[str, Any] | None = row.request.get("subscriber")
    address = _address(JobStatus(row.status), Subscriber(**told)) if told else None
    return None if address is None else urlsplit(address).netloc.lower()[:300]
