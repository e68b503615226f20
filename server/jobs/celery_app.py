"""The Celery engine as web workers see it: the broker carries job ids, the job table decides.

A message only says that there is something to do. So one that is lost, doubled or late does no
harm: whoever takes it asks the table for the next job, and jobs whose message was lost are found
by every machine's sweep (:mod:`server.jobs.celery_worker`).

``celery -A server.jobs.celery_app inspect active`` and the like work with the settings in force.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection

from server.settings import Settings, load_settings

LOG = logging.getLogger(__name__)

TASK = "gasflux.run"
"""The one task; its argument is the id of a job that waited when the message was sent."""

QUEUE = "gasflux"

_SEND_SECONDS = 1.0
"""Longest wait for each answer of the broker's when a message is sent."""

_QUIET_SECONDS = 2.0
"""For so long after a failure nothing is sent: a job that spreads sends hundreds of ids, and none may wait long."""

_STOP_SECONDS = 2.0


class _Connection(Connection):
    """A consumer's connection that, once lost, is tried often: kombu's own waits grow to half a minute."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        waits = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}
        return super().ensure_connection(*args, **(waits | kwargs))  # type: ignore[no-untyped-call]


class _SteadyAMQP(AMQP):  # type: ignore[misc]  # celery has no types
    Connection = _Connection


def celery_app(settings: Settings) -> Celery:
    """Celery as those use it who take messages, or look at who does."""
    app = Celery(QUEUE, amqp=_SteadyAMQP, set_as_current=False)
    app.conf.update(_common(settings))
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # No message waits at one machine while another is idle; elsewhere than with Redis the sweep mends it.
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=settings.jobs.broker.startswith(("redis", "rediss", "sentinel")),
        worker_enable_prefetch_count_reduction=False,
    )
    return app


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": settings.jobs.broker,
        "task_default_queue": QUEUE,
        "task_ignore_result": True,
        "task_acks_late": False,
        "accept_content": ["json"],
    }


class Messages:
    """Sends job ids to the broker, and never takes long over it; for one thread."""

    def __init__(self, settings: Settings) -> None:
        self._app = Celery(f"{QUEUE} sender", set_as_current=False)
        self._app.conf.update(_common(settings))
        self._app.conf.update(
            broker_connection_timeout=_SEND_SECONDS,
            broker_transport_options={
                # Redis
                "socket_timeout": _SEND_SECONDS,
                "socket_connect_timeout": _SEND_SECONDS,
                # AMQP
                "read_timeout": _SEND_SECONDS,
                "write_timeout": _SEND_SECONDS,
                # Without this, connecting is tried for as long as the broker is away.
                "max_retries": 0,
            },
        )
        self._not_before = float("-inf")

    def send(self, job_id: str) -> bool:
        """Tell an idle machine that this job waits.

        :returns: whether the broker took it; if not, a sweep will find the job.
        """
        if time.monotonic() < self._not_before:
            return False
        # Once more on a new connection, since the one kept may have broken while it was idle.
        retry = {"max_retries": 1, "interval_start": 0.0, "interval_step": 0.0, "interval_max": 0.0}
        try:
            self._app.send_task(TASK, [job_id], queue=QUEUE, ignore_result=True, retry=True, retry_policy=retry)
        except Exception as error:
            # Whatever the broker's driver raises: the job is in the table, so nothing is lost.
            LOG.warning("task:%s: the broker can't be reached, which delays it: %s", job_id, error)
            self._not_before = time.monotonic() + _QUIET_SECONDS
            return False
        return True

    def wake(self, job_id: str) -> None:
        """The same, for those who have no use for the answer."""
        self.send(job_id)

    def close(self) -> None:
        """Close the connections."""
        self._app.close()


class CeleryEngine:
    """The web workers' side of the engine: sends the id of each new job."""

    name = "celery"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ids: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread that sends, unless it runs."""
        with self._starting:
            # After a fork, the thread of the process that forked is not alive in this one.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_all, name="messages", daemon=True)
                self._thread.start()

    def wake(self, job_id: str) -> None:
        """Say that a job waits; returns at once, whether or not the broker can be reached."""
        self.start()
        self._ids.put(job_id)

    def stop(self) -> None:
        """Send what is to be sent, but not for long."""
        if self._thread is not None and self._thread.is_alive():
            self._ids.put(None)
            self._thread.join(_STOP_SECONDS)

    def _send_all(self) -> None:
        messages = Messages(self._settings)
        while (job_id := self._ids.get()) is not None:
            messages.send(job_id)
        messages.close()


def __getattr__(name: str) -> Any:
    # Celery's command line asks for it; those who import this module shouldn't have their settings read for it.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return celery_app(load_settings())
