"""What Celery needs around it in tests: servers of a test's own, and machines with real workers on them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from processes.base import Inputs
from processes.declaration import Context, SubRequest
from server.jobs.celery_app import CeleryEngine
from server.jobs.model import Job, JobStatus
from server.jobs.queue import Jobs
from server.settings import load_settings, prepare
from server.store import open_store
from tests.acceptance.running import START_LIMIT, free_port
from tests.conftest import ROOT, need_program, skip
from tests.faults import tree
from tests.server import fakes
from tests.server.databases import postgresql_database

BROKER_SERVER = os.environ.get("GASFLUX_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672")
"""RabbitMQ on which tests make and drop virtual hosts."""

PRELOAD = ("server.jobs.child", "processes.base", "tests.faults.machines")


def keep_figure(fault: str, test: str, **values: float) -> None:
    """Keep figures of a test in the file that GASFLUX_FAULT_FIGURES names, if it names one."""
    name = os.environ.get("GASFLUX_FAULT_FIGURES")
    if not name:
        return
    with Path(name).open("a+") as file:
        # Tests run in several processes.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        figures = json.loads(file.read() or "{}")
        figures[fault] = {**{key: round(value, 3) for key, value in values.items()}, "test": test}
        file.seek(0)
        file.truncate()
        json.dump(figures, file, indent=1, sort_keys=True)


# --- servers --------------------------------------------------------------------------------------


class Redis:
    """A Redis server that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._program = need_program("redis-server")
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty."""
        command = [self._program, "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        with (self._folder / "redis.log").open("a") as log:
            self.process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=log, stderr=log)
        tree.until(lambda: self.ask("PING") == "PONG", START_LIMIT, "Redis answers")

    def ask(self, *words: str) -> str:
        """The answer to one command."""
        command = [need_program("redis-cli"), "-p", str(self._port), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()

    def kill(self) -> None:
        """End it as the system does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """A Redis server for one test."""
    server = Redis(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def rabbit() -> Iterator[str]:
    """URL of a virtual host of RabbitMQ's for one test."""
    host = f"gasflux-test-{uuid.uuid4().hex[:8]}"
    try:
        _rabbitmqctl("add_vhost", host)
    except (OSError, subprocess.SubprocessError) as error:
        skip(f"no virtual host can be made on RabbitMQ: {error}")
    try:
        user = BROKER_SERVER.partition("://")[2].partition(":")[0]
        _rabbitmqctl("set_permissions", "-p", host, user, ".*", ".*", ".*")
        yield f"{BROKER_SERVER}/{host}"
    finally:
        _rabbitmqctl("delete_vhost", host)


def purge_rabbit(url: str, queue: str) -> None:
    """Throw away all messages of a queue."""
    _rabbitmqctl("purge_queue", "-p", url.rpartition("/")[2], queue)


def _rabbitmqctl(*arguments: str) -> None:
    program = need_program("rabbitmqctl")
    subprocess.run([program, "--quiet", *arguments], check=True, capture_output=True, timeout=60)


@contextmanager
def database_away(url: str) -> Iterator[None]:
    """Break all connections to a database, and refuse new ones while the block runs."""
    place = make_url(url)
    server = psycopg.connect(
        host=place.host, port=place.port, user=place.username, dbname="postgres", autocommit=True, connect_timeout=5
    )
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with server:
        name = sql.Identifier(str(place.database))
        server.execute(allow.format(name, sql.SQL("false")))
        try:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [place.database]
            )
            yield
        finally:
            server.execute(allow.format(name, sql.SQL("true")))


# --- processes ------------------------------------------------------------------------------------


class SlowEcho(fakes.Echo):
    """Answers with the word after a third of a second."""

    identifier = "slow_echo"

    def answer(self, inputs: Inputs, context: Context) -> str:
        time.sleep(0.3)
        return super().answer(inputs, context)


class Spreader(fakes.Echo):
    """Has each letter of its word echoed by a job of its own; answers with all of them."""

    identifier = "spreader"

    def answer(self, inputs: Inputs, context: Context) -> str:
        letters = str(inputs.text("word"))
        results = context.run_each(
            "slow_echo", [SubRequest(letter, {"word": [letter]}, ("answer",)) for letter in letters]
        )
        return "".join(str(result.outputs["answer"].text) for result in results)


@cache
def registry() -> Mapping[str, Any]:
    """The processes that machines of these tests offer."""
    return {**fakes.registry(), "spreader": Spreader(), "slow_echo": SlowEcho()}


# --- machines -------------------------------------------------------------------------------------


