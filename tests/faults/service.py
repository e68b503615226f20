"""A real service that a test may break and start again."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from server.jobs.owner import Owner
from tests.acceptance.running import START_LIMIT, answers, free_port
from tests.conftest import ROOT
from tests.faults import tree
from tests.faults.wire import Answer, ask, execute_url

Kind = Literal["full", "gunicorn", "waitress"]
"""full: as users start it. The others: the same service with the diagnostic processes only, so that a
supervisor is up at once; under gunicorn with threads, or waitress."""

BOUND = 20.0
"""Seconds from the service being up within which it must have recovered from anything."""

GOODBYE = 10.0
"""Seconds that systemd gives a service to end."""

ENDED = ("successful", "failed", "dismissed")

SETTINGS = {
    "GASFLUX_DIAGNOSTICS": "true",
    "GASFLUX_WORKERS": "2",
    "GASFLUX_SERVER_PARALLELPROCESSES": "3",
    "GASFLUX_JOBS_SYNC_SLOTS": "1",
}


@dataclass(frozen=True)
class Row:
    """What a test reads of a job's row."""

    id: str
    status: str
    process: str
    mode: str
    owner: str | None
    attempt: int
    losses: int
    message: str
    error: dict[str, Any] | None
    results: dict[str, Any] | None
    created: str
    started: str | None
    finished: str | None

    @property
    def settled(self) -> bool:
        """Whether it has ended, or runs under a process that lives."""
        if self.status == "running":
            return self.owner is not None and Owner.read(self.owner).lives is True
        return self.status in ENDED

    @property
    def seconds(self) -> float:
        """How long its last attempt took."""
        assert self.started and self.finished
        return (datetime.fromisoformat(self.finished) - datetime.fromisoformat(self.started)).total_seconds()


