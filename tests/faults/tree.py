"""Which processes of a service are there: found by their environment, wherever they went."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

MARK = "FAULT_TREE_OF"
"""Environment variable that every process of a service under test inherits."""

_PROC = Path("/proc")


def tree(mark: str) -> set[int]:
    """Living processes that carry the mark, in whatever session or group, whoever their parent is."""
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and not zombie(int(folder.name)):
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.add(int(folder.name))
    return found


def zombie(pid: int) -> bool:
    """Whether a process has ended and nobody has taken note."""
    return _state(pid)[0] == "Z"


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return _state(pid)[0] not in ("", "Z")


def zombies_of(pids: set[int]) -> set[int]:
    """Zombies whose parent is one of these processes."""
    found = set()
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            state, parent = _state(int(folder.name))
            if state == "Z" and parent in pids:
                found.add(int(folder.name))
    return found


def parent(pid: int) -> int:
    """Parent of a process; 0 where there is no such process."""
    return _state(pid)[1]


def standard_output(pid: int) -> str:
    """Where a process writes its standard output; empty where that can't be told."""
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/fd/1").readlink())
    return ""


def children(pid: int) -> set[int]:
    """Living direct children of a process."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return {child.pid for child in psutil.Process(pid).children() if alive(child.pid)}
    return set()


def below(pid: int) -> set[int]:
    """A process and all that descend from it by parenthood."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return {pid} | {child.pid for child in psutil.Process(pid).children(recursive=True)}
    return set()


def kill(pid: int) -> None:
    """End a process as the system does where memory runs out."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_all(mark: str) -> None:
    """End every process of a service, as a machine that crashes does: none gets to do anything more."""
    stopped: set[int] = set()
    # Stopped first: else those killed late would see the others die, and act on it.
    while fresh := tree(mark) - stopped:
        for pid in fresh:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        stopped |= fresh
    for pid in stopped:
        kill(pid)
    until(lambda: not tree(mark), 10, "all processes of the service are gone")


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until something is true, and give it; fail when it doesn't come to be."""
    end = time.monotonic() + seconds
    while True:
        if value := true():
            return value
        assert time.monotonic() < end, f"not so after {seconds:g} s: {what}"
        time.sleep(0.02)


@contextmanager
def watched(look: Callable[[], int]) -> Iterator[list[int]]:
    """Look again and again while the block runs; the list holds what was seen."""
    seen: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            seen.append(look())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _state(pid: int) -> tuple[str, int]:
    """Letter of a process's state and its parent; an empty letter where there is none."""
    try:
        state, parent = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "", 0
    return state, int(parent)