class Machine:
    """One worker with its log, its slots and all that it started.

    :param apart: whether it has process numbers of its own, as another machine has; without, all
        workers here are one machine to each other.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], *, apart: bool, full: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "worker.log"
        self.mark = uuid.uuid4().hex
        own = {name: value for name, value in os.environ.items() if not name.startswith(("GASFLUX_", "PYWPS_"))}
        self._environment = own | dict(settings) | {tree.MARK: self.mark}
        self._command = [sys.executable, "-m", *(("service", "worker") if full else ("tests.faults.machines",))]
        if apart:
            self._command = [*_unshare(), *self._command]
        self._apart = apart
        self._program: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes messages."""
        starts = self.said("ready.")
        with self.log.open("a") as stream:
            self._program = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=stream, stderr=stream, start_new_session=True
            )
        self.wait_ready(starts)

    def wait_ready(self, before: int) -> None:
        """Wait until Celery was ready more often than before."""
        try:
            tree.until(lambda: self.said("ready.") > before, START_LIMIT, "Celery's worker is ready")
        except AssertionError as error:
            error.add_note(self.log.read_text()[-5000:])
            raise

    def said(self, words: str) -> int:
        """How often its log holds these words."""
        return self.log.read_text().count(words) if self.log.exists() else 0

    @property
    def parent(self) -> int:
        """The small process that looks after all else."""
        assert self._program is not None
        return next(iter(tree.children(self._program.pid))) if self._apart else self._program.pid

    @property
    def celery(self) -> int:
        """Celery's main process."""
        return next(iter(tree.children(self.parent)))

    @property
    def pool(self) -> set[int]:
        """Celery's pool processes."""
        return tree.children(self.celery)

    @property
    def jobs(self) -> set[int]:
        """First processes of the jobs that run now."""
        return {child for process in self.pool for child in tree.children(process)}

    @property
    def processes(self) -> set[int]:
        """All living processes of the machine."""
        return tree.tree(self.mark)

    def signal(self, number: int) -> None:
        """Send a signal to all processes at once, as a machine that sleeps, or wakes up."""
        for pid in self.processes:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def crash(self) -> None:
        """End everything at once, as power failure does."""
        tree.kill_all(self.mark)
        if self._program is not None:
            self._program.wait()

    def stop(self, seconds: float) -> float:
        """Send SIGTERM, and wait until nothing is left.

        :returns: seconds that it took.
        """
        assert self._program is not None
        start = time.monotonic()
        os.kill(self.parent, signal.SIGTERM)
        tree.until(lambda: self._program.poll() is not None and not self.processes, seconds, "the worker is gone")
        return time.monotonic() - start


@cache
def _unshare() -> list[str]:
    command = [need_program("unshare"), "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        command[1:1] = ["--user", "--map-root-user"]
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        skip("no process numbers of a machine's own can be had here (unshare --pid)")
    return command


class Farm:
    """Machines that share a broker and a job table, and the web side that accepts jobs."""

    def __init__(self, folder: Path, broker: str, database_url: str, **settings: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.settings = {
            "GASFLUX_DATA": str(self.data),
            "GASFLUX_SERVER_PARALLELPROCESSES": "2",
            "GASFLUX_SERVER_MAXPROCESSES": "500",
            "GASFLUX_JOBS_ENGINE": "celery",
            "GASFLUX_JOBS_BROKER": broker,
            "GASFLUX_JOBS_DATABASE": database_url,
            "GASFLUX_JOBS_SYNC_SLOTS": "0",
            **{f"GASFLUX_{name}".upper(): value for name, value in settings.items()},
        }
        self.loaded = load_settings(environ=self.settings)
        prepare(self.loaded)
        self.jobs = Jobs.open(self.loaded, open_store(self.loaded))
        self.engine = CeleryEngine(self.loaded)
        self.jobs.on_submit = self.engine.wake
        self.machines: list[Machine] = []

    def add(self, *, apart: bool = False, full: bool = False, start: bool = True, **settings: str) -> Machine:
        """One more machine."""
        own = {f"GASFLUX_{name}".upper(): value for name, value in settings.items()}
        number = len(self.machines) + 1
        machine = Machine(self.folder / f"machine{number}", self.settings | own, apart=apart, full=full)
        self.machines.append(machine)
        if start:
            machine.start()
        return machine

    def close(self) -> None:
        """End everything."""
        for machine in self.machines:
            machine.crash()
        self.engine.stop()
        self.jobs.close()

    def submit(self, process: str, word: str | None = None, **more: Any) -> str:
        """Have a job accepted; its id."""
        return self.jobs.submit(fakes.request(process, word, **{"mode": "async", **more})).id

    def running(self, job_id: str, *, attempt: int = 1) -> Job:
        """The job, once its process has said something in this attempt."""

        def look() -> Job | None:
            job = self.jobs.get(job_id)
            assert not job.status.ended, job.error
            return job if job.status is JobStatus.RUNNING and job.attempt >= attempt and job.message else None

        found: Job = tree.until(look, 30, f"attempt {attempt} of job {job_id} works")
        return found

    def ended(self, job_id: str, seconds: float) -> Job:
        """The job, once it has ended."""
        job = self.jobs.wait(job_id, seconds)
        assert job.status.ended, f"after {seconds} s job {job_id} is {job.status}, attempt {job.attempt}"
        return job

    def successes(self) -> int:
        """How many times a job was ended as successful, over all there were."""
        return sum(total.count for total in self.jobs.totals() if total.outcome == "successful")


@contextmanager
def farm(folder: Path, broker: str, **settings: str) -> Iterator[Farm]:
    """A farm without machines as yet; at the end none of its processes is left."""
    with postgresql_database() as url:
        made = Farm(folder, broker, url, **settings)
        try:
            yield made
        except AssertionError as error:
            for machine in made.machines:
                text = machine.log.read_text()[-6000:] if machine.log.exists() else ""
                error.add_note(f"the log of {machine.log.parent.name} ends with\n{text}")
            raise
        finally:
            made.close()
            shutil.rmtree(made.data, ignore_errors=True)


def main() -> None:
    """A worker that offers this file's processes."""
    from server.callbacks import DELIVER
    from server.jobs.celery_worker import run_worker
    from server.logs import configure_logging

    settings = load_settings()
    prepare(settings)
    configure_logging(settings.logging)
    run_worker(settings, "tests.faults.machines:registry", PRELOAD, DELIVER)


if __name__ == "__main__":
    main()
