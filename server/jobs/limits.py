"""How much one job may take: of time, of memory, of disk space.

A job's process holds itself to what the system can hold it to (:func:`apply`), so that one huge
allocation or one huge file is an error inside the job. The process that started it looks at all that
the job started together (:class:`Watch`).

Memory is counted as the anonymous, shared and swapped-out pages of the job, since these are what
makes a machine run out. Pages of files are not counted: the system drops them when it needs the
memory. Sizes are in bytes; in messages MB are 1024² bytes, as in the settings.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import re
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from server.jobs.model import JobError
from server.jobs.tree import descendant_pids
from server.settings import Settings

LOG = logging.getLogger(__name__)

_DISK_SECONDS = 1.0
"""Least time between two looks at the disk."""

_DISK_SLICE = 0.005
"""Longest time in seconds of one look at the disk; where there are many files the next look goes on."""

_EXACT_EVERY = 10
"""An exact look at the memory costs this share of the time, at most one part in so many."""

_MAPPED = re.compile(rb"^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB", re.MULTILINE)
_PROPORTIONAL = re.compile(rb"^(?:Pss_Anon|Pss_Shmem|SwapPss):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Limits:
    """What one job may take at most."""

    seconds: float
    memory: int
    """Bytes, beyond what every job starts with."""
    output: int
    """Bytes of all its files together."""

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """As the operator set them."""
        jobs = settings.jobs
        return cls(jobs.time_limit, jobs.memory_limit, jobs.output_limit)


def apply(limits: Limits) -> None:
    """Hold this process, and each that it starts, to the limits; what it has already isn't counted."""
    _hold(resource.RLIMIT_AS, _address_space() + limits.memory)
    # Ignored, so that a write beyond the limit is an error and not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _hold(resource.RLIMIT_FSIZE, limits.output)
    # A dump of the memory would fill the disk.
    _hold(resource.RLIMIT_CORE, 0)


def memory_of(pid: int) -> int:
    """Memory that one process has, shared or not; 0 where there is no such process."""
    try:
        # By far the cheapest: smaps_rollup walks all pages of the process.
        sizes = _MAPPED.findall(Path(f"/proc/{pid}/status").read_bytes())
        if sizes:
            return sum(map(int, sizes)) * 1024
    except FileNotFoundError:
        pass
    except OSError:
        return 0
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


class Watch:
    """Looks whether a running job keeps to its limits.

    :param pid: the job's process.
    :param folder: the attempt's folder.
    :param baseline: memory that the job's process had at its start, as :func:`memory_of` the process that
        forked it says; it is shared with that one.
    """

    def __init__(self, pid: int, folder: Path, limits: Limits, baseline: int) -> None:
        self._pid = pid
        self._folder = folder
        self._limits = limits
        self._baseline = baseline
        self._started = time.monotonic()
        self._exact = 0
        self._next_exact = float("-inf")
        self._walk: Iterator[int] | None = None
        self._next_walk = float("-inf")

    def look(self) -> JobError | None:
        """Say whether the job takes more than it may; meant to be asked each 0.1 s."""
        passed = time.monotonic() - self._started
        if passed > self._limits.seconds:
            return time_error(self._limits, passed)
        used = self._memory()
        if used > self._limits.memory:
            return memory_error(self._limits, used)
        return self._disk()

    def _memory(self) -> int:
        """Memory of the job and all that it started; where shares are hard to tell, never too much.

        What processes have, added up, is too much where they share pages: a process that the job forks
        shares all with it. So only where that sum is over the limit, each page is divided among those
        that have it. That takes long, and the division leaves it open how much of the baseline the
        job was charged with, so all of it is taken off.
        """
        pids = [self._pid, *descendant_pids(self._pid)]
        each = [memory_of(pid) for pid in pids]
        added = sum(each) - self._baseline
        if added <= self._limits.memory or len(pids) == 1:
            return added
        largest = max(each) - self._baseline
        if largest > self._limits.memory:
            return largest
        now = time.monotonic()
        if now >= self._next_exact:
            self._exact = sum(map(_proportional_memory, pids)) - self._baseline
            done = time.monotonic()
            self._next_exact = done + _EXACT_EVERY * (done - now)
        return self._exact

    def _disk(self) -> JobError | None:
        now = time.monotonic()
        if self._walk is None:
            if now < self._next_walk:
                return None
            self._walk = _disk_use(self._folder)
        for used in self._walk:
            if used > self._limits.output:
                return output_error(self._limits, f"its files took {_mb(used)} when it was ended")
            if time.monotonic() - now > _DISK_SLICE:
                return None
        self._walk = None
        self._next_walk = now + _DISK_SECONDS
        return None


