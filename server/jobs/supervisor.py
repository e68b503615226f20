"""Runs accepted jobs, each in a child process of its own.

A supervisor is a thread of every web worker; only the one that holds the lock of the work folder
claims jobs. Children are forked by the standard library's fork server, which has everything
loaded (:mod:`server.jobs.warm`) and a single thread.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from server.jobs.child import LOG_FILE, OUTCOME, Task, run_job, service_failed
from server.jobs.leadership import Bell, Leadership
from server.jobs.model import Job, JobError, ResultItem
from server.jobs.queue import HEARTBEAT_SECONDS, Jobs
from server.settings import Settings
from server.store import Store

LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
"""How often the table is looked at for jobs that other machines accepted."""

_LEAD_SECONDS = 0.25
"""How often a supervisor that doesn't lead tries to."""

_LOG_BYTES = 65536
"""So much of what a child wrote goes into the service's log: the end of it."""


@dataclass
class _Run:
    """A child at work."""

    job: Job
    process: ForkServerProcess
    messages: Connection | None
    """None once the child has closed its end."""


class Supervisor:
    """Runs the jobs of one work folder.

    :param registry: gives the processes; a function of a module, since children look it up by name.
    :param preload: modules that the fork server loads before it forks.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        store: Store,
        registry: Callable[[], Mapping[str, Any]],
        preload: tuple[str, ...] = ("server.jobs.warm",),
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._store = store
        self._registry = registry
        self._preload = preload
        self._lock = Leadership(settings.server.workdir)
        self._bell = Bell(settings.server.workdir)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._runs: list[_Run] = []
        self._last_beat = float("-inf")
        self.owner = ""
        """Name under which this supervisor claims."""
        self.leads = False

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return
            self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
            self._stopping.clear()
            # A daemon, since it must not keep a web worker from ending.
            self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Say that there is a new job; starts the thread where there is none yet."""
        self.start()
        self._bell.ring()

    def stop(self) -> None:
        """End the thread and its children; their jobs are taken up again by the next supervisor."""
        self._stopping.set()
        self._bell.ring()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            before = self._lock.take(self.owner)
            if before is None:
                self._stopping.wait(_LEAD_SECONDS)
                continue
            try:
                self._lead(before)
            finally:
                self.leads = False
                self._end_children()
                self._bell.close()
                self._lock.give_up()

    def _lead(self, before: str) -> None:
        LOG.info("supervisor %s leads now", self.owner)
        self._bell.listen()
        self.leads = True
        forkserver.set_forkserver_preload(list(self._preload))
        forkserver.ensure_running()
        gone = (before,) if before else ()
        while not self._stopping.is_set():
            try:
                self._recover(gone)
                gone = ()
                self._turn()
            except Exception:
                # A full disk or a database out of reach must not end the service for good.
                LOG.exception("the supervisor could not go on; it tries again")
                self._stopping.wait(1)

    def _recover(self, gone: tuple[str, ...]) -> None:
        now = time.monotonic()
        if not gone and now - self._last_beat < HEARTBEAT_SECONDS:
            return
        self._jobs.beat(self.owner)
        self._last_beat = now
        for job in self._jobs.recover(gone):
            LOG.warning("task:%s lost its supervisor; it is now %s", job.id, job.status)
            if job.status.ended:
                self._store.clean(job.id)

    def _turn(self) -> None:
        """Start what can start, wait for something to happen, and see to it."""
        while len(self._runs) < self._jobs.parallel and (job := self._jobs.claim(self.owner)):
            self._start(job)
        ears: list[Any] = [self._bell, *(run.process.sentinel for run in self._runs)]
        ears.extend(run.messages for run in self._runs if run.messages is not None)
        connection.wait(ears, timeout=_LOOK_SECONDS)
        self._bell.silence()
        for run in list(self._runs):
            self._hear(run)
            if run.process.exitcode is not None:
                self._settle(run)
                self._runs.remove(run)

    def _start(self, job: Job) -> None:
        LOG.info("task:%s started: %s, attempt %d", job.id, job.process, job.attempt)
        try:
            self._store.begin_attempt(job.id, job.attempt)
            messages, sender = multiprocessing.Pipe(duplex=False)
            with sender:
                task = Task(job.id, job.attempt, job.request, self._settings, self._registry)
                context = multiprocessing.get_context("forkserver")
                # A daemon, so that a web worker that ends doesn't wait for it.
                process = context.Process(target=run_job, args=(task, sender), daemon=True)
                with _main_hidden():
                    process.start()
        except Exception:
            LOG.exception("task:%s could not be started", job.id)
            self._jobs.fail(job.id, job.attempt, JobError("server", service_failed(job.id)))
            self._store.clean(job.id)
            return
        self._runs.append(_Run(job, process, messages))

    def _hear(self, run: _Run) -> None:
        """Write the newest message of the child into its row."""
        newest: bytes | None = None
        try:
            while run.messages is not None and run.messages.poll():
                newest = run.messages.recv_bytes()
        except (EOFError, OSError):
            if run.messages is not None:
                run.messages.close()
            run.messages = None
        if newest is not None:
            fraction, text = json.loads(newest)
            self._jobs.progress(run.job.id, run.job.attempt, fraction, text)

    def _settle(self, run: _Run) -> None:
        """Write the end of a child into its row, whichever end it was."""
        job, exit_code = run.job, run.process.exitcode
        folder = self._store.attempt_folder(job.id, job.attempt)
        self._end_group(run)
        outcome = folder / OUTCOME
        if exit_code == 0 and outcome.is_file():
            still_ours = self._write_outcome(job, json.loads(outcome.read_text(encoding="utf-8")))
        else:
            error = JobError("server", _died(job.id, exit_code))
            LOG.error("task:%s: its process ended with exit code %s", job.id, exit_code)
            still_ours = self._jobs.fail(job.id, job.attempt, error)
        with contextlib.suppress(OSError):
            self._keep_log(job, (folder / LOG_FILE).read_bytes())
        if still_ours:
            self._store.clean(job.id)
        if run.messages is not None:
            run.messages.close()
        run.process.close()

    def _write_outcome(self, job: Job, outcome: dict[str, Any]) -> bool:
        if "error" in outcome:
            error = JobError(**outcome["error"])
            LOG.info("task:%s failed: %s", job.id, error.message)
            return self._jobs.fail(job.id, job.attempt, error)
        results = {name: ResultItem(**item) for name, item in outcome["results"].items()}
        try:
            done = self._jobs.finish(job.id, job.attempt, results, lambda: self._store.publish(job.id, job.attempt))
        except OSError:
            LOG.exception("task:%s: its results could not be published", job.id)
            return self._jobs.fail(job.id, job.attempt, JobError("server", service_failed(job.id)))
        LOG.info("task:%s successful", job.id)
        return done

    def _keep_log(self, job: Job, written: bytes) -> None:
        text = written[-_LOG_BYTES:].decode(errors="replace")
        for line in text.splitlines():
            LOG.info("task:%s | %s", job.id, line)

    def _end_children(self) -> None:
        for run in self._runs:
            self._end_group(run)
        self._runs.clear()

    def _end_group(self, run: _Run) -> None:
        """End what is left of the job's process group."""
        if run.process.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(run.process.pid, signal.SIGKILL)


def _died(job_id: str, exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        how = f"was ended by signal {-exit_code} ({signal.Signals(-exit_code).name})"
    else:
        how = f"ended with status {exit_code}"
    return (
        f"The process that ran this job {how} before it was done, as happens where memory runs out "
        f"(reference {job_id}). Send the job again; if it ends so again, tell the operator."
    )


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep the child from importing this process's main module again.

    ``multiprocessing`` does so for functions that are defined there. Ours never are, while the main
    module is gunicorn, pytest or a script that would start a second service.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
