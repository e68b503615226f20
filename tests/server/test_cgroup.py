"""Control groups: found only where they are the service's, and nothing of them is left.

Whether a test with the kernel's own groups can run depends on the machine, and not on anything that
could be installed; so it may skip everywhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest

from server.jobs import cgroup as module
from server.jobs.cgroup import LEAF, Cgroup, Cgroups
from server.jobs.tree import start_time
from tests.conftest import ROOT

MB = 1024**2

LIMITS = {
    2: ("memory.max", "memory.swap.max", "memory.oom.group", "memory.events", "memory.peak"),
    1: ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control", "memory.max_usage_in_bytes"),
}


class FakeKernel:
    """A folder that does as the kernel's groups do."""

    def __init__(self, folder: Path, version: Literal[1, 2], monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "groups"
        self.proc = folder / "proc"
        self.version = version
        self.root.mkdir()
        self.proc.mkdir()
        self._mkdir, self._rmdir = Path.mkdir, Path.rmdir
        self._furnish(self.root, "cpu memory")
        monkeypatch.setattr(Path, "mkdir", lambda path, **options: self.mkdir(path, **options))
        monkeypatch.setattr(Path, "rmdir", lambda path: self.rmdir(path))
        monkeypatch.setattr(module, "_write", self.write)
        self.place("/", "/")

    def place(self, path: str, root: str) -> None:
        """Put this process into a group, as the system tells it."""
        kind, options, line = (
            ("cgroup2", "rw", f"0::{path}") if self.version == 2 else ("cgroup", "rw,memory", f"4:memory:{path}")
        )
        folder = str(self.root).replace("_", "\\137")
        (self.proc / "cgroup").write_text(f"7:cpu,cpuacct:/\n{line}\n")
        (self.proc / "mountinfo").write_text(
            "23 1 0:28 / / rw - ext4 /dev/vda rw\n"
            "32 31 0:29 / /elsewhere rw,relatime - cgroup cgroup rw,cpu\n"
            f"35 31 0:32 {root} {folder} rw,relatime shared:3 - {kind} {kind} {options}\n"
        )

    def find(self) -> Cgroups | None:
        return module._find(self.proc)

    def mkdir(self, path: Path, **options: Any) -> None:
        fresh = not path.exists()
        self._mkdir(path, **options)
        if fresh and path.is_relative_to(self.root):
            self._furnish(path, (path.parent / "cgroup.subtree_control").read_text())

    def _furnish(self, path: Path, controllers: str) -> None:
        (path / "cgroup.controllers").write_text(controllers)
        for name in ("cgroup.procs", "cgroup.subtree_control"):
            (path / name).touch()
        if "memory" in controllers or self.version == 1:
            for name in LIMITS[self.version]:
                (path / name).touch()

    def rmdir(self, path: Path) -> None:
        if not path.is_relative_to(self.root):
            return self._rmdir(path)
        self.settle()
        if (path / "cgroup.procs").read_text().strip() or any(child.is_dir() for child in path.iterdir()):
            raise OSError(errno.EBUSY, "busy")
        return shutil.rmtree(path)

    def settle(self) -> None:
        """Processes that have ended are in no group."""
        for file in self.root.rglob("cgroup.procs"):
            living = [line for line in file.read_text().split() if line == "0" or psutil.pid_exists(int(line))]
            file.write_text("\n".join(living))

    def write(self, file: Path, value: int | str) -> None:
        if not file.exists():
            raise FileNotFoundError(errno.ENOENT, "no such key")
        if file.name == "cgroup.procs":
            for other in self.root.rglob("cgroup.procs"):
                other.write_text("\n".join(line for line in other.read_text().split() if line != str(value)))
            file.write_text(f"{file.read_text()}\n{value}")
        elif file.name == "cgroup.subtree_control":
            if (file.parent / "cgroup.procs").read_text().strip():
                raise OSError(errno.EBUSY, "processes in a group that others are below")
            file.write_text(str(value).removeprefix("+"))
        else:
            file.write_text(str(value))


@pytest.fixture(params=[2, 1])
def kernel(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    made = FakeKernel(tmp_path, request.param, monkeypatch)
    monkeypatch.setattr(module, "_END_SECONDS", 0.2)
    return made


@contextlib.contextmanager
def sleeper() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "120"])
    # Else it would stay a zombie for as long as this process doesn't look.
    before = signal.signal(signal.SIGCHLD, lambda *_: process.poll())
    try:
        yield process.pid
    finally:
        signal.signal(signal.SIGCHLD, before)
        process.kill()
        process.wait()


