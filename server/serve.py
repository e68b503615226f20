"""Starting the service and a worker without a web server, from the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from server.listening import check_listening
from server.settings import load_settings, prepare


def serve(
    settings_file: Path | None, host: str | None, port: int | None, workers: int | None, *, insecure: bool = False
) -> None:
    """Replace this process by gunicorn with the service in it.

    What the command line says goes on through the environment, which every web worker and every
    job's process reads the same way.

    :param insecure: listen where others reach the service, although it asks nobody for a key.
    :raises server.settings_error.SettingsError: with these settings the service can't run.
    """
    if settings_file is not None:
        os.environ["PYWPS_CFG"] = str(settings_file.absolute())
    if insecure:
        os.environ["GASFLUX_SECURITY_INSECURE"] = "true"
    for name, value in (("GASFLUX_HOST", host), ("GASFLUX_PORT", port), ("GASFLUX_WORKERS", workers)):
        if value is not None:
            os.environ[name] = str(value)
    settings = load_settings()
    check_listening(settings, [settings.gasflux.host])
    arguments = [sys.executable, "-m", "gunicorn", "-c", "python:server.gunicorn_conf", "service:application"]
    os.execv(sys.executable, arguments)


def run_jobs(settings_file: Path | None) -> None:
    """Run accepted jobs until SIGTERM or SIGINT, without a web server.

    :raises server.settings_error.SettingsError: with these settings the service can't run.
    """
    from server.callbacks import DELIVER
    from server.jobs.guard import Order
    from server.jobs.supervisor import supervise
    from server.logs import configure_logging

    if settings_file is not None:
        os.environ["PYWPS_CFG"] = str(settings_file.absolute())
    settings = load_settings()
    prepare(settings)
    configure_logging(settings.logging)
    processes = f"processes:{'registry_with_diagnostics' if settings.gasflux.diagnostics else 'registry'}"
    if settings.jobs.engine == "celery":
        from server.jobs.celery_worker import run_worker

        run_worker(settings, processes, deliver=DELIVER)
        return
    order = Order(settings, processes, ("server.jobs.warm",), float("inf"), needs_web=False, deliver=DELIVER)
    if not supervise(order):
        sys.stderr.write("Another supervisor runs the jobs of this work folder already; there is nothing to do.\n")
