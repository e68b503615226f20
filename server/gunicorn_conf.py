"""Settings of gunicorn, made from the service's own.

``gunicorn -c python:server.gunicorn_conf service:application``
"""

from __future__ import annotations

import logging
import sys
from typing import Any

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
# Threads and the fork server don't survive a fork: each worker makes its own.
preload_app = False
# Nobody steers this service by gunicorn's socket, and a second service of the same user would take it over.
control_socket_disable = True
# The longest that gunicorn takes: an Execute by KVP holds its inputs in the address.
limit_request_line = 8190
graceful_timeout = 30


def post_worker_init(worker: Any) -> None:
    """Start this worker's supervisor; the first one to do so leads."""
    from server.app import service_of

    service_of(worker.wsgi).supervisor.start()


def worker_exit(_server: Any, worker: Any) -> None:
    """End this worker's jobs with it; another worker's supervisor takes them up again."""
    from server.app import service_of

    # A worker that could not load the application has none.
    if getattr(worker, "wsgi", None) is not None:
        logging.getLogger(__name__).info("web worker %s ends", worker.pid)
        service_of(worker.wsgi).supervisor.stop()
