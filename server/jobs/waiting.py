"""Waiting for the ends of jobs that run in other processes, of which only the table tells."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Set
from contextlib import AbstractContextManager, nullcontext

LOG = logging.getLogger(__name__)

_QUICK_SECONDS = 0.01
"""How often the table is read while someone has just begun to wait: most jobs are short."""

_QUICK_FOR_SECONDS = 1.0
_SLOW_SECONDS = 0.05

_GLANCE_SECONDS = 0.002
"""How often it is asked whether anything was written at all, where that costs next to nothing."""

_FAULT_SECONDS = 1.0


class EndWatch:
    """One thread that reads the table for all who wait in this process; it lives while someone does.

    :param unended: of the given jobs, those that have not ended.
    :param changes: gives a number that changes whenever something was written, where there is such a thing.
    """

    def __init__(
        self,
        unended: Callable[[Set[str]], set[str]],
        changes: Callable[[], AbstractContextManager[Callable[[], int]]] | None = None,
    ) -> None:
        self._unended = unended
        self._changes = changes
        self._lock = threading.Lock()
        self._awaited: dict[str, set[threading.Event]] = {}
        self._thread: threading.Thread | None = None
        self._quick_until = 0.0
        self._stopped = False

    def wait(self, job_id: str, timeout: float) -> None:
        """Return when the job has ended, the time is over, or nobody may wait any longer.

        :param timeout: seconds.
        """
        ended = threading.Event()
        with self._lock:
            if self._stopped:
                return
            self._awaited.setdefault(job_id, set()).add(ended)
            self._quick_until = time.monotonic() + _QUICK_FOR_SECONDS
            if self._thread is None or not self._thread.is_alive():
                # A daemon, so that a process that is told to end at once can.
                self._thread = threading.Thread(target=self._watch, name="end-watch", daemon=True)
                self._thread.start()
        ended.wait(timeout)
        with self._lock:
            waiters = self._awaited.get(job_id, set())
            waiters.discard(ended)
            if not waiters:
                self._awaited.pop(job_id, None)

    def stop(self) -> None:
        """Let all who wait return at once, from now on."""
        with self._lock:
            self._stopped = True
            for waiters in self._awaited.values():
                for waiter in waiters:
                    waiter.set()

    def _watch(self) -> None:
        with self._changes() if self._changes else nullcontext(None) as version:
            seen: tuple[frozenset[str], int] | None = None
            pause = 0.0
            while True:
                with self._lock:
                    awaited = frozenset(self._awaited)
                    if not awaited:
                        # Under the lock, so that who begins to wait now starts a new thread.
                        self._thread = None
                        return
                # Asked before the look: what is written after that is seen by the next one.
                now = None if version is None else (awaited, version())
                if now is None or now != seen:
                    pause = self._look(awaited)
                    seen = now if pause < _FAULT_SECONDS else None
                time.sleep(pause if version is None else min(pause, _GLANCE_SECONDS))

    def _look(self, awaited: frozenset[str]) -> float:
        """Wake those whose jobs have ended.

        :returns: seconds until the next look.
        """
        try:
            ended = awaited - self._unended(awaited)
        except Exception:
            # Those who wait give up at their own time; the database may be back before.
            LOG.exception("the table of jobs can't be read; those who wait for a job go on waiting")
            return _FAULT_SECONDS
        with self._lock:
            for job_id in ended:
                for waiter in self._awaited.get(job_id, ()):
                    waiter.set()
            return _QUICK_SECONDS if time.monotonic() < self._quick_until else _SLOW_SECONDS
