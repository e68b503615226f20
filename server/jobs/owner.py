"""The name under which a process claims jobs, by which others can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Owner:
    """A process that runs jobs, as it is written into their rows."""

    machine: str
    pid: int
    started: float
    """When the process started, in the system's own count; tells it from a later one of the same number."""

    @classmethod
    def this_process(cls) -> Owner:
        """The process that asks."""
        return cls(_machine(), os.getpid(), psutil.Process().create_time())

    def __str__(self) -> str:
        return f"{self.machine}/{self.pid}/{self.started!r}"

    @classmethod
    def read(cls, text: str) -> Owner:
        """The inverse of ``str``."""
        machine, pid, started = text.rsplit("/", 2)
        return cls(machine, int(pid), float(started))

    @property
    def lives(self) -> bool | None:
        """Whether the process is there; None where it is another machine's, which can't be seen from here."""
        if self.machine != _machine():
            return None
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@cache
def _machine() -> str:
    """Name of the machine; in it the processes that can see each other, since containers may share a host's name."""
    try:
        processes = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        processes = 0
    return f"{socket.gethostname()}-{processes}"
