"""A forked child as the process that forked it sees it: its number, what it says, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
from collections.abc import Collection
from typing import Any

from server.jobs.child import Pipes, Shared, Work, live
from server.jobs.limits import memory_of
from server.jobs.tree import descendant_pids, end_tree, start_time

_PIECE = 65536


def leave_parent(private: Collection[int]) -> None:
    """Make a forked copy of a process let go of what is that process's alone.

    :param private: its descriptors: locks, which a copy would go on holding, and pipes at whose end others wait.
    """
    for file in private:
        with contextlib.suppress(OSError):
            os.close(file)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Forked:
    """A child that waits for the one job it is to run.

    :param shared: what every child has from its fork.
    :param life: read end of a pipe that this process holds open as long as it lives.
    :param private: descriptors that are this process's alone, and which the child closes.
    :raises OSError: there can't be another process.
    """

    def __init__(self, shared: Shared, life: int, private: Collection[int]) -> None:
        self._exit = -1
        self.baseline = memory_of(os.getpid())
        """Memory in bytes that the child shares with this process from its start."""
        self._messages, writer = os.pipe()
        reader, self._orders = os.pipe()
        try:
            self.pid = os.fork()
            if self.pid == 0:
                leave_parent((self._messages, self._orders, *private))
                live(shared, Pipes(reader, writer, life))
        except OSError:
            self.close()
            raise
        finally:
            os.close(reader)
            os.close(writer)
        os.set_blocking(self._messages, False)
        if hasattr(os, "pidfd_open"):
            self._exit = os.pidfd_open(self.pid)
        self._started = start_time(self.pid)
        self._heard = b""
        self.gone = False
        """Whether it has ended."""
        self.exit_code: int | None = None

    @property
    def files(self) -> list[int]:
        """Descriptors that this process has for the child."""
        return [file for file in (self._messages, self._orders, self._exit) if file >= 0]

    @property
    def ears(self) -> list[int]:
        """Descriptors that become readable when there is something to :meth:`hear`."""
        return [] if self.gone else [file for file in (self._messages, self._exit) if file >= 0]

    def give(self, work: Work) -> None:
        """Have it run a job; it takes no second one.

        :raises BrokenPipeError: it is gone.
        """
        with os.fdopen(self._orders, "wb") as stream:
            self._orders = -1
            pickle.dump(work, stream)

    def hear(self) -> list[dict[str, Any]]:
        """What it said since the last time; afterwards it is known whether it is gone."""
        # Asked first: what it wrote before its end is then all there to be read.
        self._reap()
        said: list[dict[str, Any]] = []
        while self._messages >= 0:
            try:
                piece = os.read(self._messages, _PIECE)
            except BlockingIOError:
                break
            if not piece:
                os.close(self._messages)
                self._messages = -1
            *lines, self._heard = (self._heard + piece).split(b"\n")
            said.extend(json.loads(line) for line in lines)
        return said

    def end(self) -> None:
        """End it and all that it started."""
        if not self.gone:
            end_tree(self.pid, self._started)

    def end_soon(self) -> None:
        """End it where it has done its work; without a wait where it started nothing that is left."""
        if self.gone:
            return
        if descendant_pids(self.pid):
            self.end()
        else:
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the descriptors."""
        for file in self.files:
            os.close(file)
        self._messages = self._orders = self._exit = -1

    def _reap(self) -> None:
        if self.gone:
            return
        try:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return
            # Before it is reaped: until then no other process can get its number, nor its group's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            pass
        self.gone = True
