"""One machine of the Celery engine: ``gasflux-wps worker`` where ``[jobs] engine`` is celery.

A small process that looks after the job table and keeps Celery's worker (:mod:`server.jobs.celery_pool`)
alive. It has no part in any job, so nothing that a job does can end it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import OperationalError

from server.jobs.celery_app import Messages
from server.jobs.celery_pool import Order
from server.jobs.housekeeping import Housekeeper
from server.jobs.model import Job, JobStatus
from server.jobs.notifier import Beside, Notifier
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.settings import Settings
from server.store import open_store

LOG = logging.getLogger(__name__)

_TURN_SECONDS = 2.0
_LOOK_SECONDS = 0.2
"""How often it is looked whether Celery's worker is there."""

_LATE_SECONDS = 3.0
"""A job that waits longer than this beside a free slot may have lost its message."""

_RESEND_SECONDS = 10.0
"""No id is sent again sooner than this by one machine."""

_STOP_SECONDS = 5.0
"""Celery's worker is killed where it takes longer to end."""

_STEADY_SECONDS = 30.0
"""Celery's worker that lived so long is started again at once; one that didn't, after a growing wait."""

_LONGEST_WAIT = 15.0


class Sweep:
    """Finds jobs that wait although there is room, and sends their ids again.

    So nothing is lost with a message, nor with the broker and all it held.
    """

    def __init__(self, settings: Settings, jobs: Jobs, messages: Messages) -> None:
        self._jobs = jobs
        self._messages = messages
        self._machine = Owner.this_process().machine
        self._parallel = settings.server.parallelprocesses
        self._most_async = max(1, self._parallel - settings.jobs.sync_slots)
        self._sent: dict[str, float] = {}

    def turn(self, late: float = _LATE_SECONDS) -> int:
        """Send the ids of late jobs, no more than could start on this machine now.

        :param late: seconds for which a job must have waited.
        :returns: how many were sent.
        """
        now = time.monotonic()
        waiting = self._jobs.find(statuses=[JobStatus.ACCEPTED], subjobs=True, limit=1000)
        self._sent = {job.id: self._sent[job.id] for job in waiting if job.id in self._sent}
        before = datetime.now(UTC) - timedelta(seconds=late)
        due = [
            job
            for job in reversed(waiting)
            if job.created <= before and now - self._sent.get(job.id, float("-inf")) >= _RESEND_SECONDS
        ]
        fitting = self._fitting(due)
        for number, job in enumerate(fitting):
            if not self._messages.send(job.id):
                return number
            self._sent[job.id] = now
        return len(fitting)

    def _fitting(self, due: list[Job]) -> list[Job]:
        """Those that could start here now."""
        if not due:
            return []
        running = self._jobs.find(statuses=[JobStatus.RUNNING], subjobs=True, limit=1000)
        here = Counter(job.mode for job in running if job.owner and Owner.read(job.owner).machine == self._machine)
        fitting = []
        for job in due:
            most = self._parallel if job.mode == "sync" else min(self._parallel, self._most_async + here["sync"])
            if here.total() < most:
                here[job.mode] += 1
                fitting.append(job)
        return fitting


class _Pool:
    """Celery's worker, started again whenever it ends."""

    def __init__(self, settings: Settings, registry: str, preload: tuple[str, ...]) -> None:
        life, self._alive = os.pipe()
        node = f"{os.getpid()}@{Owner.this_process().machine}"
        self._order = Order(settings, registry, preload, node, life, os.getpid())
        self._process: subprocess.Popen[bytes] | None = None
        self._started = float("-inf")
        self._wait = 0.0

    def keep(self) -> None:
        """Start it, unless it runs or has ended too often of late."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            self._end_group()
            self._wait = 0.0 if now - self._started > _STEADY_SECONDS else min(2 * self._wait + 1, _LONGEST_WAIT)
            LOG.error("Celery's worker ended (status %s); it is started again", self._process.returncode)
            self._process = None
        if self._process is None and now - self._started >= self._wait:
            self._started = now
            self._process = self._spawn()

    def stop(self) -> None:
        """End it, and before it all jobs it runs, which are put back."""
        # Celery first, so that it takes no more messages; then those who wait for their jobs to end.
        if self._process is not None:
            self._process.terminate()
        os.close(self._alive)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
            self._end_group()
            self._process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        # A session of its own: what interrupts this process's terminal is for this process to pass on.
        process = subprocess.Popen(
            [sys.executable, "-m", "server.jobs.celery_pool"],
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[self._order.life],
            # As here, be the service installed or run from its folder.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as stream:
            pickle.dump(self._order, stream)
        return process

    def _end_group(self) -> None:
        """End what is left of it; jobs end themselves with the pool process that had them run."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def run_worker(
    settings: Settings, registry: str, preload: tuple[str, ...] = ("server.jobs.warm",), deliver: str = ""
) -> None:
    """Run jobs on this machine until SIGTERM or SIGINT.

    :param settings: of a service whose folders and table are prepared.
    :param registry: ``module:function`` that gives the processes.
    :param preload: modules to load before any job starts.
    :param deliver: ``module:function`` that delivers notices to subscribers.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    store = open_store(settings)
    jobs = Jobs.open(settings, store)
    messages = Messages(settings)
    jobs.on_submit = messages.wake
    sweep = Sweep(settings, jobs, messages)
    housekeeper = Housekeeper(settings, jobs, store)
    notifier = Notifier(settings, jobs.notices, deliver, Beside().have_done)
    pool = _Pool(settings, registry, preload)
    due = time.monotonic()
    while not ended.is_set():
        pool.keep()
        if time.monotonic() >= due:
            due = time.monotonic() + _TURN_SECONDS
            _look_after(housekeeper, sweep, notifier)
        ended.wait(_LOOK_SECONDS)
    LOG.info("worker stops; its running jobs are put back")
    pool.stop()
    _hand_over(sweep)
    messages.close()
    jobs.close()


def _look_after(housekeeper: Housekeeper, sweep: Sweep, notifier: Notifier) -> None:
    try:
        housekeeper.turn()
        sweep.turn()
        notifier.turn()
    except OperationalError as error:
        LOG.warning("the job table is out of reach, which is tried again: %s", error.orig)
    except Exception:
        # A full disk, a store out of reach: no reason to end the jobs that run.
        LOG.exception("the worker could not look after the job table; it tries again")


def _hand_over(sweep: Sweep) -> None:
    """Tell the other machines of the jobs that were put back."""
    with contextlib.suppress(OperationalError):
        sweep.turn(late=0.0)
