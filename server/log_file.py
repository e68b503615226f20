"""A log file that several processes write and any of them begins anew, by size or by time.

Lines are appended, so that those of several processes don't mix. Before each line its writer looks whether
the file is due to be put away; one of them renames it, under a lock, and the others see that their file has
another name now and open the new one. What was written meanwhile stands in the old one: no line is lost.
"""

from __future__ import annotations

import fcntl
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Period = Literal["", "hour", "day", "week"]

_PERIODS: dict[Period, str] = {"": "", "hour": "%Y-%m-%d %H", "day": "%Y-%m-%d", "week": "%G-%V"}
"""Period → format of a time that is the same within one."""


class LogFile(logging.FileHandler):
    """Writes log lines into a file that others write as well.

    :param file: its folder must be there.
    :param size: bytes from which on it is put away; 0: never for its size.
    :param when: how often it is put away, by UTC; blank: never for its age.
    :param keep: how many files that were put away are kept.
    """

    def __init__(self, file: Path, *, size: int = 0, when: Period = "", keep: int = 10) -> None:
        self._file = file
        self._lock_file = file.with_name(f".{file.name}.lock")
        self._size = size
        self._period = _PERIODS[when]
        self._keep = keep
        super().__init__(file, encoding="utf-8")
        if self._rotates:
            # Its time says when the file was begun.
            self._lock_file.touch(exist_ok=True)

    @property
    def _rotates(self) -> bool:
        return bool(self._size or self._period)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            if not self._is_current():
                self._reopen()
            if self._rotates and self._due():
                self._put_away()
        except OSError:
            # Better a line in too large a file than none.
            self.handleError(record)
        super().emit(record)

    def _due(self) -> bool:
        if self._size and self._file.stat().st_size >= self._size:
            return True
        if not self._period:
            return False
        begun = datetime.fromtimestamp(self._lock_file.stat().st_mtime, UTC)
        return f"{begun:{self._period}}" != f"{datetime.now(UTC):{self._period}}"

    def _is_current(self) -> bool:
        """Whether the open file still has its name, which others may have taken from it."""
        if self.stream is None:
            return False
        try:
            named, opened = self._file.stat(), os.fstat(self.stream.fileno())
        except FileNotFoundError:
            return False
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)

    def _reopen(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._open()
        if self.stream is not None:
            self.stream.close()
        self.stream = new

    def _put_away(self) -> None:
        with self._lock_file.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._is_current():
                self._reopen()
            # Another process may have done it while this one waited.
            if not self._due():
                return
            os.utime(self._lock_file)
            self._file.rename(self._file.with_name(f"{self._file.name}.{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"))
            self._reopen()
            kept = sorted(self._file.parent.glob(f"{_escaped(self._file.name)}.[0-9]*T[0-9]*.[0-9]*"))
            for old in kept[: -self._keep]:
                old.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