def test_a_containers_own_group_is_the_services(kernel: FakeKernel) -> None:
    with sleeper() as other:
        inside = [str(os.getpid()), str(other)]
        (kernel.root / "cgroup.procs").write_text("\n".join(inside))
        groups = kernel.find()
        assert groups == Cgroups(kernel.root, kernel.version)
        if kernel.version == 2:
            assert (kernel.root / LEAF / "cgroup.procs").read_text().split() == inside
            assert (kernel.root / "cgroup.subtree_control").read_text() == "memory"
            # The service's next process is in the leaf, and finds the same.
            kernel.place(f"/{LEAF}", "/")
            assert kernel.find() == groups
        assert not list(kernel.root.glob("gasflux-job*"))


def test_in_a_container_without_a_namespace_for_groups(kernel: FakeKernel) -> None:
    kernel.place("/docker/0123abc", "/docker/0123abc")
    assert kernel.find() is not None
    kernel.place("/docker/0123abc/below", "/docker/0123abc")
    kernel.mkdir(kernel.root / "below")
    assert kernel.find() is None


@pytest.mark.parametrize(("path", "root"), [("/../other", "/"), ("/", "/../.."), ("/docker/ab", "/docker/a")])
def test_a_group_that_cannot_be_seen_is_none(kernel: FakeKernel, path: str, root: str) -> None:
    kernel.place(path, root)
    assert kernel.find() is None


