"""A process and all that it started: found, ended, and known again after a crash.

A job may start processes, these may start others, and any of them may leave the job's session and
process group. On Linux all stay below the job's process, since it adopts them when their parents
end (:func:`adopt_orphans`). Elsewhere only those are ended that are below it, or in its group, at
the time.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

LOG = logging.getLogger(__name__)

PROCESS_FILE = "process.json"
"""File of an attempt's folder that says which process works on it."""

END_SECONDS = 2.0
"""Longest time that ending processes takes; what is left then can't be ended, as where a disk doesn't answer."""

_PAUSE = 0.002
_PR_SET_CHILD_SUBREAPER = 36


class _Process(NamedTuple):
    """What the system says of one process."""

    group: int
    session: int
    started: float
    """Seconds since the machine started: unlike a time of day, no setting of the clock changes it."""
    runs: bool
    """False where stopped or ended."""
    ended: bool
    """Ended, and not yet reaped by its parent."""


def adopt_orphans() -> bool:
    """Make this process the parent of every process below it whose own parent ends.

    :returns: whether it is so now; only Linux can.
    """
    if sys.platform != "linux":
        LOG.info("on this system a process that a job starts may outlive the job, if it leaves the job's process group")
        return False
    done: int = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if done != 0:
        LOG.warning("orphaned processes of jobs can't be adopted: %s", os.strerror(ctypes.get_errno()))
    return done == 0


def start_time(pid: int) -> float | None:
    """When a process started, to tell it from a later one of the same number; None where there is none."""
    seen = _see(pid)
    return None if seen is None else seen.started


def is_alive(pid: int, started: float) -> bool:
    """Whether a process that started then is there and hasn't ended."""
    seen = _see(pid)
    return seen is not None and seen.started == started and not seen.ended


def descendant_pids(pid: int) -> list[int]:
    """Numbers of all processes below a process."""
    found: dict[int, None] = {}
    waiting = [pid]
    while waiting:
        new = [child for child in _children(waiting.pop()) if child not in found]
        found.update(dict.fromkeys(new))
        waiting.extend(new)
    return list(found)


def end_tree(pid: int, started: float | None = None) -> None:
    """End a process, all below it and its process group; return when they are gone, or after 2 s.

    :param started: what :func:`start_time` said of the process; a later one of that number is let live.
    """
    seen = _see(pid)
    if seen is not None and started in (None, seen.started):
        _end([pid])


def end_orphans(but: Collection[int]) -> None:
    """End and reap all children of this process but those given, and all below them, within 2 s."""
    deadline = time.monotonic() + END_SECONDS
    while orphans := [pid for pid in _children(os.getpid()) if pid not in but]:
        _end(orphans, deadline)
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            LOG.warning("processes %s, which jobs left behind, can't be ended", orphans)
            return


def note_process(folder: Path) -> None:
    """Write into an attempt's folder that this process works on it."""
    pid = os.getpid()
    seen = _see(pid)
    assert seen is not None
    # The session of another is not the job's to be ended.
    session = pid if seen.session == pid else None
    note = {"pid": pid, "started": seen.started, "session": session, "world": world()}
    part = folder / f"{PROCESS_FILE}.part"
    part.write_text(json.dumps(note), encoding="utf-8")
    part.replace(folder / PROCESS_FILE)


def end_noted(folder: Path) -> None:
    """End what still runs of the process that worked on an attempt, and of its session and process group."""
    try:
        note = json.loads((folder / PROCESS_FILE).read_text(encoding="utf-8"))
        pid, started, session = int(note["pid"]), float(note["started"]), note["session"]
        if note["world"] != world():
            return
    except (OSError, ValueError, KeyError, TypeError):
        # Not noted yet: there is nothing that could be known again.
        return
    end_tree(pid, started)
    seen = _see(pid)
    if session is None or (seen is not None and seen.started != started):
        # Another process has the number, so that the session of that number is its own.
        return
    deadline = time.monotonic() + END_SECONDS
    while (left := _of_session(session, started)) and time.monotonic() < deadline:
        _end(left, deadline)


def _of_session(session: int, since: float) -> list[int]:
    """The living processes of a session or process group, of those that started no earlier."""
    found = []
    for pid in psutil.pids():
        seen = _see(pid)
        if seen and not seen.ended and seen.started >= since and session in (seen.session, seen.group):
            found.append(pid)
    return found


def _end(roots: Collection[int], deadline: float | None = None) -> None:
    """End processes, all below them and their process groups."""
    deadline = deadline or time.monotonic() + END_SECONDS
    for pid in roots:
        # Stopped, not killed: it starts no more, and adopts what those below it leave behind.
        _send(pid, signal.SIGSTOP)
    quiet = 0
    # The last part of the time is for the roots.
    while quiet < 2 and time.monotonic() < deadline - END_SECONDS / 4:
        below = [pid for root in roots for pid in descendant_pids(root) if _lives(pid)]
        for pid in below:
            _send(pid, signal.SIGKILL)
        # Twice, since a process that changes its parent may escape one look.
        quiet = 0 if below or any(map(_runs, roots)) else quiet + 1
        if not quiet:
            time.sleep(_PAUSE)
    for pid in roots:
        _send_group(pid)
        _send(pid, signal.SIGKILL)
    while left := [pid for pid in roots if _lives(pid)]:
        if time.monotonic() > deadline:
            LOG.warning("processes %s can't be ended", left)
            return
        time.sleep(_PAUSE)


def _children(pid: int) -> Iterable[int]:
    if _CHILDREN_FILES:
        return _listed_children(pid)
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _listed_children(pid: int) -> list[int]:
    """From the lists that Linux keeps; psutil would look at every process of the machine."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found.extend(map(int, (thread / "children").read_bytes().split()))
    return found


_CHILDREN_FILES = Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _see(pid: int) -> _Process | None:
    if sys.platform == "linux":
        try:
            line = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return None
        # The name, in parentheses, may hold anything, parentheses too.
        state, _, group, session, *others = line.rpartition(b")")[2].split()
        started = int(others[15]) / os.sysconf("SC_CLK_TCK")
        return _Process(int(group), int(session), started, state not in b"TtZX", state in b"ZX")
    return _see_by_psutil(pid)


def _see_by_psutil(pid: int) -> _Process | None:
    try:
        process = psutil.Process(pid)
        status, started = process.status(), process.create_time()
        group, session = os.getpgid(pid), os.getsid(pid)
    except psutil.ZombieProcess:
        return _Process(0, 0, 0.0, False, True)
    except (psutil.Error, OSError):
        return None
    ended = status == psutil.STATUS_ZOMBIE
    return _Process(group, session, started, not ended and status != psutil.STATUS_STOPPED, ended)


def _lives(pid: int) -> bool:
    seen = _see(pid)
    return seen is not None and not seen.ended


def _runs(pid: int) -> bool:
    seen = _see(pid)
    return seen is not None and seen.runs


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _send_group(pid: int) -> None:
    """Kill the process group that a process leads, if it leads one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def world() -> str:
    """What process numbers belong to: one run of one machine, and in it those that see each other."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
