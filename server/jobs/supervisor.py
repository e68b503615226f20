"""The process that runs accepted jobs: one a machine, whichever web workers come and go.

``python -m server.jobs.supervisor`` is started by :mod:`server.jobs.guard`, which writes an
:class:`~server.jobs.guard.Order` to its standard input; ``gasflux-wps worker`` runs one in the foreground. It has
a single thread, loads everything once and forks a child for each job.
"""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import signal
import sys
import time
from collections.abc import Collection

from sqlalchemy.exc import OperationalError

from server.jobs.guard import Order
from server.jobs.housekeeping import Housekeeper
from server.jobs.leadership import Bell, Leadership, ServiceLock
from server.jobs.notifier import Notifier
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.runner import Runner
from server.logs import configure_logging
from server.pywps_settings import give_to_pywps
from server.store import Store, open_store

LOG = logging.getLogger("server.jobs.supervisor")

_LOOK_SECONDS = 0.5
"""How often an idle supervisor looks, where no bell rings: for jobs that another machine accepted."""

_IDLE_SECONDS = 0.001
"""When nothing happens for so long, there is time for forking the next child."""

_HANDOVER_SECONDS = 0.05
"""How often one that is ready asks whether the one before it has given up the lead."""

_ALONE_SECONDS = 3.0
"""So long after the last web worker is gone the supervisor ends; workers that are replaced leave shorter gaps."""


class Supervisor:
    """Claims jobs and has them run, as long as it leads.

    :param lock: held by this process.
    """

    def __init__(self, order: Order, jobs: Jobs, store: Store, owner: Owner, lock: Leadership, bell: Bell) -> None:
        work = order.settings.server.workdir
        self._jobs = jobs
        self._lock = lock
        self._bell = bell
        self._service = ServiceLock(work) if order.needs_web else None
        self._needed = time.monotonic()
        self._runner = Runner(order.settings, jobs, store, load_registry(order.registry), owner, self._private)
        self._housekeeper = Housekeeper(order.settings, jobs, store, self._runner.have_done)
        self._notifier = Notifier(order.settings, jobs.notices, order.deliver, self._runner.have_done)
        self._look_due = float("-inf")
        self._stopping = False
        self._leads = True

    def stop(self) -> None:
        """End soon; running jobs are put back."""
        self._stopping = True
        self._bell.ring()

    def retire(self) -> None:
        """Claim no more, let another lead, and end when the running jobs have."""
        self._leads = False
        self._bell.ring()

    def run(self) -> None:
        """Work until told to end, or until there is no web worker any more."""
        LOG.info("supervisor %s leads now", self._runner.owner)
        retired = False
        try:
            while not self._done():
                if not self._leads and not retired:
                    retired = True
                    LOG.info("supervisor %s retires; %d jobs still run", self._runner.owner, len(self._runner.runs))
                    self._lock.give_up()
                self._turn()
        finally:
            self._runner.stop()
            self._bell.close()
            self._lock.give_up()
            LOG.info("supervisor %s ends", self._runner.owner)

    def _done(self) -> bool:
        return self._stopping or (not self._leads and not self._runner.runs) or not self._is_needed()

    def _is_needed(self) -> bool:
        now = time.monotonic()
        if self._service is None or self._service.held():
            self._needed = now
        return now - self._needed < _ALONE_SECONDS

    def _turn(self) -> None:
        try:
            if self._leads:
                self._lock.show_life()
                self._housekeeper.turn()
                self._claim()
                self._notifier.turn()
            self._wait()
        except OperationalError as error:
            LOG.warning("the job table is out of reach, which is tried again: %s", error.orig)
            self._runner.turn((), 1.0)
        except OSError:
            # A full disk, or too many open files: the jobs that run may give back what is missing.
            LOG.exception("the supervisor could not go on; it tries again")
            self._runner.turn((), 1.0)

    def _wait(self) -> None:
        expected = self._runner.expects_an_end
        timeout = _LOOK_SECONDS if self._runner.has_spare else expected or _IDLE_SECONDS
        before = len(self._runner.runs)
        # One that has retired leaves the bell to the one that leads.
        happened = self._runner.turn([self._bell.fileno()] if self._leads else [], timeout)
        if not self._leads:
            return
        if self._bell.silence() or len(self._runner.runs) < before:
            self._look_due = float("-inf")
        if not happened and not expected:
            self._runner.fork_spare()

    def _claim(self) -> None:
        """Claim what may start, where a bell rang, a job ended, or it is time to look without being told."""
        now = time.monotonic()
        if now < self._look_due:
            return
        while len(self._runner.runs) < self._jobs.parallel and (job := self._jobs.claim(self._runner.owner)):
            self._runner.start(job)
        self._look_due = now + _LOOK_SECONDS

    def _private(self) -> Collection[int]:
        files = [self._bell.fileno()]
        return [*files, self._lock.fileno()] if self._leads else files


def load_registry(name: str) -> dict[str, object]:
    """The processes that a function named ``module:function`` gives."""
    module, _, function = name.partition(":")
    found: dict[str, object] = getattr(importlib.import_module(module), function)()
    return found


def supervise(order: Order) -> bool:
    """Get ready, take the lead over from an earlier generation, and keep it until SIGTERM or SIGINT; SIGHUP ends it
    after the jobs that run.

    :returns: False where another leads, or will.
    """
    settings, owner = order.settings, Owner.this_process()
    work = settings.server.workdir
    lock, candidate, bell = Leadership(work), Leadership(work, "next"), Bell(work)
    # Nothing runs yet that would have to be put back.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: os._exit(0))
    if order.lock is not None:
        candidate.inherit(order.lock, owner, order.generation)
    elif not candidate.take(owner, order.generation):
        return False
    if _outdone(lock, order):
        return False
    give_to_pywps(settings)
    store = open_store(settings)
    for module in [*order.preload, *store.libraries]:
        importlib.import_module(module)
    jobs = Jobs.open(settings, store)
    bell.listen()
    while not lock.take(owner, order.generation):
        if _outdone(lock, order):
            return False
        _retire(lock)
        time.sleep(_HANDOVER_SECONDS)
    candidate.give_up()
    supervisor = Supervisor(order, jobs, store, owner, lock, bell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    signal.signal(signal.SIGHUP, lambda *_: supervisor.retire())
    supervisor.run()
    jobs.close()
    return True


def _outdone(lock: Leadership, order: Order) -> bool:
    """Whether one leads that has these settings, or later ones."""
    leader = lock.leader()
    return leader is not None and leader.generation >= order.generation


def _retire(lock: Leadership) -> None:
    """Have the one that leads give up the lead."""
    leader = lock.leader()
    if leader is not None and leader.owner is not None:
        leader.owner.signal(signal.SIGHUP)


def main() -> None:
    """Take the order from standard input and supervise."""
    order: Order = pickle.load(sys.stdin.buffer)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    configure_logging(order.settings.logging)
    try:
        supervise(order)
    except Exception:
        LOG.exception("the supervisor ends on an error of its own; another one is started")
        sys.exit(1)


if __name__ == "__main__":
    main()