def test_a_group_of_the_system_is_left_alone(kernel: FakeKernel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    (kernel.root / "cgroup.subtree_control").write_text("memory")
    kernel.mkdir(kernel.root / "session.scope")
    kernel.place("/session.scope", "/")
    assert kernel.find() is None
    assert "Delegate=yes" in caplog.text
    assert "only the service watches their memory" in caplog.text
    assert not list((kernel.root / "session.scope").glob("gasflux*"))


def test_the_machines_own_root_is_left_alone(kernel: FakeKernel) -> None:
    (kernel.root / "memory.max").unlink(missing_ok=True)
    (kernel.root / "release_agent").touch()
    assert kernel.find() is None


def test_a_delegated_group_is_the_services(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    (kernel.root / "cgroup.subtree_control").write_text("memory")
    unit = kernel.root / "gasflux.service"
    kernel.mkdir(unit)
    kernel.place("/gasflux.service", "/")

    def getxattr(path: Path, name: str) -> bytes:
        if (path, name) == (unit, "trusted.delegate"):
            return b"1"
        raise OSError(errno.ENODATA, "no such attribute")

    monkeypatch.setattr(os, "getxattr", getxattr, raising=False)
    groups = kernel.find()
    assert groups is not None and groups.folder == unit


def test_without_memory_or_groups_there_are_none(kernel: FakeKernel) -> None:
    if kernel.version == 2:
        (kernel.root / "cgroup.controllers").write_text("cpu io")
        assert kernel.find() is None
    (kernel.proc / "mountinfo").write_text("23 1 0:28 / / rw - ext4 /dev/vda rw\n")
    assert kernel.find() is None
    (kernel.proc / "cgroup").unlink()
    assert kernel.find() is None


def test_processes_that_cannot_be_moved_leave_the_groups_as_they_are(tmp_path: Path, monkeypatch: Any) -> None:
    kernel = FakeKernel(tmp_path, 2, monkeypatch)
    (kernel.root / "cgroup.procs").write_text("0\n")
    assert kernel.find() is None


def test_other_systems_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert Cgroups.find() is None


def test_a_group_has_its_limit_and_processes(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = kernel.find()
    assert groups is not None
    group = groups.make("job-1", 64 * MB)
    assert group is not None and group.folder.parent == kernel.root
    keys = LIMITS[kernel.version]
    assert (group.folder / keys[0]).read_text() == str(64 * MB)
    assert (group.folder / keys[1]).read_text() == ("0" if kernel.version == 2 else str(64 * MB))
    (group.folder / ("memory.peak" if kernel.version == 2 else "memory.max_usage_in_bytes")).write_text("123\n")
    assert group.peak() == 123
    events = group.folder / ("memory.events" if kernel.version == 2 else "memory.oom_control")
    events.write_text("low 0\noom 0\noom_kill 0\noom_group_kill 0\n")
    assert not group.out_of_memory()
    events.write_text("low 0\noom 4\noom_kill 2\noom_group_kill 0\n")
    assert group.out_of_memory()
    with sleeper() as pid:
        assert group.add(pid)
        assert (group.folder / "cgroup.procs").read_text().split() == [str(pid)]
        kernel.mkdir(group.folder / "made by the job")
        assert group.end()
        assert not psutil.pid_exists(pid)
    assert not group.folder.exists()
    assert group.end()
    assert group.peak() is None
    assert not group.out_of_memory()

    def vanished(*_: object) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(module, "_write", vanished)
    assert not group.add(1)


def test_a_group_that_cannot_be_made_is_told(kernel: FakeKernel, caplog: pytest.LogCaptureFixture) -> None:
    groups = kernel.find()
    assert groups is not None
    missing = Cgroups(kernel.root / "removed", groups.version)
    assert missing.make("job-1", MB) is None
    assert "no control group can be made for job job-1" in caplog.text
    missing.sweep(())


def test_a_group_that_stays_busy_is_told(kernel: FakeKernel, caplog: pytest.LogCaptureFixture) -> None:
    groups = kernel.find()
    assert groups is not None
    group = groups.make("job-1", MB)
    assert group is not None
    # A process that can't be seen from here: a signal to number 0 would end this process.
    (group.folder / "cgroup.procs").write_text("0")
    assert not group.end()
    assert "can't be removed" in caplog.text


def test_what_was_left_over_is_swept(kernel: FakeKernel) -> None:
    groups = kernel.find()
    assert groups is not None
    mine, known = groups.make("job-1", MB), groups.make("job-2", MB)
    assert mine is not None and known is not None
    with sleeper() as neighbour, sleeper() as orphan:
        others = kernel.root / f"gasflux-job~{neighbour}~{start_time(neighbour)}~job-3"
        gone = kernel.root / f"gasflux-job~{neighbour}~1.0~job-4"
        foreign = kernel.root / "system.slice"
        for folder in (others, gone, foreign):
            kernel.mkdir(folder)
        assert Cgroup(gone, groups.version).add(orphan)
        groups.sweep({"job-2"})
        assert not mine.folder.exists() and not gone.exists()
        assert known.folder.exists() and others.exists() and foreign.exists()
        assert psutil.pid_exists(neighbour)


@pytest.fixture
def real(caplog: pytest.LogCaptureFixture) -> Cgroups:
    caplog.set_level("INFO")
    groups = Cgroups.find()
    if groups is None:
        pytest.skip(f"the tests have no control group of their own: {'; '.join(caplog.messages) or sys.platform}")
    return groups


JOINING = """
import os, sys, time
from pathlib import Path
from server.jobs.cgroup import Cgroup
assert Cgroup(Path(sys.argv[1]), int(sys.argv[2])).add(os.getpid())
"""


def started(group: Cgroup, script: str) -> subprocess.Popen[str]:
    """A process that puts itself into a group."""
    command = [sys.executable, "-c", JOINING + script, str(group.folder), str(group.version)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_the_kernel_kills_what_takes_more_memory(real: Cgroups) -> None:
    group = real.make("hog", 64 * MB)
    assert group is not None
    try:
        small = started(group, "print(len(bytearray(b'1') * (20 * 2**20)))")
        assert small.communicate(timeout=60)[0] == f"{20 * MB}\n"
        assert not group.out_of_memory()
        hog = started(group, "print(len(bytearray(b'1') * (200 * 2**20)))")
        assert hog.communicate(timeout=60)[0] == ""
        assert hog.returncode == -signal.SIGKILL
        assert group.out_of_memory()
        peak = group.peak()
        assert peak is None or 20 * MB < peak <= 65 * MB
    finally:
        assert group.end()
    assert not group.folder.exists()


def test_a_real_group_ends_with_its_processes(real: Cgroups) -> None:
    group = real.make("leaver", 256 * MB)
    assert group is not None
    script = "os.setsid(); child = os.fork(); child or os.setsid(); print(os.getpid(), flush=True); time.sleep(120)"
    with started(group, script) as process:
        assert process.stdout is not None
        pids = {int(process.stdout.readline()) for _ in range(2)}
        assert {int(line) for line in (group.folder / "cgroup.procs").read_text().split()} == pids
        assert group.end()
        process.wait(timeout=10)
        assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)
    assert not group.folder.exists()


def test_a_real_group_of_a_process_that_has_gone_is_swept(real: Cgroups) -> None:
    script = """
import subprocess, sys
from pathlib import Path
from server.jobs.cgroup import Cgroups
group = Cgroups(Path(sys.argv[1]), int(sys.argv[2])).make("lost", 2**28)
left = subprocess.Popen(["sleep", "120"], stdout=subprocess.DEVNULL, start_new_session=True)
assert group.add(left.pid)
print(group.folder, left.pid)
"""
    command = [sys.executable, "-c", script, str(real.folder), str(real.version)]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    folder, pid = Path(said.rpartition(" ")[0]), int(said.rpartition(" ")[2])
    assert folder.exists() and psutil.pid_exists(pid)
    real.sweep(())
    assert not folder.exists()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"
