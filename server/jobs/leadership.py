"""Which of a machine's web workers supervises the jobs, and how the others wake it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class Leadership:
    """A lock that one process of those sharing a work folder holds; the system frees it when that process dies.

    :param folder: the work folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "supervisor.lock"
        self._file: int | None = None

    def take(self, owner: str) -> str | None:
        """Try to become the leader.

        :returns: the name of the leader before (empty if there was none), or None where another leads.
        """
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        before = os.read(file, 1000).decode(errors="replace")
        os.ftruncate(file, 0)
        os.pwrite(file, owner.encode(), 0)
        self._file = file
        return before

    def give_up(self) -> None:
        """Let another lead."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


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

    def silence(self) -> None:
        """Forget the rings so far."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fileno(), 4096):
                pass

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
