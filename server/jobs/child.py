"""What the child process of one job does.

It tells its progress through a pipe and leaves its outcome in a file of the attempt's folder. That
the process ends is the one sign that the job is over, however it ended.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gasflux_core.errors import GasFluxError
from processes.declaration import InputValue, OutputDeclaration, OutputValue
from server.jobs.model import JobError, ResultItem, results_json
from server.jobs.request import InputItem, JobRequest
from server.logs import configure_logging
from server.settings import Settings
from server.store import Store, checked_name

LOG = logging.getLogger(__name__)

OUTCOME = "outcome.json"
"""File of the attempt's folder with the results or the error."""

LOG_FILE = "job.log"
"""File of the attempt's folder with all that the child wrote to standard output and error."""

_QUIET_SECONDS = 0.1
_LONGEST_TEXT = 400  # a message must fit into one write of the pipe, or a reader could see half of it


@dataclass(frozen=True)
class Task:
    """One try at one job."""

    job_id: str
    attempt: int
    request: JobRequest
    settings: Settings
    registry: Callable[[], Mapping[str, Any]]
    """Gives the processes; a function of a module, since the child looks it up by name."""

    @property
    def store(self) -> Store:
        """Where the job works and its results go."""
        server = self.settings.server
        return Store(server.outputpath, server.workdir, server.outputurl)

    @property
    def folder(self) -> Path:
        """The attempt's folder."""
        return self.store.attempt_folder(self.job_id, self.attempt)


def run_job(task: Task, messages: Connection) -> None:
    """Run one job; the whole life of the child process."""
    # A group of its own, so that all that the job starts can be ended with it.
    os.setsid()
    _take_output(task.folder / LOG_FILE)
    configure_logging(task.settings.logging, to_file=False)
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    outcome = _outcome(task, messages)
    part = task.folder / f"{OUTCOME}.part"
    part.write_text(json.dumps(outcome), encoding="utf-8")
    part.rename(task.folder / OUTCOME)


class JobContext:
    """What the running process may ask of the service."""

    def __init__(self, task: Task, messages: Connection) -> None:
        self.workdir = task.folder / "work"
        self.outputs = frozenset(item.identifier for item in task.request.outputs) or None
        self._task = task
        self._messages = messages
        self._last_text = ""
        self._last_time = float("-inf")

    def progress(self, fraction: float, text: str) -> None:
        """Tell how far the work is; the same text is told again only after a while."""
        now = time.monotonic()
        if text == self._last_text and now - self._last_time < _QUIET_SECONDS:
            return
        self._last_text, self._last_time = text, now
        # Without a reader this process is about to end with its parent.
        with contextlib.suppress(BrokenPipeError):
            self._messages.send_bytes(json.dumps([float(fraction), text[:_LONGEST_TEXT]]).encode())

    def fetch(self, url: str, parameter: str) -> Path:
        """Fetch a URL given in a literal input."""
        return self.fetch_item(InputItem(href=url), parameter)

    def fetch_item(self, item: InputItem, parameter: str) -> Path:
        """Fetch a reference."""
        # The web's libraries: only for jobs that fetch.
        from server.fetch import Fetcher

        folder = self._task.folder / "fetched"
        folder.mkdir(exist_ok=True)
        return Fetcher(self._task.settings, self._task.store).fetch(item, folder, parameter)


def _outcome(task: Task, messages: Connection) -> dict[str, Any]:
    try:
        return {"results": results_json(_results(task, JobContext(task, messages)))}
    except GasFluxError as error:
        LOG.info("task:%s refused: %s", task.job_id, error.message)
        return {"error": asdict(JobError.of(error))}
    except Exception:
        LOG.exception("task:%s failed on an error of the service itself", task.job_id)
        return {"error": asdict(JobError("server", service_failed(task.job_id)))}


def service_failed(job_id: str) -> str:
    """What a client reads of an error that isn't meant for it."""
    return f"The service failed on this job (reference {job_id}); the operator finds the reason in the log."


def _results(task: Task, context: JobContext) -> dict[str, ResultItem]:
    # PyWPS takes a fifth of a second to load; warm has done it before the fork.
    from processes.base import declaration, execute
    from server.pywps_settings import give_to_pywps

    give_to_pywps(task.settings)
    process = task.registry()[task.request.process]
    values = {
        name: [_value(task, context, name, item) for item in items] for name, items in task.request.inputs.items()
    }
    outputs = execute(process, values, context)
    declared = declaration(process)
    if task.request.lineage:
        _keep_uploads(task)
    return {name: _kept(task, declared.output(name), name, value) for name, value in outputs.items()}


def _keep_uploads(task: Task) -> None:
    """Publish what the client sent with the results, since its lineage repeats the inputs."""
    for item in (item for items in task.request.inputs.values() for item in items):
        if item.upload is not None:
            name = checked_name(item.upload)
            shutil.copyfile(task.store.inputs_folder(task.job_id) / name, task.folder / "results" / name)


def _value(task: Task, context: JobContext, name: str, item: InputItem) -> InputValue:
    if item.href is not None:
        return InputValue(file=context.fetch_item(item, name), media_type=item.media_type, unit=item.unit)
    if item.upload is not None:
        file = task.store.inputs_folder(task.job_id) / checked_name(item.upload)
        return InputValue(file=file, media_type=item.media_type, unit=item.unit)
    return InputValue(text=item.text, media_type=item.media_type, unit=item.unit)


def _kept(task: Task, declared: OutputDeclaration | None, name: str, value: OutputValue) -> ResultItem:
    """The output as the job's row describes it, its file among the results."""
    if declared is None:
        raise RuntimeError(f"process {task.request.process} made an output {name} that it does not declare")
    if declared.kind == "literal":
        return ResultItem("literal", text=value.text, unit=value.unit or declared.unit)
    media_type = value.media_type or declared.formats[0].media_type
    extension = next((form.extension for form in declared.formats if form.media_type == media_type), None)
    if extension is None:
        extension = value.file.suffix if value.file else ""
    target = task.folder / "results" / checked_name(f"{name}{extension}")
    if value.file is None:
        target.write_text(value.text or "", encoding="utf-8")
    elif value.file.resolve().is_relative_to((task.folder / "work").resolve()):
        # A copy, since two outputs may be one file; on most file systems it costs no reading.
        shutil.copyfile(value.file, target)
    else:
        raise RuntimeError(f"process {task.request.process} gave {value.file} as {name}, outside its work folder")
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ResultItem(
        "complex", file=target.name, media_type=media_type, size=target.stat().st_size, sha256=digest, unit=value.unit
    )


def _take_output(log: Path) -> None:
    """Send standard output and error, also those of compiled code, to the attempt's log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(nothing)
    os.close(file)
    faulthandler.enable()


def _end_with_parent() -> None:
    """End the job's whole process group when the web worker that started it is gone.

    Its row is taken up again by the next supervisor; two tries at once would only cost.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)
