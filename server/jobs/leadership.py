"""Who leads on this machine, who needs a leader, and how the leader is woken.

All of it lies in the work folder, which the processes of one service share; the system frees the
locks of a process that dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Literal, NamedTuple

from server.jobs.owner import Owner


class Leader(NamedTuple):
    """Who leads."""

    owner: Owner | None
    """None where it has not written its name yet."""
    generation: float


_NAME_LENGTH = 400


class Leadership:
    """The lock that the one supervisor of a work folder holds, with its name in it.

    :param folder: the work folder.
    :param role: ``leader``, or ``next`` for the one that gets ready to lead.
    """

    def __init__(self, folder: Path, role: Literal["leader", "next"] = "leader") -> None:
        self._path = folder / f"supervisor.{role}"
        self._file: int | None = None

    def take(self, owner: Owner, generation: float) -> bool:
        """Try to become the leader.

        :param generation: when the settings were read that it works by.
        :returns: whether this process leads now.
        """
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(file, fcntl.LOCK_EX):
            os.close(file)
            return False
        self.inherit(file, owner, generation)
        return True

    def inherit(self, file: int, owner: Owner, generation: float) -> None:
        """Go on with a lock that another process has taken for this one.

        :param file: its descriptor.
        """
        # Over the name before it at once: a reader sees one or the other.
        os.pwrite(file, f"{generation!r} {owner}".ljust(_NAME_LENGTH).encode(), 0)
        self._file = file

    def show_life(self) -> None:
        """Show that the leader is not stuck; see :meth:`silent_for`."""
        if self._file is not None:
            os.utime(self._file)

    def give_up(self) -> None:
        """Let another lead."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def fileno(self) -> int:
        """The lock's descriptor, which a forked child must close, or it would hold the lock too."""
        assert self._file is not None
        return self._file

    def leader(self) -> Leader | None:
        """The process that leads, as another process sees it; None where none does."""
        try:
            file = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            if _lock(file, fcntl.LOCK_SH):
                return None
            generation, _, owner = os.read(file, _NAME_LENGTH).decode().strip().partition(" ")
            return Leader(Owner.read(owner), float(generation))
        except ValueError:
            # The very first one, in the moment between the lock and the name.
            return Leader(None, float("inf"))
        finally:
            os.close(file)

    def silent_for(self) -> float:
        """Seconds since the leader last showed that it lives."""
        try:
            return time.time() - self._path.stat().st_mtime
        except FileNotFoundError:
            return 0.0


class ServiceLock:
    """A lock that all web workers hold together; the supervisor ends when nobody does.

    :param folder: the work folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "service.lock"
        self._file: int | None = None

    def hold(self) -> None:
        """Say that this process, and those it forks, need the supervisor."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def let_go(self) -> None:
        """Say that this process doesn't any more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def held(self) -> bool:
        """Whether any process holds it."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            return not _lock(file, fcntl.LOCK_EX)
        finally:
            os.close(file)


class Bell:
    """A named pipe by which any process of the machine wakes the leader at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "supervisor.wake"
        self._file: int | None = None

    def listen(self) -> None:
        """Hear the bell from now on."""
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._path, 0o600)
        # Opened for writing too, the pipe never comes to an end when the last ringer closes it.
        self._file = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)

    def fileno(self) -> int:
        """For waiting on."""
        assert self._file is not None
        return self._file

    def silence(self) -> bool:
        """Forget the rings so far.

        :returns: whether there were any.
        """
        rung = False
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fileno(), 4096):
                rung = True
        return rung

    def ring(self) -> None:
        """Wake the leader; where none listens it finds the job when it begins, or at its next look."""
        with contextlib.suppress(OSError):
            file = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(file, b"1")
            finally:
                os.close(file)

    def close(self) -> None:
        """Stop listening."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
