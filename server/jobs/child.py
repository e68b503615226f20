"""What the child process of one job does, from its fork to its end.

It tells its progress, and at last its outcome, through a pipe: one JSON object a line. What it
prints goes to a log in its folder. Having told its outcome it waits to be ended: a process that ends
without is the sign that the job died.
"""

from __future__ import annotations

import base64
import contextlib
import faulthandler
import hashlib
import json
import logging
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gasflux_core.errors import GasFluxError, InputError
from processes.declaration import (
    Circumstances,
    FormatDeclaration,
    InputValue,
    OutputDeclaration,
    OutputValue,
    PassedOn,
    ProcessDeclaration,
    SubRequest,
    SubResult,
)
from processes.file_names import file_name_of_address, shown_file_name
from server.jobs.cgroup import Cgroup
from server.jobs.limits import Limits, apply, limit_error, output_error
from server.jobs.model import Job, JobError, JobStatus, ResultItem, results_json
from server.jobs.request import InputItem, JobRequest, OutputRequest, SubJob
from server.jobs.tree import adopt_orphans, end_orphans, note_process
from server.logs import configure_logging
from server.ows.addresses import map_services
from server.settings import Settings
from server.store import Store, checked_name

if TYPE_CHECKING:
    from server.jobs.references import Reference, References

LOG = logging.getLogger(__name__)

LOG_FILE = "job.log"
"""File of the attempt's folder with all that the child wrote to standard output and error."""

_QUIET_SECONDS = 0.1
_LONGEST_TEXT = 400


@dataclass(frozen=True)
class Shared:
    """What every child has from its fork."""

    settings: Settings
    store: Store
    registry: Mapping[str, Any]
    """Identifier → process."""


@dataclass(frozen=True)
class Work:
    """What one child is to do."""

    job: Job
    subjobs: Sequence[Job]
    """Those into which the job spread, where it is begun anew after their end."""
    cgroup: Cgroup | None


@dataclass(frozen=True)
class Task(Shared, Work):
    """One try at one job."""

    @property
    def folder(self) -> Path:
        """The attempt's folder."""
        return self.store.attempt_folder(self.job.id, self.job.attempt)


@dataclass(frozen=True)
class Pipes:
    """What ties a child to the process that forked it."""

    orders: int
    """Read by the child: its work, or nothing where there is none any more."""
    messages: int
    """Written by the child."""
    life: int
    """Never written; at its end the other process is gone."""


def live(shared: Shared, pipes: Pipes) -> NoReturn:
    """The whole life of the child: it waits for its work, does it and ends."""
    status = 70
    try:
        _settle_in(shared, pipes)
        with os.fdopen(pipes.orders, "rb") as stream:
            order = stream.read()
        if order:
            work: Work = pickle.loads(order)
            _do(Task(**vars(work), **vars(shared)), pipes.messages)
            _wait_to_be_ended()
        status = 0
    except BaseException:
        LOG.exception("a job's process could not do its work")
    # Not sys.exit: what the parent registered for its own end is not for its children.
    os._exit(status)


def _settle_in(shared: Shared, pipes: Pipes) -> None:
    """Become a process of its own."""
    # A group of its own, so that all that the job starts can be ended with it; and what leaves the
    # group stays below this process.
    os.setsid()
    adopt_orphans()
    configure_logging(shared.settings.logging, to_file=False)
    threading.Thread(target=_end_with, args=(pipes.life,), name="end with parent", daemon=True).start()


def _do(task: Task, messages: int) -> None:
    if task.cgroup is not None:
        task.cgroup.add(os.getpid())
    note_process(task.folder)
    _take_output(task.folder / LOG_FILE)
    apply(Limits.of(task.settings))
    outcome = _outcome(task, messages)
    # Now, not when the row is written: that may have to wait for a full disk.
    shutil.rmtree(task.folder / "work", ignore_errors=True)
    # Told last: whoever hears it needs this process no more.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    _send(messages, {"outcome": outcome})


def _wait_to_be_ended() -> NoReturn:
    """Leave the end to the process that hears the outcome.

    As long as this one lives, all that the job started is below it. Were it to end by itself, that could fall to the
    other process at the very moment when it looks for it here.
    """
    while True:
        signal.pause()


class _Spread(BaseException):
    """The job wants sub-jobs run; no error, and not for any process to catch."""

    def __init__(self, subjobs: list[SubJob]) -> None:
        super().__init__()
        self.subjobs = subjobs


