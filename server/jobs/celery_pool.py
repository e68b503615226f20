"""Celery's worker on one machine: its main process and the pool processes that have jobs run.

``python -m server.jobs.celery_pool`` is started by :mod:`server.jobs.celery_worker`, which writes
an :class:`Order` to its standard input. Everything is loaded once, before the pool is forked; each
pool process then forks a child for each job, as the embedded engine's supervisor does.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from celery import signals
from celery.utils.log import get_multiprocessing_logger
from sqlalchemy.exc import OperationalError

from server.jobs.celery_app import QUEUE, TASK, Messages, celery_app
from server.jobs.model import JobStatus
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.runner import Runner
from server.jobs.supervisor import load_registry
from server.jobs.tree import END_SECONDS
from server.logs import configure_logging
from server.pywps_settings import give_to_pywps
from server.settings import Settings
from server.store import open_store

LOG = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1

_CHATTER = ("celery.worker.strategy", "celery.app.trace")
"""These tell at INFO of each message received and done; the log has each job's own start and end."""


@dataclass(frozen=True)
class Order:
    """What Celery's worker is started with."""

    settings: Settings
    registry: str
    """``module:function`` that gives the processes."""
    preload: tuple[str, ...]
    """Modules to load before the pool is forked."""
    node: str
    """Name of this worker among all on the broker."""
    life: int
    """Read end of a pipe that the process which gives this order holds open until the jobs are to end."""
    parent: int
    """Id of that process."""


class Slot:
    """What one pool process does: it runs one job at a time."""

    def __init__(self, order: Order, registry: Mapping[str, Any]) -> None:
        self._order = order
        self._registry = registry

    def open(self, **_: Any) -> None:
        """Make what must not be shared with other processes; called in each pool process after its fork."""
        settings = self._order.settings
        store = open_store(settings)
        self._messages = Messages(settings)
        self._jobs = Jobs.open(settings, store)
        self._jobs.on_submit = self._messages.wake
        self._owner = Owner.this_process()
        self._runner = Runner(settings, self._jobs, store, self._registry, self._owner)

    def run(self, job_id: str) -> None:
        """Run the job whose turn it is, if any; the id is only the reason to look.

        Which job is next is the table's to say, or a client with many jobs would have all machines.
        """
        if self._ending():
            return
        try:
            job = self._jobs.claim(self._owner)
            if job is None:
                return
            self._runner.start(job)
            self._see_through()
            # Now, since nobody looks again before the next job, which may be long in coming.
            self._runner.see_off(END_SECONDS)
            self._pass_on()
        except OperationalError as error:
            LOG.warning("task:%s: the job table is out of reach, which delays jobs: %s", job_id, error.orig)
            self._put_back_strays()

    def _see_through(self) -> None:
        """Stay until the job has ended, or put it back when this machine stops."""
        while self._runner.runs:
            try:
                self._runner.turn([self._order.life])
            except OSError:
                # A full disk, or too many open files: other jobs may give back what is missing.
                LOG.exception("the worker could not go on; it tries again")
                time.sleep(_AGAIN_SECONDS)
            if self._ending():
                # Not told to the broker: this machine would take the message, and then no job.
                self._jobs.on_submit = lambda _: None
                self._runner.stop()
                return

    def _put_back_strays(self) -> None:
        """Wait for the table, and let a job wait again that was claimed without this process getting to know."""
        while not self._ending():
            try:
                self._runner.agree_with_table()
            except OperationalError:
                time.sleep(_AGAIN_SECONDS)
            else:
                return

    def _pass_on(self) -> None:
        """Have the slot that is free now looked at again: the message of a job that waits may have come too early."""
        if self._ending():
            return
        if waiting := self._jobs.find(statuses=[JobStatus.ACCEPTED], subjobs=True, limit=1):
            self._messages.send(waiting[0].id)

    def _ending(self) -> bool:
        return bool(select.select([self._order.life], [], [], 0)[0])


def work(order: Order) -> int:
    """Take messages until told to end.

    :returns: the exit status.
    """
    _end_with(order.parent)
    give_to_pywps(order.settings)
    for module in [*order.preload, *open_store(order.settings).libraries]:
        importlib.import_module(module)
    app = celery_app(order.settings)
    slot = Slot(order, load_registry(order.registry))
    app.task(name=TASK)(slot.run)
    signals.worker_process_init.connect(slot.open, weak=False)
    signals.setup_logging.connect(lambda **_: None, weak=False)
    # Its messages of processes that died would go past the log.
    get_multiprocessing_logger().propagate = True
    for name in _CHATTER:
        logging.getLogger(name).setLevel(logging.WARNING)
    worker = app.Worker(
        hostname=order.node,
        queues=[QUEUE],
        pool="prefork",
        concurrency=order.settings.server.parallelprocesses,
        loglevel=order.settings.logging.level,
        without_gossip=True,
        without_mingle=True,
        task_events=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _end_with(parent: int) -> None:
    """End as if told to when the process that started this one is killed, which Linux can tell."""
    if sys.platform == "linux":
        # Not Celery's own function for it, which asks to be killed, whatever signal it is given.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


def main() -> None:
    """Take the order from standard input and work."""
    order: Order = pickle.load(sys.stdin.buffer)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    configure_logging(order.settings.logging)
    sys.exit(work(order))


if __name__ == "__main__":
    # Not as __main__: what was pickled under this module's name must be found there.
    from server.jobs.celery_pool import main as run_main

    run_main()
