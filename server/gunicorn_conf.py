"""Settings of gunicorn, made from the service's own.

``gunicorn -c python:server.gunicorn_conf service:application``
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from typing import Any

from server.jobs.guard import begin_generation
from server.jobs.leadership import Leadership, ServiceLock
from server.listening import check_listening
from server.logs import configure_logging
from server.settings import load_settings, prepare
from server.settings_error import SettingsError

try:
    _settings = load_settings()
    # In the master, so that settings that can't work are told once and in words, not by each worker.
    prepare(_settings)
except SettingsError as _error:
    sys.exit(str(_error))
configure_logging(_settings.logging)

_host = _settings.gasflux.host
bind = f"[{_host}]:{_settings.gasflux.port}" if ":" in _host else f"{_host}:{_settings.gasflux.port}"
workers = _settings.gasflux.workers
worker_class = "gthread"
threads = _settings.gasflux.threads
logger_class = "server.gunicorn_log.ServiceLog"
# Threads don't survive a fork: each worker makes its own.
preload_app = False
# Nobody steers this service by gunicorn's socket, and a second service of the same user would take it over.
control_socket_disable = True
# The longest that gunicorn takes: an Execute by KVP holds its inputs in the address.
limit_request_line = 8190
# systemd and container engines wait 10 s before they kill; the supervisor ends after the web workers.
graceful_timeout = 5

_FINISH_SECONDS = 3.0
"""So long a worker that is told to end lets synchronous requests wait for their jobs."""

_GONE_SECONDS = 1.0


_needed = ServiceLock(_settings.server.workdir)


def on_starting(server: Any) -> None:
    """Need the supervisor, in the master and all its workers: so a reload leaves no moment in which none does.

    Before that, refuse to be open to all: gunicorn's own options may name other addresses than the settings.
    """
    try:
        # Sockets in the file system are texts here.
        check_listening(_settings, [place[0] for place in server.cfg.address if isinstance(place, tuple)])
    except SettingsError as error:
        sys.exit(str(error))
    _needed.hold()


def on_reload(_server: Any) -> None:
    """Have the supervisor replaced by one with the new settings; the jobs that run finish under the old one."""
    begin_generation()


def post_worker_init(worker: Any) -> None:
    """Start to look after the supervisor, and be ready to end in time."""
    from server.app import service_of

    service = service_of(worker.wsgi)
    service.engine.start()
    gunicorns_own = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: Any) -> None:
        timer = threading.Timer(_FINISH_SECONDS, service.jobs.stop_waiting)
        timer.daemon = True
        timer.start()
        if callable(gunicorns_own):
            gunicorns_own(number, frame)

    signal.signal(signal.SIGTERM, end)


def worker_exit(_server: Any, worker: Any) -> None:
    """Need the supervisor no longer, and end at once."""
    from server.app import service_of

    # A worker that could not load the application has none; its exit status is for the master to read.
    if getattr(worker, "wsgi", None) is not None:
        logging.getLogger(__name__).info("web worker %s ends", worker.pid)
        service = service_of(worker.wsgi)
        service.engine.stop()
        service.requests.close()
        logging.shutdown()
        # Python would take apart all that was loaded, which takes seconds on a busy machine, and helps nobody.
        os._exit(0)


def on_exit(_server: Any) -> None:
    """End the supervisor with the last web worker, rather than let it find out."""
    _needed.let_go()
    # Web workers that had to be killed take a moment to go; whoever else holds on serves the same folder.
    end = time.monotonic() + _GONE_SECONDS
    while ServiceLock(_settings.server.workdir).held():
        if time.monotonic() > end:
            return
        time.sleep(0.02)
    leader = Leadership(_settings.server.workdir).leader()
    if leader is not None and leader.owner is not None:
        leader.owner.signal(signal.SIGTERM)