class JobContext:
    """What the running process may ask of the service."""

    def __init__(self, task: Task, messages: int) -> None:
        self.workdir = task.folder / "work"
        self.outputs = _wanted(task)
        self.map_services: Mapping[str, str] = map_services(task.settings, task.job.id)
        self.circumstances = _circumstances(task)
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
        _send(self._messages, {"progress": [float(fraction), text[:_LONGEST_TEXT]]})

    def fetch(self, url: str, parameter: str, media_types: Sequence[str] = ()) -> Path:
        """Fetch a URL given in a literal input."""
        return self.fetch_item(InputItem(href=url), parameter, [FormatDeclaration(one, "") for one in media_types])

    def fetch_item(self, item: InputItem, parameter: str, formats: Sequence[FormatDeclaration]) -> Path:
        """Fetch a reference."""
        self.run_nested([(item, parameter, formats)])
        return self._references.fetch(self._reference(item, parameter, formats))

    def run_nested(self, items: Sequence[tuple[InputItem, str, Sequence[FormatDeclaration]]]) -> None:
        """Have the requests to this service run that references hold; where there are any, the end of this try."""
        if missing := self._references.missing(self._reference(*item) for item in items):
            raise _Spread(missing)

    @cached_property
    def _references(self) -> References:
        # The web's libraries: only for jobs that fetch.
        from server.jobs.references import References

        task = self._task
        folder = task.folder / "fetched"
        job = task.job
        return References(task.settings, task.store, task.registry, job.request, task.subjobs, folder, job.client)

    def _reference(self, item: InputItem, parameter: str, formats: Sequence[FormatDeclaration]) -> Reference:
        from server.jobs.references import Reference

        return Reference(item, parameter, formats)

    def passed_on(self, identifier: str) -> int:
        """How many values came for an input that the process only passes on."""
        return len(self._task.job.request.inputs.get(identifier, ()))

    def run_each(self, process: str, requests: Sequence[SubRequest]) -> list[SubResult]:
        """The results of the sub-jobs; where there are none yet, the end of this try."""
        # Those for references are the others.
        if subjobs := [job for job in self._task.subjobs if job.request.for_input is None]:
            return [self._result(job) for job in subjobs]
        version = str(self._task.registry[process].version)
        share = self._task.job.request.may_nest // max(len(requests), 1)
        raise _Spread([SubJob(one.label, self._sub_request(process, one, share), version) for one in requests])

    def _sub_request(self, process: str, wanted: SubRequest, may_nest: int) -> JobRequest:
        asked = self._task.job.request
        return JobRequest(
            process,
            {name: [self._sub_item(value) for value in values] for name, values in wanted.inputs.items()},
            [OutputRequest(name) for name in wanted.outputs],
            mode="async",
            language=asked.language,
            face=asked.face,
            may_nest=may_nest,
        )

    def _sub_item(self, value: str | PassedOn) -> InputItem:
        if isinstance(value, str):
            return InputItem(text=value)
        item = self._task.job.request.inputs[value.identifier][value.index]
        return replace(item, upload_of=item.upload_of or self._task.job.id) if item.upload else item

    def _result(self, job: Job) -> SubResult:
        if not job.results:
            cancelled = job.status is JobStatus.DISMISSED
            why = job.error.message if job.error else "The job was cancelled." if cancelled else "It made no outputs."
            return SubResult(job.label, job.id, {}, why, cancelled)
        folder = self.workdir / job.id
        folder.mkdir()
        outputs = {name: self._output(job, item, folder) for name, item in job.results.items()}
        return SubResult(job.label, job.id, outputs)

    def _output(self, job: Job, item: ResultItem, folder: Path) -> OutputValue:
        file = self._task.store.result_file(job.id, job.attempt, item.file, folder) if item.file else None
        return OutputValue(item.text, file, item.media_type, item.unit)


def _circumstances(task: Task) -> Circumstances:
    return Circumstances(task.job.request.language, task.job.created, task.settings.metadata.provider)


def _wanted(task: Task) -> frozenset[str] | None:
    """The outputs that were asked for, and those that they imply; None: all."""
    from processes.base import with_implied

    asked = [item.identifier for item in task.job.request.outputs]
    return with_implied(task.registry[task.job.process], asked) if asked else None


def _send(pipe: int, message: dict[str, Any]) -> None:
    rest = memoryview(json.dumps(message).encode() + b"\n")
    # Without a reader this process is about to end with its parent.
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(pipe, rest) :]


