"""What must be done from time to time, whoever runs the jobs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from server.jobs.janitor import Janitor
from server.jobs.model import Job
from server.jobs.queue import Jobs
from server.jobs.tree import end_noted
from server.settings import Settings
from server.store import Store, open_store

LOG = logging.getLogger(__name__)

_RECOVER_SECONDS = 1.0

_CHILD_SECONDS = 300.0
"""How often a child looks through a remote store, which takes the server's time."""


class Housekeeper:
    """Takes up lost jobs again, and throws away what nobody needs any more.

    :param have_done: has a child do something; given by a process that forks jobs, and so must not have the threads
        that a remote store needs.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        store: Store,
        have_done: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._store = store
        self._janitor = Janitor(settings, jobs, store)
        self._have_done = have_done
        self._last = self._last_child = float("-inf")

    def turn(self) -> list[Job]:
        """Do what is due now.

        :returns: the jobs that were lost, as they are now.
        """
        now = time.monotonic()
        if now - self._last < _RECOVER_SECONDS:
            return []
        self._last = now
        recovered = self._jobs.recover()
        for job in recovered:
            LOG.warning("task:%s lost the process that ran it; it is now %s", job.id, job.status)
            # Its child ends itself; but not where both were killed at once, or compiled code keeps it busy.
            end_noted(self._store.attempt_folder(job.id, job.attempt))
        if self._have_done is None or not self._store.remote:
            self._janitor.turn()
        elif now - self._last_child >= _CHILD_SECONDS:
            self._last_child = now
            self._have_done(self._clean)
        return recovered

    def _clean(self) -> None:
        store = open_store(self._settings)
        janitor = Janitor(self._settings, Jobs.open(self._settings, store), store)
        while janitor.turn():
            pass
