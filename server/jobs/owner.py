"""The name under which a process claims jobs, by which others can tell whether it still lives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from functools import cache

from server.jobs.tree import is_alive, start_time, world


@dataclass(frozen=True)
class Owner:
    """A process that runs jobs, as it is written into their rows."""

    machine: str
    """In it one run of the machine, and the processes that see each other: containers may share a host's name."""
    pid: int
    started: float
    """When the process started, in the system's own count; tells it from a later one of the same number."""

    @classmethod
    def this_process(cls) -> Owner:
        """The process that asks."""
        return cls(_machine(), os.getpid(), start_time(os.getpid()) or 0.0)

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
        return is_alive(self.pid, self.started)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it is there and on this machine."""
        if self.lives:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


@cache
def _machine() -> str:
    return f"{socket.gethostname()}:{world().replace('/', ':')}"