def _outcome(task: Task, messages: int) -> dict[str, Any]:
    job_id = task.job.id
    try:
        if task.job.process not in task.registry:
            raise InputError(f"The process {task.job.process} is not offered any more; its job can't be run.")
        results = _results(task, JobContext(task, messages))
        limits = Limits.of(task.settings)
        if (size := sum(item.size or 0 for item in results.values())) > limits.output:
            return {"error": asdict(output_error(limits, f"its results alone have {size} bytes"))}
        task.store.send_results(job_id, task.job.attempt)
        return {"results": results_json(results)}
    except _Spread as wish:
        return {"spread": [subjob.to_dict() for subjob in wish.subjobs]}
    except GasFluxError as error:
        LOG.info("task:%s refused: %s", job_id, error.message)
        return {"error": asdict(JobError.of(error))}
    except Exception as error:
        LOG.exception("task:%s failed on an error of the service itself", job_id)
        known = limit_error(error, Limits.of(task.settings))
        return {"error": asdict(known or JobError("server", service_failed(job_id)))}


def service_failed(job_id: str) -> str:
    """What a client reads of an error that isn't meant for it."""
    return f"The service failed on this job (reference {job_id}); the operator finds the reason in the log."


def _results(task: Task, context: JobContext) -> dict[str, ResultItem]:
    # PyWPS takes a fifth of a second to load; warm has done it before the fork.
    from processes.base import declaration, execute

    request = task.job.request
    process = task.registry[request.process]
    declared = declaration(process)
    inputs = {name: items for name, items in request.inputs.items() if name not in process.passes_on}
    _run_nested(context, declared, inputs)
    values = {name: [_value(task, context, declared, name, item) for item in items] for name, items in inputs.items()}
    outputs = execute(process, values, context)
    if request.lineage:
        _keep_uploads(task)
    asked = context.outputs or outputs.keys()
    return {name: _kept(task, declared.output(name), name, outputs[name]) for name in outputs if name in asked}


def _keep_uploads(task: Task) -> None:
    """Publish what the client sent with the results, since its lineage repeats the inputs."""
    for item in (item for items in task.job.request.inputs.values() for item in items):
        if item.upload is not None:
            shutil.copyfile(_input_file(task, item), task.folder / "results" / checked_name(item.upload))


def _run_nested(context: JobContext, declared: ProcessDeclaration, inputs: Mapping[str, Sequence[InputItem]]) -> None:
    """All requests to this service that references hold, side by side, before any reference is fetched."""
    references = [
        (item, name, _formats(declared, name)) for name, items in inputs.items() for item in items if item.href
    ]
    if references:
        context.run_nested(references)


def _formats(declared: ProcessDeclaration, name: str) -> Sequence[FormatDeclaration]:
    found = declared.input(name)
    return found.formats if found is not None else ()


def _value(task: Task, context: JobContext, declared: ProcessDeclaration, name: str, item: InputItem) -> InputValue:
    file = text = None
    if item.href is not None:
        file = context.fetch_item(item, name, _formats(declared, name))
    elif item.upload is not None:
        file = _input_file(task, item)
    elif _formats(declared, name) and item.text is not None:
        # Of a request within another's reference, which brings its complex values in itself.
        file = _carried_file(task, item.text)
    else:
        text = item.text
    called = file_name_of_address(item.href) if item.href is not None else shown_file_name(item.file_name)
    return InputValue(text, file, item.media_type, item.unit, called)


def _carried_file(task: Task, text: str) -> Path:
    handle, name = tempfile.mkstemp(prefix="carried-", dir=task.folder)
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64decode(text))
    return Path(name)


def _input_file(task: Task, item: InputItem) -> Path:
    folder = task.folder / "inputs"
    folder.mkdir(exist_ok=True)
    return task.store.input_file(item.upload_of or task.job.id, checked_name(item.upload or ""), folder)


def _kept(task: Task, declared: OutputDeclaration | None, name: str, value: OutputValue) -> ResultItem:
    """The output as the job's row describes it, its file among the results."""
    process = task.job.process
    if declared is None:
        raise RuntimeError(f"process {process} made an output {name} that it does not declare")
    if declared.kind != "complex":
        unit = value.unit or declared.unit
        return ResultItem(declared.kind, text=value.text, unit=unit, data_type=declared.data_type)
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
        raise RuntimeError(f"process {process} gave {value.file} as {name}, outside its work folder")
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


def _end_with(life: int) -> None:
    """End this job, and all it started, with the process that forked it.

    Its row is taken up again by the next supervisor; two tries at once would only cost.
    """
    os.read(life, 1)
    end_orphans(())
    os.killpg(0, signal.SIGKILL)
