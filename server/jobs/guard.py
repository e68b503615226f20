"""The web workers' side of the embedded engine: sees that there is a supervisor, and wakes it."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.jobs.leadership import Bell, Leadership, ServiceLock
from server.jobs.owner import Owner
from server.settings import Settings

LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
"""How often a web worker looks whether there is a supervisor."""

_AGAIN_SECONDS = 2.0
"""A supervisor that ends as soon as it is started is started again no sooner."""

_STUCK_SECONDS = 60.0
"""A supervisor that shows no life for so long is ended and replaced."""


@dataclass(frozen=True)
class Order:
    """What a supervisor is started with."""

    settings: Settings
    registry: str
    """``module:function`` that gives the processes."""
    preload: tuple[str, ...]
    """Modules to load before any job starts."""
    generation: float
    """When the settings were read; web workers have one of an earlier generation replaced."""
    needs_web: bool = True
    """Whether it is to end when the last web worker has."""
    deliver: str = ""
    """``module:function`` that delivers notices of jobs to those who subscribed to them; blank: nothing does."""
    lock: int | None = None
    """Descriptor of the lock of the one that gets ready to lead, where it was taken for the supervisor."""


_generation = time.time()


def generation() -> float:
    """When this process, or the one that forked it, read its settings; a supervisor of older ones is replaced."""
    return _generation


def begin_generation() -> None:
    """Let processes forked from now on have the supervisor replaced, since the settings were read anew."""
    global _generation
    _generation = time.time()


class Guard:
    """Starts a supervisor process whenever none leads; several web workers may, one of theirs will lead.

    :param registry: gives the processes; a function of a module, since the supervisor looks it up by name.
    :param preload: modules that the supervisor loads before it forks.
    :param deliver: ``module:function`` that delivers notices to subscribers.
    """

    name = "embedded"

    def __init__(
        self,
        settings: Settings,
        registry: Callable[[], Mapping[str, Any]],
        preload: tuple[str, ...] = ("server.jobs.warm",),
        deliver: str = "",
    ) -> None:
        name = f"{registry.__module__}:{registry.__qualname__}"
        self._order = Order(settings, name, preload, generation(), deliver=deliver)
        work = settings.server.workdir
        self._leadership = Leadership(work)
        self._next = Leadership(work, "next")
        self._service = ServiceLock(work)
        self._bell = Bell(work)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        self._last_start = float("-inf")

    def start(self) -> None:
        """Start to look after the supervisor, unless this process does already."""
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping.clear()
            self._service.hold()
            # A daemon, since it must not keep a web worker from ending.
            self._thread = threading.Thread(target=self._watch, name="guard", daemon=True)
            self._thread.start()

    def wake(self, _job_id: str = "") -> None:
        """Say that something in the table has changed."""
        self.start()
        self._bell.ring()

    def stop(self) -> None:
        """Look after it no longer; without any web worker the supervisor puts its jobs back and ends."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._service.let_go()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except OSError:
                LOG.exception("a supervisor could not be started; it is tried again")
            self._stopping.wait(_LOOK_SECONDS)

    def _look(self) -> None:
        # Those that ended are reaped by being asked.
        self._started = [process for process in self._started if process.poll() is None]
        leader = self._leadership.leader()
        ours = self._order.generation
        if all(one is None or one.generation < ours for one in (leader, self._next.leader())):
            self._start_one()
        elif leader is not None and leader.owner is not None and self._leadership.silent_for() > _STUCK_SECONDS:
            LOG.error("the supervisor (process %d) is stuck; it is ended and replaced", leader.owner.pid)
            leader.owner.signal(signal.SIGKILL)

    def _start_one(self) -> None:
        now = time.monotonic()
        if now - self._last_start < _AGAIN_SECONDS:
            return
        # Taken here and handed on, so that of many web workers one starts a supervisor.
        if not self._next.take(Owner.this_process(), self._order.generation):
            return
        self._last_start = now
        try:
            self._started.append(self._spawn(self._next.fileno()))
        finally:
            self._next.give_up()

    def _spawn(self, lock: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.jobs.supervisor"],
            stdin=subprocess.PIPE,
            pass_fds=[lock],
            # A session of its own: what ends this worker, or interrupts its terminal, doesn't end the jobs.
            start_new_session=True,
            # As here, be the service installed or run from its folder.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert process.stdin is not None
        try:
            with process.stdin as stream:
                pickle.dump(replace(self._order, lock=lock), stream)
        except BrokenPipeError:
            LOG.error("the supervisor (process %d) ended at once; its own words are above", process.pid)
        return process