class FaultService:
    """A service in a folder, which can be killed and started again over the same data."""

    def __init__(self, folder: Path, kind: Kind = "gunicorn", settings: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.log = folder / "service.log"
        self.kind = kind
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.wps = f"{self.url}/wps"
        self.mark = uuid.uuid4().hex
        self.settings = {**SETTINGS, **(settings or {})}
        self.parallel = int(self.settings["GASFLUX_SERVER_PARALLELPROCESSES"])
        self.sync_slots = int(self.settings["GASFLUX_JOBS_SYNC_SLOTS"])
        self.client: dict[str, str] = {}
        """Headers of every request."""
        self._program: subprocess.Popen[bytes] | None = None

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> float:
        """Start it.

        :returns: when it was up, in the clock of ``time.monotonic``.
        """
        with self.log.open("a") as stream:
            self._program = subprocess.Popen(
                self._command(),
                cwd=ROOT,
                env=self.environment | {tree.MARK: self.mark},
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        limit = time.monotonic() + START_LIMIT
        while not answers(f"{self.url}/health"):
            assert self._program.poll() is None, f"the service ended at once:\n{self.log.read_text()[-5000:]}"
            assert time.monotonic() < limit, f"the service is not up:\n{self.log.read_text()[-5000:]}"
            time.sleep(0.02)
        return time.monotonic()

    @property
    def environment(self) -> dict[str, str]:
        """That of the service, with which its command line finds the same data."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("GASFLUX_", "PYWPS_"))}
        return own | {"GASFLUX_DATA": str(self.data), "GASFLUX_PORT": str(self.port), **self.settings}

    def _command(self) -> list[str]:
        if self.kind == "full":
            return [sys.executable, "-m", "service", "serve"]
        if self.kind == "gunicorn":
            settings = "python:server.gunicorn_conf"
            return [sys.executable, "-m", "gunicorn", "-c", settings, "tests.faults.light:application"]
        listen = f"--listen=127.0.0.1:{self.port}"
        return [sys.executable, "-m", "waitress", listen, "--threads=64", "tests.faults.light:application"]

    def stop(self) -> float:
        """Send SIGTERM as systemd does, and wait until nothing is left.

        :returns: seconds that it took.
        """
        start = time.monotonic()
        os.kill(self.master, signal.SIGTERM)
        self.wait_gone(GOODBYE)
        return time.monotonic() - start

    def wait_gone(self, seconds: float) -> None:
        """Wait until no process of the service is left."""
        tree.until(lambda: self.reap() and not self.processes(), seconds, "the service and all it started is gone")

    def crash(self) -> None:
        """Kill everything at once."""
        tree.kill_all(self.mark)
        self.reap()

    def reap(self) -> bool:
        """Take note that the main process has ended.

        :returns: whether it has.
        """
        return self._program is None or self._program.poll() is not None

    def command_line(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``gasflux-wps`` over the same settings."""
        command = [sys.executable, "-m", "service", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60)

    # --- processes --------------------------------------------------------------------------------

    @property
    def master(self) -> int:
        """The process that was started: gunicorn's master, or waitress."""
        assert self._program is not None
        return self._program.pid

    def processes(self) -> set[int]:
        """All living processes of the service."""
        return tree.tree(self.mark)

    def supervisor(self) -> int | None:
        """The process that holds the lock of the supervisor."""
        lock = self.data / "work" / "supervisor.leader"
        if not lock.exists():
            return None
        inode = lock.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, _, mode, pid, place, *_ = line.replace("-> ", "").split()
            if (kind, mode) == ("FLOCK", "WRITE") and int(place.rpartition(":")[2]) == inode:
                return int(pid) if int(pid) in self.processes() else None
        return None

    def wait_supervisor(self, other_than: int | None = None, seconds: float = START_LIMIT) -> int:
        """The supervisor, once there is one."""

        def found() -> int | None:
            pid = self.supervisor()
            return pid if pid != other_than else None

        return int(tree.until(found, seconds, "a supervisor leads"))

    def web_workers(self) -> set[int]:
        """The processes that answer requests, beside the master."""
        return tree.children(self.master) - {self.supervisor()} if self.kind != "waitress" else set()

    def processes_of(self, job_id: str) -> set[int]:
        """All living processes of a job: whoever writes into its log, which they all inherit."""
        return {pid for pid, (job, _) in self.at_work().items() if job == job_id}

    def first_process_of(self, job_id: str) -> int:
        """The process of a job in which all its others begin."""
        of_job = self.processes_of(job_id)
        (first,) = [pid for pid in of_job if tree.parent(pid) not in of_job]
        return first

    def attempts_at_work(self) -> int:
        """How many jobs, or attempts at them, have processes."""
        return len(set(self.at_work().values()))

    def at_work(self) -> dict[int, tuple[str, str]]:
        """Process → (job, attempt)."""
        found = {}
        for pid in self.processes():
            written = Path(tree.standard_output(pid)).parent
            if written.parent == self.data / "work" / "attempts":
                job, _, attempt = written.name.rpartition("-")
                found[pid] = (job, attempt)
        return found

    # --- requests ---------------------------------------------------------------------------------

    def submit(self, process: str, **inputs: object) -> str:
        """Send an asynchronous request that must be accepted; gives the job's id."""
        answer = self.send(process, **inputs)
        assert answer.status == 200, answer.body
        return answer.job_id

    def send(self, process: str, **inputs: object) -> Answer:
        """Send an asynchronous request."""
        return ask(execute_url(self.wps, process, inputs, stored=True), headers=self.client)

    def sync(self, process: str, **inputs: object) -> Answer:
        """Send a synchronous request."""
        return ask(execute_url(self.wps, process, inputs, stored=False), headers=self.client)

    def status(self, job_id: str) -> Answer:
        """Status document of a job."""
        return ask(f"{self.wps}/status/{job_id}", headers=self.client)

    def cancel(self, job_id: str) -> Answer:
        """Dismiss a job."""
        return ask(f"{self.wps}/status/{job_id}", method="DELETE", headers=self.client)

    def echo_works(self) -> bool:
        """Whether a synchronous echo is answered."""
        try:
            return self.sync("echo", **ECHO).status == 200
        except OSError:
            return False

    # --- the job table ----------------------------------------------------------------------------

    def rows(self) -> dict[str, Row]:
        """All rows of the job table, read beside the service."""
        names = ", ".join(Row.__dataclass_fields__)
        with closing(sqlite3.connect(f"file:{self.data / 'jobs.sqlite'}?mode=ro", uri=True, timeout=20)) as database:
            found = database.execute(f"SELECT {names} FROM jobs ORDER BY created, id").fetchall()
        rows = [Row(**dict(zip(Row.__dataclass_fields__, values, strict=True))) for values in found]
        return {row.id: _read(row) for row in rows}

    def row(self, job_id: str) -> Row:
        """One of them."""
        return self.rows()[job_id]

    def running(self) -> int:
        """How many jobs the table says are running."""
        return sum(row.status == "running" for row in self.rows().values())

    def wait_status(self, job_id: str, *wanted: str, seconds: float = BOUND) -> Row:
        """The job's row once its status is one of these."""
        what = f"job {job_id} is {' or '.join(wanted)}"
        tree.until(lambda: self.row(job_id).status in wanted, seconds, what)
        return self.row(job_id)

    def wait_ended(self, jobs: Sequence[str], seconds: float = BOUND) -> list[Row]:
        """Rows of jobs once all of these have ended."""
        tree.until(lambda: all(self.row(job).status in ENDED for job in jobs), seconds, "all jobs have ended")
        return [self.row(job) for job in jobs]

    def wait_working(self, job_id: str) -> Row:
        """The job's row once its process has told that it is at work."""
        tree.until(lambda: self.row(job_id).message and self.row(job_id).status == "running", BOUND, "the job works")
        return self.row(job_id)


ECHO: dict[str, object] = {"string": "hello"}
"""Inputs with which echo has something to say."""


def _read(row: Row) -> Row:
    values = {name: getattr(row, name) for name in Row.__dataclass_fields__}
    for name in ("error", "results"):
        values[name] = json.loads(values[name]) if values[name] else None
    return Row(**values)
