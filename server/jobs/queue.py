"""The queue of jobs: every change of a job's row, each one transaction.

A write on a running job names the attempt it belongs to; where the row has moved on (taken up
again, failed, dismissed) the write changes nothing and says so.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from gasflux_core.errors import Busy, InputError
from server.jobs.database import open_engine, writing
from server.jobs.model import Job, JobError, JobRow, JobStatus, ResultItem, results_json
from server.jobs.request import JobRequest, Upload
from server.settings import Settings
from server.store import Store

HEARTBEAT_SECONDS = 5.0
"""How often a supervisor says that it lives."""

LOST_SECONDS = 30.0
"""A running job whose supervisor was silent for so long has lost it."""

MOST_ATTEMPTS = 2
"""A job that is lost so many times is not taken up again: it may be what brings the service down."""

_POLL_SECONDS = 0.02
_SLOW_POLL_SECONDS = 0.1


class NoSuchJob(InputError):
    """There is no job of that id."""


class Jobs:
    """The job table.

    :param engine: of the database.
    :param store: where uploads and results go.
    :param parallel: how many jobs may run at the same time, over all processes of the service.
    :param waiting: how many may wait.
    """

    def __init__(self, engine: Engine, store: Store, *, parallel: int, waiting: int) -> None:
        self._engine = engine
        self._writing = writing(engine)
        self.store = store
        """Where uploads and results go."""
        self.parallel = parallel
        self._most_waiting = waiting
        self._ended = threading.Condition()
        self.on_submit: Callable[[], None] = lambda: None
        """Called after each submit; wakes the supervisor."""

    @classmethod
    def open(cls, settings: Settings, store: Store) -> Jobs:
        """The job table that the settings name."""
        return cls(
            open_engine(settings.jobs.database),
            store,
            parallel=settings.server.parallelprocesses,
            waiting=settings.server.maxprocesses,
        )

    def submit(self, request: JobRequest, uploads: Sequence[Upload] = (), *, version: str = "") -> Job:
        """Accept a job: from here on it will end as successful, failed or dismissed.

        :param version: of the process.
        :raises Busy: too many jobs wait already.
        """
        job_id = str(uuid.uuid4())
        self.store.keep_uploads(job_id, uploads)
        try:
            with Session(self._writing, expire_on_commit=False) as session, session.begin():
                if self._count(session.connection(), JobStatus.ACCEPTED) >= self._most_waiting:
                    raise Busy(f"{self._most_waiting} jobs wait already; send the request again later", retry_after=30)
                row = JobRow(
                    id=job_id,
                    status=JobStatus.ACCEPTED,
                    process=request.process,
                    version=version,
                    face=request.face,
                    mode=request.mode,
                    created=_now(),
                    attempt=0,
                    progress=0.0,
                    message="",
                    request=request.to_dict(),
                )
                session.add(row)
        except BaseException:
            self.store.clean(job_id)
            raise
        self.on_submit()
        return row.job()

    def get(self, job_id: str) -> Job:
        """The job as it is now.

        :raises NoSuchJob: there is none of that id.
        """
        with Session(self._engine) as session:
            row = session.get(JobRow, job_id)
            if row is None:
                raise NoSuchJob(f"there is no job {job_id}; it never was, or it has expired")
            return row.job()

    def wait(self, job_id: str, timeout: float) -> Job:
        """The job once it has ended, or as it is when the time is over.

        :param timeout: seconds.
        """
        start = time.monotonic()
        while True:
            job = self.get(job_id)
            passed = time.monotonic() - start
            if job.status.ended or passed >= timeout:
                return job
            # The job may run under another process of the service, of which only the table tells.
            poll = _POLL_SECONDS if passed < 1 else _SLOW_POLL_SECONDS
            with self._ended:
                self._ended.wait(min(poll, timeout - passed))

    def claim(self, owner: str) -> Job | None:
        """Take the job that has waited longest, unless as many as may run are running.

        :param owner: name of the supervisor that will run it.
        """
        if not self._anything_waiting():
            return None
        with Session(self._writing) as session, session.begin():
            if self._count(session.connection(), JobStatus.RUNNING) >= self.parallel:
                return None
            row = session.scalar(
                select(JobRow)
                .where(JobRow.status == JobStatus.ACCEPTED)
                .order_by(JobRow.created, JobRow.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if row is None:
                return None
            now = _now()
            row.status = JobStatus.RUNNING
            row.owner = owner
            row.started = now
            row.heartbeat = now
            row.attempt += 1
            row.progress = 0.0
            row.message = ""
            return row.job()

    def progress(self, job_id: str, attempt: int, fraction: float, text: str) -> bool:
        """Note how far a running job is.

        :returns: whether the job still runs under this attempt.
        """
        return self._write_running(job_id, attempt, progress=min(max(fraction, 0.0), 1.0), message=text)

    def finish(
        self,
        job_id: str,
        attempt: int,
        results: dict[str, ResultItem],
        publish: Callable[[], object] = lambda: None,
    ) -> bool:
        """End a running job with its results.

        :param publish: makes the result files readable; called only where the attempt is still the
            running one, and before anyone can read that the job was successful.
        :returns: whether the job still ran under this attempt.
        """
        return self._write_running(
            job_id,
            attempt,
            publish,
            status=JobStatus.SUCCESSFUL,
            finished=_now(),
            progress=1.0,
            message="",
            results=results_json(results),
        )

    def fail(self, job_id: str, attempt: int, error: JobError) -> bool:
        """End a running job without results.

        :returns: whether the job still ran under this attempt.
        """
        return self._write_running(
            job_id, attempt, status=JobStatus.FAILED, finished=_now(), message="", error=asdict(error)
        )

    def beat(self, owner: str) -> None:
        """Say that the supervisor lives, on all rows it runs."""
        with self._writing.begin() as connection:
            connection.execute(
                update(JobRow).where(JobRow.status == JobStatus.RUNNING, JobRow.owner == owner).values(heartbeat=_now())
            )

    def recover(self, gone: Sequence[str]) -> list[Job]:
        """Take up again, or fail, the running jobs whose supervisor is gone.

        :param gone: supervisors known to be gone; others count as gone after a long silence.
        :returns: the jobs as they are now.
        """
        silent_since = _now() - timedelta(seconds=LOST_SECONDS)
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            lost = session.scalars(
                select(JobRow).where(
                    JobRow.status == JobStatus.RUNNING,
                    JobRow.owner.in_(gone) | (JobRow.heartbeat < silent_since),
                )
            ).all()
            for row in lost:
                if row.attempt < MOST_ATTEMPTS:
                    row.status = JobStatus.ACCEPTED
                    row.owner = row.heartbeat = row.started = None
                    row.progress = 0.0
                    row.message = "The service stopped while the job ran; it is run again from the start."
                    continue
                row.status = JobStatus.FAILED
                row.finished = _now()
                row.message = ""
                row.error = asdict(
                    JobError("server", f"The service stopped {row.attempt} times while this job ran; it is given up.")
                )
        return [row.job() for row in lost]

    def counts(self) -> dict[JobStatus, int]:
        """How many jobs run and wait."""
        with self._engine.connect() as connection:
            return {status: self._count(connection, status) for status in (JobStatus.ACCEPTED, JobStatus.RUNNING)}

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _write_running(
        self, job_id: str, attempt: int, before_commit: Callable[[], object] = lambda: None, **values: Any
    ) -> bool:
        with self._writing.begin() as connection:
            result = connection.execute(
                update(JobRow)
                .where(JobRow.id == job_id, JobRow.attempt == attempt, JobRow.status == JobStatus.RUNNING)
                .values(**values)
            )
            if result.rowcount == 0:
                return False
            before_commit()
        if "status" in values:
            with self._ended:
                self._ended.notify_all()
        return True

    def _anything_waiting(self) -> bool:
        with self._engine.connect() as connection:
            waiting = select(JobRow.id).where(JobRow.status == JobStatus.ACCEPTED).limit(1)
            return connection.execute(waiting).first() is not None

    @staticmethod
    def _count(connection: Connection, status: JobStatus) -> int:
        return connection.execute(select(func.count()).where(JobRow.status == status)).scalar_one()


def _now() -> datetime:
    return datetime.now(UTC)