def limit_error(error: BaseException, limits: Limits) -> JobError | None:
    """What an error inside a job says about its limits, or None where it is about something else.

    Errors that were raised because of another one are looked into.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if (found := _limit_error(cause, limits)) is not None:
            return found
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return None


def _limit_error(error: BaseException, limits: Limits) -> JobError | None:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return memory_error(limits)
    if number == errno.EFBIG:
        return output_error(limits, "one file alone would have been larger")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return JobError(
            "server",
            "The disk of the service is full, so this job could not write its files. The request is in order: send it "
            "again later, and tell the operator if it fails so again.",
        )
    return None


def time_error(limits: Limits, used: float) -> JobError:
    """The error of a job that ran for longer than it may (s)."""
    return _error(f"ran longer than a job may: {limits.seconds:g} s. It was ended after {used:.1f} s", "time_limit")


def memory_error(limits: Limits, used: int | None = None) -> JobError:
    """The error of a job that needed more memory than it may have.

    :param used: bytes, where known.
    """
    how = "It asked for more than that" if used is None else f"It used {_mb(used)} when it was ended"
    return _error(f"needed more memory than a job may use: {_mb(limits.memory)}. {how}", "memory_limit")


def output_error(limits: Limits, how: str) -> JobError:
    """The error of a job that wrote more than it may.

    :param how: what it wrote, as half a sentence.
    """
    return _error(f"wrote more than a job's files may take: {_mb(limits.output)}; {how}", "output_limit")


def _error(what: str, setting: str) -> JobError:
    return JobError(
        "limit",
        f"The job {what}. Send a smaller input or choose a coarser grid, or ask the operator of the service to raise "
        f"[jobs] {setting}.",
    )


def _mb(size: int) -> str:
    """Size in MB; rounded up, so that what is over a limit reads so."""
    return f"{math.ceil(size / 1024**2 * 10) / 10:.10g} MB"


def _hold(kind: int, value: int) -> None:
    _, hardest = resource.getrlimit(kind)
    if hardest != resource.RLIM_INFINITY:
        value = min(value, hardest)
    try:
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError) as error:
        LOG.warning("this system does not hold a job to its limit of %d bytes itself: %s", value, error)


def _address_space() -> int:
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
    return int(psutil.Process().memory_info().vms)


def _proportional_memory(pid: int) -> int:
    """Memory of one process, each page divided by the number of processes that have it."""
    with contextlib.suppress(OSError):
        sizes = _PROPORTIONAL.findall(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
        if sizes:
            return sum(map(int, sizes)) * 1024
    return memory_of(pid)


def _disk_use(folder: Path) -> Iterator[int]:
    """Disk space of a folder, added up entry by entry."""
    total = 0
    counted: set[tuple[int, int]] = set()
    folders = [str(folder)]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                with contextlib.suppress(FileNotFoundError):
                    about = entry.stat(follow_symlinks=False)
                    if (about.st_dev, about.st_ino) not in counted:
                        total += about.st_blocks * 512
                    if about.st_nlink > 1:
                        counted.add((about.st_dev, about.st_ino))
                yield total
