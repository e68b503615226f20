"""The services that are compared: this one, and plain PyWPS with the same web server."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import uuid
import venv
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.wps_client import WpsClient
from tests.acceptance.running import answers, free_port, running_service, started

WORKERS, THREADS = 2, 64
"""Of gunicorn, for all."""

PLAIN_VERSION = "4.8.1"
PLAIN_PARALLEL, WAITING = 2, 100

_MARK = "BENCH_MARK"
_LOOK_SECONDS = 0.05

_PLAIN_SETTINGS = """[server]
url = {url}/wps
outputurl = {url}/outputs
outputpath = {folder}/outputs
workdir = {folder}/work
parallelprocesses = {parallel}
maxprocesses = {waiting}
[logging]
level = INFO
file = {folder}/pywps.log
database = sqlite:///{folder}/requests.sqlite
"""

Span = tuple[float, float]
"""Begin and end, seconds since 1970."""


@dataclass(frozen=True)
class Target:
    """A running service that is measured."""

    name: str
    client: WpsClient
    mark: str
    """Stands in the environment of all its processes."""
    lives: Callable[[], list[Span]]
    """From accepted to ended, of each successful job its database knows, oldest first."""
    runs: Callable[[], list[Span]]
    """When its runs of ``slow`` held a slot; those that have ended."""


@contextmanager
def this_service(folder: Path) -> Iterator[Target]:
    """This service with its diagnostic processes and otherwise its own settings."""
    mark = uuid.uuid4().hex
    settings = {
        "GASFLUX_WORKERS": str(WORKERS),
        "GASFLUX_THREADS": str(THREADS),
        "GASFLUX_SERVER_MAXPROCESSES": str(WAITING),
        "GASFLUX_DIAGNOSTICS": "true",
        _MARK: mark,
    }
    with running_service(folder, settings) as service:
        database = service.data / "jobs.sqlite"
        yield Target(
            "this service",
            WpsClient(service.wps),
            mark,
            lambda: _spans(database, _OUR_LIVES),
            lambda: _spans(database, _OUR_RUNS),
        )


@contextmanager
def plain_pywps(folder: Path, python: Path, parallel: int = PLAIN_PARALLEL) -> Iterator[Target]:
    """Plain PyWPS with equal processes.

    :param python: of the environment that has it.
    :param parallel: its ``parallelprocesses``; -1 means no limit.
    """
    for name in ("outputs", "work"):
        (folder / name).mkdir(parents=True)
    port, mark = free_port(), uuid.uuid4().hex
    url = f"http://127.0.0.1:{port}"
    configuration, times = folder / "pywps.cfg", folder / "times"
    configuration.write_text(_PLAIN_SETTINGS.format(url=url, folder=folder, parallel=parallel, waiting=WAITING))
    environment = os.environ | {"PYWPS_CFG": str(configuration), "PLAIN_TIMES": str(times), _MARK: mark}
    command = under_gunicorn(python, port, "benchmarks.plain_pywps:application")
    database = folder / "requests.sqlite"
    # Told to end, it waits for jobs that never do, and is killed.
    with (
        suppress(subprocess.TimeoutExpired),
        started(command, folder / "gunicorn.log", environment, lambda: answers(url)),
    ):
        yield Target(
            "plain PyWPS",
            WpsClient(f"{url}/wps"),
            mark,
            lambda: _spans(database, _PLAIN_LIVES),
            lambda: _written_spans(times),
        )


def under_gunicorn(python: Path, port: int, application: str) -> list[str]:
    """The command that serves an application with the web server's settings of all that are compared."""
    command = [str(python), "-m", "gunicorn", "-w", str(WORKERS), "-k", "gthread", "--threads", str(THREADS)]
    return [*command, "-b", f"127.0.0.1:{port}", "--no-control-socket", application]


def plain_python() -> tuple[Path, str]:
    """An interpreter that has plain PyWPS, and in words which one; made once, in the user's cache."""
    if version("pywps") == PLAIN_VERSION:
        return Path(sys.executable), f"PyWPS {PLAIN_VERSION} of this environment"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "gasflux-bench" / f"pywps-{PLAIN_VERSION}-python{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        packages = [f"pywps=={PLAIN_VERSION}", f"gunicorn=={version('gunicorn')}"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        done.touch()
    return python, f"PyWPS {PLAIN_VERSION} in an environment of its own"


# --- what a service did ---------------------------------------------------------------------------

_OUR_LIVES = "SELECT created, finished FROM jobs WHERE status = 'successful' AND mode = 'async' ORDER BY created"
_OUR_RUNS = "SELECT started, finished FROM jobs WHERE process = 'slow' AND finished IS NOT NULL"
_PLAIN_LIVES = (
    "SELECT time_start, time_end FROM pywps_requests WHERE operation = 'execute' AND percent_done = 100 "
    "ORDER BY time_start"
)


def _spans(database: Path, query: str) -> list[Span]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return [(_seconds(began), _seconds(ended)) for began, ended in connection.execute(query)]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _written_spans(file: Path) -> list[Span]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [(float(began), float(ended)) for began, ended in (line.split() for line in lines)]


class Processes:
    """Counts a target's processes while the block lasts."""

    def __init__(self, target: Target) -> None:
        self._mark = target.mark
        self._known: dict[int, bool] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.most = 0

    def __enter__(self) -> Processes:
        self._count()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._count()

    def _count(self) -> None:
        now = set(psutil.pids())
        self._known = {pid: ours for pid, ours in self._known.items() if pid in now}
        for pid in now - self._known.keys():
            with suppress(psutil.Error):
                self._known[pid] = psutil.Process(pid).environ().get(_MARK) == self._mark
        self.most = max(self.most, sum(self._known.values()))
