"""The service's log: one line an event, times in UTC, each line about a job with ``task:<id>`` in it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from server.sections import LoggingSection


def configure_logging(settings: LoggingSection, *, to_file: bool = True) -> None:
    """Send all log messages of this process where the settings say.

    :param to_file: False: to standard error in any case, as jobs do, whose output their supervisor keeps.
    """
    handler: logging.Handler
    if to_file and settings.file:
        Path(settings.file).parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(settings.file, encoding="utf-8")
    else:
        handler = logging.StreamHandler()
    formatter = logging.Formatter(settings.format)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level)
    # These tell of every file they open and every step they take, even at INFO; PyWPS, of files it did not look for.
    for name in ("PYWPS", "alembic", "matplotlib", "rasterio", "pyogrio", "fiona", "numba", "PIL"):
        logging.getLogger(name).setLevel(max(logging.getLogger(name).level, logging.WARNING))
