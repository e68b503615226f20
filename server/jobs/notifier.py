"""Sees that notices to subscribers are delivered: beside the jobs, so that no slow host delays one."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable

from server.jobs.notices import Notices
from server.settings import Settings

LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5

Work = Callable[[], None]


class Notifier:
    """Has notices delivered whenever some are due.

    :param deliver: ``module:function`` that delivers all that is due, given the settings; blank: nothing does.
    :param have_done: has work done beside this process's own, unless such work is still being done.
    """

    def __init__(self, settings: Settings, notices: Notices, deliver: str, have_done: Callable[[Work], None]) -> None:
        self._settings = settings
        self._notices = notices
        self._deliver = deliver
        self._have_done = have_done
        self._last = float("-inf")

    def turn(self) -> None:
        """Look, if it is time to, and have done what is due."""
        now = time.monotonic()
        if not self._deliver or now - self._last < _LOOK_SECONDS:
            return
        self._last = now
        if self._notices.due():
            self._have_done(self._work)

    def _work(self) -> None:
        # Here and not before: what renders notices need not be loaded where there are none.
        module, _, function = self._deliver.partition(":")
        getattr(importlib.import_module(module), function)(self._settings)


class Beside:
    """Does work in a thread, one at a time: for processes that don't fork."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def have_done(self, work: Work) -> None:
        """Begin the work, unless the one before is still at it."""
        if self._thread is None or not self._thread.is_alive():
            # A daemon: what it leaves undone when the process ends is delivered later.
            self._thread = threading.Thread(target=_do, args=(work,), name="notices", daemon=True)
            self._thread.start()


def _do(work: Work) -> None:
    try:
        work()
    except Exception:
        LOG.exception("notices could not be delivered; it is tried again")
