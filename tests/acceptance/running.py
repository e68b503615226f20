"""Starting the real service for tests, as a user would, and ending it again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

START_LIMIT = 60.0
"""Seconds within which a program must answer."""


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    """Without the path."""
    data: Path
    log: Path

    @property
    def wps(self) -> str:
        return f"{self.url}/wps"


def free_port() -> int:
    """A port of the loopback on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_service(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Service]:
    """The service on a free port with its data in a folder, from ``python -m service serve``.

    :param settings: environment names and values over ``pywps.cfg``.
    """
    port = free_port()
    log = folder / "service.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GASFLUX_", "PYWPS_"))}
    environment |= {"GASFLUX_DATA": str(folder / "data"), **(settings or {})}
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    with started(command, log, environment, lambda: answers(f"http://127.0.0.1:{port}/health")):
        yield Service(f"http://127.0.0.1:{port}", folder / "data", log)


@contextmanager
def started(command: list[str], log: Path, environment: Mapping[str, str], is_up: Callable[[], bool]) -> Iterator[None]:
    """A program in a process group of its own, from when it is up until the end of the block."""
    with log.open("w") as stream:
        program = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        limit = time.monotonic() + START_LIMIT
        while not is_up():
            assert program.poll() is None, f"{command} ended at once:\n{log.read_text()}"
            assert time.monotonic() < limit, f"{command} is not up after {START_LIMIT} s:\n{log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        _end(program)


def answers(url: str) -> bool:
    """Whether something answers HTTP there, be it with an error."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _end(program: subprocess.Popen[bytes]) -> None:
    program.send_signal(signal.SIGTERM)
    try:
        program.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        raise
