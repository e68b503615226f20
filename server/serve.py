"""Starting the service and a worker without a web server, from the command line."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from server.settings import load_settings, prepare


def serve(settings_file: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Replace this process by gunicorn with the service in it.

    What the command line says goes on through the environment, which every web worker and every
    job's process reads the same way.

    :raises server.settings_error.SettingsError: with these settings the service can't run.
    """
    if settings_file is not None:
        os.environ["PYWPS_CFG"] = str(settings_file.absolute())
    for name, value in (("GASFLUX_HOST", host), ("GASFLUX_PORT", port), ("GASFLUX_WORKERS", workers)):
        if value is not None:
            os.environ[name] = str(value)
    load_settings()
    arguments = [sys.executable, "-m", "gunicorn", "-c", "python:server.gunicorn_conf", "service:application"]
    os.execv(sys.executable, arguments)


def run_jobs(settings_file: Path | None) -> None:
    """Run accepted jobs until SIGTERM or SIGINT, without a web server.

    :raises server.settings_error.SettingsError: with these settings the service can't run.
    """
    from processes import registry
    from server.jobs.queue import Jobs
    from server.jobs.supervisor import Supervisor
    from server.logs import configure_logging
    from server.pywps_settings import give_to_pywps
    from server.store import Store

    settings = load_settings(settings_file)
    prepare(settings)
    configure_logging(settings.logging)
    give_to_pywps(settings)
    store = Store(settings.server.outputpath, settings.server.workdir, settings.server.outputurl)
    jobs = Jobs.open(settings, store)
    supervisor = Supervisor(settings, jobs, store, registry)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    supervisor.start()
    ended.wait()
    supervisor.stop()
    jobs.close()
