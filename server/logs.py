"""The service's log: one line an event, times in UTC, each line about a job with ``task:<id>`` at its beginning."""

from __future__ import annotations

import json
import logging
import re
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.log_file import LogFile
from server.sections import LoggingSection

JSON_FORMAT = "json"
"""The ``[logging] format`` that stands for one JSON object a line."""

REQUEST_ID: ContextVar[str | None] = ContextVar("REQUEST_ID", default=None)
"""Id of the request that this thread answers."""

_ABOUT = re.compile(r"(task|request):([0-9A-Za-z-]+)")


def configure_logging(settings: LoggingSection, *, to_file: bool = True) -> None:
    """Send all log messages of this process where the settings say.

    :param to_file: False: to standard error in any case and never as JSON, as jobs do, of whose output each line
        becomes an event in the log of the process that keeps it.
    """
    handler: logging.Handler
    if to_file and settings.file:
        file = Path(settings.file)
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = LogFile(file, size=settings.rotate_size, when=settings.rotate_when, keep=settings.keep)
    else:
        handler = logging.StreamHandler()
    handler.setFormatter(_formatter(settings.format, as_json=to_file))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level)
    # Else they go to standard error as they are, between the lines of JSON.
    logging.captureWarnings(settings.format == JSON_FORMAT)
    # These tell of every file they open and every step they take, even at INFO; PyWPS, of files it did not look for.
    for name in ("PYWPS", "alembic", "matplotlib", "rasterio", "pyogrio", "fiona", "numba", "PIL"):
        logging.getLogger(name).setLevel(max(logging.getLogger(name).level, logging.WARNING))


class JsonFormatter(logging.Formatter):
    """One JSON object an event, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The event as JSON: time, level, logger, message, task, request, process, exception."""
        message = record.getMessage()
        about = _ABOUT.match(message)
        named = {about[1]: about[2]} if about else {}
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
            "task": named.get("task"),
            "request": named.get("request") or REQUEST_ID.get(),
            "process": record.process,
            "exception": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in event.items() if value is not None})


def _formatter(text: str, *, as_json: bool) -> logging.Formatter:
    if text == JSON_FORMAT and as_json:
        return JsonFormatter()
    plain = LoggingSection.model_fields["format"].default if text == JSON_FORMAT else text
    formatter = logging.Formatter(plain)
    formatter.converter = time.gmtime
    return formatter
