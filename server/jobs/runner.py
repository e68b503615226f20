"""Runs the jobs that one process has claimed, each in a child forked from it.

The process must have a single thread, and everything loaded (:mod:`server.jobs.warm`): then a
child is there within milliseconds, and holds no lock that nobody will ever open.
"""

from __future__ import annotations

import logging
import os
import select
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy.exc import OperationalError

from server.jobs.cgroup import Cgroups
from server.jobs.child import Shared, Work, service_failed
from server.jobs.forked import Forked, leave_parent
from server.jobs.limits import Limits
from server.jobs.model import Job, JobError
from server.jobs.owner import Owner
from server.jobs.queue import HEARTBEAT_SECONDS, Jobs
from server.jobs.run import Run
from server.jobs.tree import adopt_orphans, end_orphans
from server.settings import Settings
from server.store import Store

LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
"""How often limits are looked at while a job runs."""

_OURS_SECONDS = 0.25
"""How often the table is asked which jobs are this process's, while it runs some."""

_OURS_IDLE_SECONDS = 2.0
"""The same, while it runs none."""

_AGAIN_SECONDS = 1.0
"""After a write that the database refused, the next one is tried so much later."""


class Runner:
    """The jobs that run under one owner.

    :param registry: identifier → process.
    :param private: gives descriptors that are this process's alone, which children close.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        store: Store,
        registry: Mapping[str, Any],
        owner: Owner,
        private: Callable[[], Collection[int]] = tuple,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._private = private
        self._shared = Shared(settings, store, registry)
        self._limits = Limits.of(settings)
        self.owner = owner
        self.runs: list[Run] = []
        """Those whose end isn't in their row yet."""
        self._others: dict[int, str] = {}
        """Children of this process that have nothing to do with jobs, and what they do."""
        self._spare: Forked | None = None
        self._leaving: list[Forked] = []
        self._life, self._alive = os.pipe()
        self._cgroups = Cgroups.find()
        if self._cgroups is not None:
            self._cgroups.sweep(())
        self._last_look = self._last_ours = self._last_beat = float("-inf")
        self._not_before = float("-inf")
        adopt_orphans()

    @property
    def has_spare(self) -> bool:
        """Whether there is a child for the next job already."""
        return self._spare is not None

    @property
    def expects_an_end(self) -> float:
        """Seconds for which a job may well end within the time that a fork takes; 0 where none may."""
        return max((run.youth for run in self.runs), default=0.0)

    def fork_spare(self) -> None:
        """Fork a child ahead of its job: for when there is nothing else to do, since it takes some milliseconds."""
        if self._spare is None:
            self._spare = self._fork()

    def start(self, job: Job) -> None:
        """Have a job that this process has claimed run in a child."""
        LOG.info("task:%s started: %s, attempt %d", job.id, job.process, job.attempt)
        try:
            self._store.begin_attempt(job.id, job.attempt)
            self.runs.append(self._run(job))
        except OSError:
            LOG.exception("task:%s could not be started", job.id)
            self._jobs.fail(job.id, job.attempt, JobError("server", service_failed(job.id)))
            self._store.end_attempt(job.id, job.attempt)

    def turn(self, ears: Collection[int] = (), timeout: float = _LOOK_SECONDS) -> bool:
        """Wait until something happens, and see to all running jobs.

        :param ears: descriptors whose being readable ends the wait too.
        :param timeout: longest wait, seconds.
        :returns: whether something happened.
        """
        if self.runs:
            timeout = min(timeout, _LOOK_SECONDS)
        heard = [*ears, *(ear for run in self.runs if not run.over for ear in run.child.ears)]
        heard += [ear for child in self._leaving for ear in child.ears]
        happened = bool(select.select(heard, [], [], timeout)[0])
        for run in self.runs:
            run.hear()
        self._see_off()
        self._check_limits()
        now = time.monotonic()
        if now >= self._not_before:
            try:
                self._write(now)
            except OperationalError as error:
                # Locked, full or out of reach: the children go on, and their ends stay known here until it is back.
                LOG.warning("the job table can't be written now: %s", error.orig)
                self._not_before = time.monotonic() + _AGAIN_SECONDS
        return happened

    def see_off(self, seconds: float) -> None:
        """Wait until nothing is left of the processes of ended jobs, but no longer than given."""
        deadline = time.monotonic() + seconds
        while self._leaving and (left := deadline - time.monotonic()) > 0:
            ears = [ear for child in self._leaving for ear in child.ears]
            select.select(ears, [], [], min(left, _LOOK_SECONDS))
            self._see_off()

    def have_done(self, work: Callable[[], None]) -> None:
        """Have a child do something that is no job, unless one is still at it."""
        name = work.__qualname__
        if name in self._others.values():
            return
        private = self._private_files()
        pid = os.fork()
        if pid:
            self._others[pid] = name
            return
        try:
            leave_parent(private)
            work()
        except Exception:
            LOG.exception("what a child was to do could not be done; it is tried again")
        finally:
            os._exit(0)

    def agree_with_table(self) -> None:
        """End the children of jobs that the table no longer gives to this process, and give back those it doesn't run.

        The first were cancelled, or taken up by another after a long silence of this process. Of the second the claim
        was written and the answer did not arrive, or nothing could be written after it.
        """
        ours = self._jobs.running(self.owner)
        for run in self.runs:
            if not run.over and (run.job.id, run.job.attempt) not in ours:
                run.end()
        for job_id, attempt in ours - {(run.job.id, run.job.attempt) for run in self.runs}:
            LOG.warning("task:%s was claimed and not started; it is put back", job_id)
            self._jobs.put_back(job_id, attempt)

    def stop(self) -> None:
        """End all children; their jobs are run again when there is a supervisor again."""
        for run in self.runs:
            run.hear()
            try:
                if run.over:
                    run.settle()
                else:
                    run.put_back()
            except OperationalError as error:
                LOG.warning("task:%s is lost, and so run again, since its row can't be written: %s", run.job.id, error)
        self.runs.clear()
        end_orphans(())

    def _fork(self) -> Forked:
        return Forked(self._shared, self._life, self._private_files())

    def _private_files(self) -> list[int]:
        children = [self._spare] if self._spare else []
        children += [*self._leaving, *(run.child for run in self.runs)]
        return [self._alive, *self._private(), *(file for child in children for file in child.files)]

    def _run(self, job: Job) -> Run:
        # It can't have spread in a first attempt that has not begun. Asked before there is a child, which would be left
        # waiting for its work where the table doesn't answer.
        subjobs = self._jobs.children(job.id) if job.attempt > 1 else []
        child, self._spare = self._spare or self._fork(), None
        cgroup = None
        if self._cgroups is not None:
            # With room above the limit: who watches has the better words.
            cgroup = self._cgroups.make(f"{job.id}-{job.attempt}", self._limits.memory + child.baseline)
        work = Work(job, subjobs, cgroup)
        try:
            child.give(work)
        except BrokenPipeError:
            # Somebody has ended it while it waited.
            self._leaving.append(child)
            child = self._fork()
            child.give(work)
        return Run(self._jobs, self._store, self._limits, work, child)

    def _see_off(self) -> None:
        """Take leave of children that have done their work and are gone now, and end what they left behind."""
        for child in self._leaving:
            child.hear()
        if any(child.gone for child in self._leaving):
            self._end_orphans()
        for child in [child for child in self._leaving if child.gone]:
            child.close()
            self._leaving.remove(child)
        self._others = {pid: work for pid, work in self._others.items() if not os.waitpid(pid, os.WNOHANG)[0]}

    def _end_orphans(self) -> None:
        living = {child.pid for child in self._leaving} | {run.child.pid for run in self.runs}
        end_orphans(living | self._others.keys() | ({self._spare.pid} if self._spare else set()))

    def _check_limits(self) -> None:
        now = time.monotonic()
        if now - self._last_look >= _LOOK_SECONDS:
            self._last_look = now
            for run in self.runs:
                run.check_limits()

    def _write(self, now: float) -> None:
        for run in [run for run in self.runs if run.over]:
            if run.child.gone:
                self._end_orphans()
            run.settle()
            self.runs.remove(run)
            self._leaving.append(run.child)
        for run in self.runs:
            run.tell()
        if now - self._last_ours >= (_OURS_SECONDS if self.runs else _OURS_IDLE_SECONDS):
            self._last_ours = now
            self.agree_with_table()
        if self.runs and now - self._last_beat >= HEARTBEAT_SECONDS:
            self._last_beat = now
            self._jobs.beat(self.owner)
