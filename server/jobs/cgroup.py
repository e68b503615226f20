"""Control groups of Linux: the kernel itself holds a job's processes to their memory.

They are made only below a group that was given to the service: a container's own, or one of a systemd
unit with ``Delegate=yes``. In any other group the system's own processes may live, whose arrangement is
not the service's. Without one, jobs are held to their memory by :mod:`server.jobs.limits` alone.

Both versions of control groups are spoken. Groups are named for the process that made them, so that a
later one knows which are left over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from server.jobs.tree import start_time

LOG = logging.getLogger(__name__)

LEAF = "gasflux-service"
"""Group into which the service's own processes move: one with limits below it must have none of its own."""

_PREFIX = "gasflux-job~"
_END_SECONDS = 2.0
_PAUSE = 0.002


class _NotOurs(Exception):
    """Why no groups can be made, in words for the operator."""


@dataclass(frozen=True)
class Cgroup:
    """The control group of one job."""

    folder: Path
    version: Literal[1, 2]

    def add(self, pid: int) -> bool:
        """Move a process into the group, with all that it starts from now on; False where it can't be."""
        try:
            _write(self.folder / "cgroup.procs", pid)
        except ProcessLookupError:
            return False
        except OSError as error:
            LOG.warning("process %d can't be put into control group %s: %s", pid, self.folder.name, error)
            return False
        return True

    def peak(self) -> int | None:
        """Most memory (bytes) that the group used at a time, pages of files too; None where the kernel can't say."""
        with contextlib.suppress(OSError, ValueError):
            return int(_read(self.folder / ("memory.peak" if self.version == 2 else "memory.max_usage_in_bytes")))
        return None

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of the group for want of memory."""
        with contextlib.suppress(OSError):
            events = _read(self.folder / ("memory.events" if self.version == 2 else "memory.oom_control"))
            killed = re.search(r"^oom_kill (\d+)$", events, re.MULTILINE)
            return killed is not None and int(killed[1]) > 0
        return False

    def end(self) -> bool:
        """Kill all processes of the group and remove it; False where it still is there after 2 s."""
        deadline = time.monotonic() + _END_SECONDS
        while not self._removed():
            if time.monotonic() > deadline:
                LOG.warning("control group %s can't be removed", self.folder.name)
                return False
            self._kill()
            time.sleep(_PAUSE)
        return True

    def _removed(self) -> bool:
        for folder in [*_below(self.folder), self.folder]:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            _write(self.folder / "cgroup.kill", 1)
            return
        for folder in [*_below(self.folder), self.folder]:
            # 0 stands for a process that can't be seen from here; sent to it, the signal would reach ourselves.
            for pid in filter(None, _processes(folder)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Cgroups:
    """The group below which each job gets one of its own."""

    folder: Path
    version: Literal[1, 2]

    @classmethod
    def find(cls) -> Cgroups | None:
        """The groups that this process may make, or None; the log says why.

        In version 2 the service's processes are moved into :data:`LEAF`.
        """
        if sys.platform != "linux":
            return None
        return _find(Path("/proc/self"))

    def make(self, name: str, memory: int) -> Cgroup | None:
        """A new group whose processes have so much memory (bytes) together; None where it can't be made.

        Pages that a process had before it was added stay with the group in which it got them.
        """
        try:
            return self._made(name, memory)
        except OSError as error:
            LOG.warning("no control group can be made for job %s: %s", name, error)
            return None

    def check(self) -> None:
        """Try whether groups can be made.

        :raises OSError: if not.
        """
        self._made("check", 2**30).end()

    def _made(self, name: str, memory: int) -> Cgroup:
        group = Cgroup(self.folder / f"{_PREFIX}{os.getpid()}~{start_time(os.getpid())}~{name}", self.version)
        group.folder.mkdir(exist_ok=True)
        try:
            _write(group.folder / ("memory.max" if self.version == 2 else "memory.limit_in_bytes"), memory)
        except OSError:
            group.end()
            raise
        # Not every kernel has them. Without them a job that is over its memory swaps for long, or goes on in part.
        for key, value in _stricter_keys(self.version, memory):
            with contextlib.suppress(OSError):
                _write(group.folder / key, value)
        return group

    def sweep(self, known: Collection[str]) -> None:
        """End the groups that processes left behind which are gone, and this process's own but those known.

        :param known: names given to :meth:`make`.
        """
        for folder in _folders(self.folder):
            match = re.fullmatch(rf"{_PREFIX}(\d+)~([\d.]+)~(.+)", folder.name)
            if match is None:
                continue
            pid, started, name = int(match[1]), float(match[2]), match[3]
            lives = start_time(pid) == started
            if not lives or (pid == os.getpid() and name not in known):
                LOG.info("control group %s was left over; it is ended", folder.name)
                Cgroup(folder, self.version).end()


def _stricter_keys(version: int, memory: int) -> list[tuple[str, int]]:
    if version == 2:
        return [("memory.swap.max", 0), ("memory.oom.group", 1)]
    return [("memory.memsw.limit_in_bytes", memory)]


def _find(proc: Path) -> Cgroups | None:
    reasons = []
    for version, look in ((2, _unified), (1, _of_version_1)):
        try:
            found = look(proc)
            found.check()
        except (_NotOurs, OSError) as error:
            reasons.append(f"version {version}: {error}")
        else:
            LOG.info("jobs get control groups below %s", found.folder)
            return found
    LOG.info("jobs get no control groups, so only the service watches their memory (%s)", "; ".join(reasons))
    return None


def _unified(proc: Path) -> Cgroups:
    folder, top = _own_folder(proc, "")
    if folder.name == LEAF:
        # Another process of the service was here before and moved all.
        folder = folder.parent
    if "memory" not in _read(folder / "cgroup.controllers").split():
        raise _NotOurs("the kernel gives this group no say over memory")
    # The machine's own root has no limit; a container's has.
    _check_given(folder, folder == top and (folder / "memory.max").exists())
    if "memory" not in _read(folder / "cgroup.subtree_control").split():
        _move_to_leaf(folder)
        _write(folder / "cgroup.subtree_control", "+memory")
    return Cgroups(folder, 2)


def _of_version_1(proc: Path) -> Cgroups:
    folder, top = _own_folder(proc, "memory")
    # Only the machine's own root has this file.
    _check_given(folder, folder == top and not (folder / "release_agent").exists())
    return Cgroups(folder, 1)


def _check_given(folder: Path, is_containers: bool) -> None:
    if is_containers:
        return
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return
    raise _NotOurs(f"group {folder} is not the service's own, as with Delegate=yes of its systemd unit it would be")


def _move_to_leaf(folder: Path) -> None:
    leaf = folder / LEAF
    leaf.mkdir(exist_ok=True)
    deadline = time.monotonic() + _END_SECONDS
    # Again, since a process may start another one before it is moved.
    while pids := _processes(folder):
        for pid in filter(None, pids):
            with contextlib.suppress(ProcessLookupError):
                _write(leaf / "cgroup.procs", pid)
        if 0 in pids or time.monotonic() > deadline:
            raise _NotOurs(f"processes {pids} of group {folder} can't be moved")


def _own_folder(proc: Path, controller: str) -> tuple[Path, Path]:
    """Folder of this process's group under a controller (none: version 2), and the topmost that it can see."""
    path = _own_path(proc, controller)
    for root, mounted in _mounts(proc, controller):
        # In a container without a namespace of its own for groups, root and path begin with the container's group.
        inner = os.path.relpath(path, root)
        if ".." not in f"{path}/{root}/{inner}".split("/"):
            return mounted / inner, mounted
    raise _NotOurs("no file system shows the group of this process")


def _own_path(proc: Path, controller: str) -> str:
    for line in _read(proc / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    raise _NotOurs("this process is in no such group")


def _mounts(proc: Path, controller: str) -> Iterator[tuple[str, Path]]:
    """Root and folder of each file system that shows the groups of a controller."""
    for line in _read(proc / "mountinfo").splitlines():
        mount, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        wanted = kind == "cgroup" and controller in options.split(",") if controller else kind == "cgroup2"
        if wanted:
            root, folder = (_unescaped(field) for field in mount.split(" ")[3:5])
            yield root, Path(folder)


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _processes(folder: Path) -> list[int]:
    try:
        return [int(line) for line in _read(folder / "cgroup.procs").split()]
    except OSError:
        return []


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if path.is_dir()]
    return []


def _below(folder: Path) -> list[Path]:
    """The groups below a group, lowest first."""
    return [path for child in _folders(folder) for path in [*_below(child), child]]


def _read(file: Path) -> str:
    return file.read_text(encoding="ascii", errors="replace")


def _write(file: Path, value: int | str) -> None:
    # Not created: where the kernel made no such file, writing must fail.
    target = os.open(file, os.O_WRONLY)
    try:
        os.write(target, str(value).encode())
    finally:
        os.close(target)
