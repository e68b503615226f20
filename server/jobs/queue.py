"""The queue of jobs: every change of a job's row, each one transaction.

A write on a running job names the attempt it belongs to; where the row has moved on (taken up
again, ended, spread) the write changes nothing and says so. All writes come one after the other
(:func:`server.jobs.database.writing`), so that none acts on what another is about to change.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, bindparam, func, select, update
from sqlalchemy.orm import Session

from gasflux_core.errors import InputError
from server.jobs.admission import (
    busy_when_out_of_reach,
    fingerprint,
    in_flight,
    new_row,
    refuse_retry,
    refuse_when_full,
    refuse_without_space,
)
from server.jobs.database import clock, open_engine, writing
from server.jobs.expiry import Known, read_known
from server.jobs.fair import next_waiting, startable
from server.jobs.family import UNENDED, give_up, settle_parent, spread_into, subjobs_of, try_again
from server.jobs.model import Job, JobError, JobRow, JobStatus, ResultItem, results_json, storable
from server.jobs.notices import notice_end, notice_start
from server.jobs.owner import Owner
from server.jobs.recovery import LOST_SECONDS, back_to_waiting, lost_jobs, take_up_again
from server.jobs.request import JobRequest, SubJob, Upload
from server.jobs.table import Counts, JobTable, NoSuchJob, row_of
from server.jobs.totals import count_end
from server.settings import Settings
from server.store import Store

__all__ = ["HEARTBEAT_SECONDS", "LOST_SECONDS", "Counts", "Jobs", "NoSuchJob"]

LOG = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0
"""How often an owner says that it lives."""


# A job that spread is running, but no attempt of it is.
_IS_RUNNING = (
    JobRow.id == bindparam("of_id"),
    JobRow.attempt == bindparam("of_attempt"),
    JobRow.status == JobStatus.RUNNING,
    JobRow.owner.is_not(None),
)
_RUNNING = select(JobRow).where(*_IS_RUNNING)
_NOTE_PROGRESS = (
    update(JobRow)
    .where(*_IS_RUNNING)
    .values(
        progress=bindparam("fraction"),
        message=bindparam("text"),
        notice_due=func.coalesce(JobRow.notice_due, JobRow.notice_after),
    )
)


class Jobs(JobTable):
    """The job table.

    :param engine: of the database.
    :param store: where uploads and results go.
    :param parallel: how many jobs may run at the same time on one machine.
    :param waiting: how many may wait, of each mode.
    :param sync_slots: how many of a machine's slots only jobs of synchronous requests may take.
    :param key_share: the part of ``waiting`` that the jobs of one client may be.
    :param share_identical: answer identical requests of one client by one job in flight.
    :param min_free: bytes; with less free disk space nothing is accepted.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        *,
        parallel: int,
        waiting: int,
        sync_slots: int = 0,
        key_share: float = 1.0,
        share_identical: bool = False,
        min_free: int = 0,
    ) -> None:
        super().__init__(engine)
        self._writing = writing(engine)
        # A claim or a progress that a loss of power undoes is made again: its process is gone as well.
        self._noting = writing(engine, lasting=False)
        self.store = store
        """Where uploads and results go."""
        self.parallel = parallel
        self._most_waiting = waiting
        self._sync_slots = sync_slots
        self._key_share = key_share
        self._share_identical = share_identical
        self._min_free = min_free
        self.on_submit: Callable[[str], None] = lambda job_id: None
        """Called with the id of each job that has begun to wait; wakes the engine."""
        self.on_dismiss: Callable[[str], None] = lambda job_id: None
        """Called with the id of each job that was dismissed while it ran."""

    @classmethod
    def open(cls, settings: Settings, store: Store) -> Jobs:
        """The job table that the settings name."""
        return cls(
            open_engine(settings.jobs.database),
            store,
            parallel=settings.server.parallelprocesses,
            waiting=settings.server.maxprocesses,
            sync_slots=settings.jobs.sync_slots,
            key_share=settings.jobs.key_share,
            share_identical=settings.jobs.share_identical,
            min_free=settings.store.min_free,
        )

    # --- for clients ------------------------------------------------------------------------------

    def submit(
        self,
        request: JobRequest,
        uploads: Sequence[Upload] = (),
        *,
        version: str = "",
        client: str = "",
        name: str = "",
        within: Callable[[Session, datetime, str], None] = lambda session, now, job_id: None,
    ) -> Job:
        """Accept a job: from here on it will end as successful, failed or dismissed.

        :param version: of the process.
        :param client: id of the key that sent it; empty: none.
        :param name: what its client calls it.
        :param within: called in the transaction that accepts it, with the time and the job's id; may refuse it.
        :returns: the job, which may be one that answers an identical request already.
        :raises Busy: as many jobs wait already as may, or the disk or the database can't take more now.
        """
        with busy_when_out_of_reach():
            refuse_without_space(self.store.free(), self._min_free)
            shared = fingerprint(request, uploads, version, client) if self._share_identical else None
            job_id = str(uuid.uuid4())
            staged = self.store.stage_inputs(job_id, uploads)
            try:
                with self._transaction() as (session, now):
                    row = in_flight(session, shared)
                    if row is not None:
                        row.sharers += 1
                    else:
                        self._refuse_when_full(session, request.mode, client)
                        row = new_row(
                            job_id, request, version=version, client=client, shared=shared, now=now, name=name
                        )
                        session.add(row)
                    within(session, now, row.id)
                    if row.id == job_id:
                        session.flush()
                        # Before the commit: inputs without a row are leftovers to whoever looks.
                        staged.keep()
            except BaseException:
                staged.discard()
                raise
        if row.id == job_id:
            _tell(self.on_submit, [job_id])
        else:
            staged.discard()
        return row.job()

    def dismiss(self, job_id: str) -> Job:
        """Give a job up, and its sub-jobs; a job that others share goes on for them.

        :returns: the job as it is now; one that had ended before is unchanged.
        :raises NoSuchJob: there is none of that id.
        :raises Busy: the database can't be written now.
        """
        ran: list[str] = []
        released: list[str] = []
        with busy_when_out_of_reach(), self._transaction() as (session, now):
            row = row_of(session, job_id)
            if row.status in UNENDED and row.sharers > 1:
                row.sharers -= 1
            elif row.status in UNENDED:
                family = [row, *subjobs_of(session, job_id)]
                ran = [each.id for each in family if give_up(session, each, now)]
                released = self._settle(session, row)
        _tell(self.on_dismiss, ran)
        _tell(self.on_submit, released)
        return row.job()

    def describe(self, job_id: str, *, name: str | None = None, notes: str | None = None) -> Job:
        """Set what its client calls a job and wrote about it; None leaves that as it is.

        :raises NoSuchJob: there is none of that id.
        :raises Busy: the database can't be written now.
        """
        with busy_when_out_of_reach(), self._transaction() as (session, _):
            row = row_of(session, job_id)
            row.name = row.name if name is None else storable(name)
            row.notes = row.notes if notes is None else storable(notes)
        return row.job()

    def retry(self, job_id: str) -> Job:
        """Let a job that failed or was dismissed wait again, with the inputs it was sent with.

        A job that spread waits for its sub-jobs, of which those run again that did not succeed.

        :raises NoSuchJob: there is none of that id.
        :raises InputError: it has not ended, or was successful, or is a sub-job.
        :raises Busy: as many jobs wait already as may, or the database can't be written now.
        """
        with busy_when_out_of_reach(), self._transaction() as (session, now):
            row = row_of(session, job_id)
            refuse_retry(row)
            self._refuse_when_full(session, row.mode, row.client)
            again = try_again(session, row, now)
        _tell(self.on_submit, [each.id for each in again if each.status == JobStatus.ACCEPTED])
        return row.job()

    def release(self, job_id: str) -> list[str]:
        """Forget an ended job, and its sub-jobs, for a client that has done with it; others that share it keep it.

        :returns: ids of the jobs whose files may go now.
        :raises NoSuchJob: there is none of that id.
        :raises InputError: it has not ended, or is a part of a job that is still there.
        :raises Busy: the database can't be written now.
        """
        with busy_when_out_of_reach(), self._transaction() as (session, _):
            row = row_of(session, job_id)
            if row.parent is not None and session.get(JobRow, row.parent) is not None:
                raise InputError(f"job {job_id} is a part of job {row.parent}, and goes with that one")
            if row.sharers > 1:
                row.sharers -= 1
                return []
        return self.remove(job_id)

    # --- for those who run jobs -------------------------------------------------------------------

    def claim(self, owner: Owner) -> Job | None:
        """Take the job that goes next, unless as many as may run on the owner's machine are running.

        :param owner: the process that will run it.
        """
        with Session(self._engine) as session:
            # Mostly nothing waits, or nothing may start: no reason to keep others from writing.
            if not self._startable(session, owner):
                return None
        with self._transaction(self._noting) as (session, now):
            job_id = next_waiting(session, self._startable(session, owner))
            if job_id is None:
                return None
            row = row_of(session, job_id)
            row.status = JobStatus.RUNNING
            row.owner = str(owner)
            row.started = row.heartbeat = now
            row.attempt += 1
            row.progress = 0.0
            row.message = ""
            notice_start(row, now)
        return row.job()

    def progress(self, job_id: str, attempt: int, fraction: float, text: str) -> bool:
        """Note how far a running job is.

        :returns: whether the job still runs under this attempt.
        """
        noted = {
            **_attempt(job_id, attempt),
            # In this order of arguments, what is not a number becomes 0.
            "fraction": min(1.0, max(0.0, fraction)),
            "text": storable(text),
        }
        with self._noting.begin() as connection:
            return connection.execute(_NOTE_PROGRESS, noted).rowcount == 1

    def beat(self, owner: Owner) -> None:
        """Say that the owner lives, on all rows it runs."""
        with self._noting.begin() as connection:
            connection.execute(
                update(JobRow)
                .where(JobRow.status == JobStatus.RUNNING, JobRow.owner == str(owner))
                .values(heartbeat=clock(connection))
            )

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
        values = {
            "progress": 1.0,
            "results": results_json(results),
            "size": sum(item.size or 0 for item in results.values()),
        }
        return self._end(job_id, attempt, JobStatus.SUCCESSFUL, values, publish)

    def fail(self, job_id: str, attempt: int, error: JobError) -> bool:
        """End a running job without results.

        :returns: whether the job still ran under this attempt.
        """
        return self._end(job_id, attempt, JobStatus.FAILED, {"error": asdict(error)}, lambda: None)

    def put_back(self, job_id: str, attempt: int) -> bool:
        """Let a running job wait again because its owner stops in good order; counts as no loss.

        :returns: whether the job still ran under this attempt.
        """
        with self._transaction() as (session, _):
            row = session.scalar(_RUNNING, _attempt(job_id, attempt))
            if row is None:
                return False
            back_to_waiting(row, "The service stopped while the job ran; it is run again from the start.")
        _tell(self.on_submit, [job_id])
        return True

    def spread(self, job_id: str, attempt: int, subjobs: Sequence[SubJob]) -> list[Job]:
        """Let a running job wait for new sub-jobs, and run again when these have ended.

        :returns: the sub-jobs in their order; none where the job did not run under this attempt any more.
        """
        if not subjobs:
            raise ValueError("a job spreads into one sub-job at least")
        with self._transaction() as (session, now):
            row = session.scalar(_RUNNING, _attempt(job_id, attempt))
            if row is None:
                return []
            rows = spread_into(session, row, subjobs, now)
        _tell(self.on_submit, [each.id for each in rows])
        return [each.job() for each in rows]

    def recover(self) -> list[Job]:
        """Take up again the running jobs whose owner is gone, or fail those that were lost too often.

        :returns: the jobs that were lost, as they are now.
        """
        with Session(self._engine) as session:
            if not lost_jobs(session, clock(session.connection())):
                return []
        with self._transaction() as (session, now):
            lost = [row_of(session, job_id) for job_id in lost_jobs(session, now)]
            for row in lost:
                take_up_again(session, row, now)
            released = [parent for row in lost for parent in self._settle(session, row)]
        _tell(self.on_submit, [*(row.id for row in lost if row.status == JobStatus.ACCEPTED), *released])
        return [row.job() for row in lost]

    # --- for the janitor --------------------------------------------------------------------------

    def remove(self, job_id: str) -> list[str]:
        """Forget a job that has ended, and its sub-jobs.

        :returns: their ids, whose files may go now; none where there was no such job.
        :raises InputError: it has not ended.
        """
        with self._transaction() as (session, _):
            row = session.get(JobRow, job_id)
            if row is None:
                return []
            rows = [row, *subjobs_of(session, job_id)]
            if any(each.status in UNENDED for each in rows):
                raise InputError(f"job {job_id} has not ended; dismiss it first")
            for each in rows:
                session.delete(each)
        return [each.id for each in rows]

    @contextmanager
    def known(self, ids: Collection[str] | None = None) -> Iterator[Known]:
        """Which jobs there are; inside the ``with`` block no row can change, in any process.

        Files of jobs that it doesn't name are leftovers, and can be moved away inside the block without a
        race. Keep the block short: everything that writes waits for it, and gives up after 10 s.

        :param ids: the jobs asked for, some thousands at most; None: all, which reads the whole table.
        """
        with self._transaction() as (session, _):
            yield read_known(session, ids)

    # --- inside -----------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, engine: Engine | None = None) -> Iterator[tuple[Session, datetime]]:
        """A transaction that writes, and the time in it."""
        with Session(engine or self._writing, expire_on_commit=False) as session, session.begin():
            yield session, clock(session.connection())

    def _startable(self, session: Session, owner: Owner) -> tuple[str, ...]:
        return startable(session, owner.machine, parallel=self.parallel, sync_slots=self._sync_slots)

    def _refuse_when_full(self, session: Session, mode: str, client: str) -> None:
        refuse_when_full(session, mode, client, most=self._most_waiting, key_share=self._key_share)

    def _end(
        self, job_id: str, attempt: int, status: JobStatus, values: dict[str, Any], publish: Callable[[], object]
    ) -> bool:
        with self._transaction() as (session, now):
            row = session.scalar(_RUNNING, _attempt(job_id, attempt))
            if row is None:
                return False
            row.status = status
            row.finished = now
            row.message = ""
            for name, value in values.items():
                setattr(row, name, value)
            notice_end(row, now)
            count_end(session, row.process, status, row.started, now)
            released = self._settle(session, row)
            session.flush()
            # Last: what is published can't be taken back, all else can.
            publish()
        _tell(self.on_submit, released)
        return True

    def _settle(self, session: Session, ended: JobRow) -> list[str]:
        """Let the parent of a job that has ended know.

        :returns: its id, where it goes on now.
        """
        return [ended.parent] if ended.parent and settle_parent(session, ended.parent) else []


def _tell(listener: Callable[[str], None], ids: Sequence[str]) -> None:
    for job_id in ids:
        try:
            listener(job_id)
        except Exception:
            # The row is written, and the engine reads the table of its own accord, only later.
            LOG.exception("task:%s has changed, and the engine could not be told so", job_id)


def _attempt(job_id: str, attempt: int) -> dict[str, Any]:
    return {"of_id": job_id, "of_attempt": attempt}
