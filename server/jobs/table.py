"""The job table as it is read: no lock, no change."""

from __future__ import annotations

import threading
from collections.abc import Collection, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, bindparam, func, select
from sqlalchemy.orm import Session

from gasflux_core.errors import InputError
from server.jobs.database import changes, clock
from server.jobs.expiry import read_expired, read_stored_bytes
from server.jobs.family import UNENDED
from server.jobs.listing import listing
from server.jobs.model import Job, JobRow, JobStatus
from server.jobs.notices import Notices
from server.jobs.owner import Owner
from server.jobs.totals import Total, read_totals
from server.jobs.waiting import EndWatch

_UNENDED_OF = select(JobRow.id).where(JobRow.id.in_(bindparam("ids", expanding=True)), JobRow.status.in_(UNENDED))


class NoSuchJob(InputError):
    """There is no job of that id."""


@dataclass(frozen=True)
class Counts:
    """How many jobs have not ended."""

    waiting: int
    running: int
    """Those that hold a slot."""
    spread: int
    """Those that run only by their sub-jobs."""


class JobTable:
    """What is known of the jobs.

    :param engine: of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.notices = Notices(engine)
        """To those who subscribed to a job."""
        self._watch = EndWatch(self._unended, changes(engine))
        self.stopping = threading.Event()
        """Set where nobody may wait for a job any longer: the service stops."""

    def get(self, job_id: str) -> Job:
        """The job as it is now.

        :raises NoSuchJob: there is none of that id.
        """
        with Session(self._engine) as session:
            return row_of(session, job_id).job()

    def wait(self, job_id: str, timeout: float) -> Job:
        """The job once it has ended, or as it is when the time is over or the service stops.

        :param timeout: seconds.
        :raises NoSuchJob: there is none of that id.
        """
        job = self.get(job_id)
        if job.status.ended or timeout <= 0:
            return job
        self._watch.wait(job_id, timeout)
        return self.get(job_id)

    def stop_waiting(self) -> None:
        """Let all who wait for a job go at once, now and from now on: the service stops."""
        self.stopping.set()
        self._watch.stop()

    def find(
        self,
        *,
        statuses: Collection[JobStatus] | None = None,
        processes: Collection[str] | None = None,
        faces: Collection[str] | None = None,
        client: str | None = None,
        parent: str | None = None,
        subjobs: bool = False,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        min_seconds: float | None = None,
        max_seconds: float | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Job]:
        """The jobs of which all that is given is true, the newest first.

        Who shows ``limit`` of them asks for one more, and knows by that whether there is another page.

        :param statuses: the job's is one of these; likewise processes and faces.
        :param client: id of the key that sent it; empty: sent without a key; None: whoever sent it.
        :param parent: the job of which it is a sub-job.
        :param subjobs: sub-jobs are among them, whichever their parent; without this and ``parent`` they are not.
        :param created_from: accepted then or later; ``created_to``: then or earlier.
        :param min_seconds: has run for so long or longer, up to its end or until now; ``max_seconds``: so long or
            shorter. Jobs that have not started are in no such list.
        :param offset: so many of the newest are left out.
        """
        with Session(self._engine) as session:
            chosen = listing(
                statuses=statuses,
                processes=processes,
                faces=faces,
                client=client,
                parent=parent,
                subjobs=subjobs,
                created_from=created_from,
                created_to=created_to,
                min_seconds=min_seconds,
                max_seconds=max_seconds,
                now=clock(session.connection()),
            )
            return [row.job() for row in session.scalars(chosen.limit(limit).offset(offset))]

    def children(self, job_id: str) -> list[Job]:
        """The jobs into which it spread, in the order in which they were made."""
        chosen = select(JobRow).where(JobRow.parent == job_id).order_by(JobRow.created, JobRow.id)
        with Session(self._engine) as session:
            return [row.job() for row in session.scalars(chosen)]

    def running(self, owner: Owner) -> set[tuple[str, int]]:
        """(id, attempt) of all that still runs under the owner; whatever else it runs is to be killed."""
        chosen = select(JobRow.id, JobRow.attempt).where(JobRow.status == JobStatus.RUNNING, JobRow.owner == str(owner))
        with self._engine.connect() as connection:
            return {(job_id, attempt) for job_id, attempt in connection.execute(chosen)}

    def expired(self, status: JobStatus, before: datetime, limit: int = 100) -> list[Job]:
        """Jobs that ended with this status before that time (UTC), the longest ago first.

        Sub-jobs are not among them while their parent is there: they go with it.
        """
        with Session(self._engine) as session:
            return read_expired(session, status, before, limit)

    def stored_bytes(self) -> int:
        """Size of all results together."""
        with Session(self._engine) as session:
            return read_stored_bytes(session)

    def counts(self) -> Counts:
        """How many jobs wait, run, and run only by their sub-jobs."""
        asked = (
            select(JobRow.status, JobRow.owner.is_(None), func.count())
            .where(JobRow.status.in_(UNENDED))
            .group_by(JobRow.status, JobRow.owner.is_(None))
        )
        with self._engine.connect() as connection:
            found = {(status, bool(unowned)): count for status, unowned, count in connection.execute(asked)}
        return Counts(
            waiting=found.get((JobStatus.ACCEPTED, True), 0),
            running=found.get((JobStatus.RUNNING, False), 0),
            spread=found.get((JobStatus.RUNNING, True), 0),
        )

    def ahead(self, job: Job) -> int:
        """How many jobs wait that were accepted before it; clients take turns, so it is about its place."""
        asked = select(func.count()).where(JobRow.status == JobStatus.ACCEPTED, JobRow.created < job.created)
        with self._engine.connect() as connection:
            return connection.scalar(asked) or 0

    def totals(self) -> list[Total]:
        """How many jobs came to which end, since the table was made."""
        with Session(self._engine) as session:
            return read_totals(session)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _unended(self, ids: Set[str]) -> set[str]:
        with self._engine.connect() as connection:
            return set(connection.scalars(_UNENDED_OF, {"ids": list(ids)}))


def row_of(session: Session, job_id: str) -> JobRow:
    """The job's row.

    :raises NoSuchJob: there is none of that id.
    """
    row = session.get(JobRow, job_id)
    if row is None:
        raise NoSuchJob(f"there is no job {job_id}; it never was, or it has expired")
    return row
