"""A job that takes more than it may is noticed, and told in words what to do."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.jobs import limits as module
from server.jobs.limits import Limits, Watch, limit_error, memory_of
from server.jobs.model import JobError
from server.settings import load_settings
from tests.conftest import ROOT

MB = 1024**2

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what memory is shared")

PRELUDE = """
import mmap, os, resource, signal, subprocess, sys, time
from pathlib import Path
from server.jobs import limits, tree
from server.jobs.limits import Limits, Watch, limit_error, memory_of
MB = 1024**2

def job(work, held=b""):
    '''A forked process that did its work and waits.'''
    said, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        mine = work()
        os.write(says, b"1")
        time.sleep(120)
    assert os.read(said, 1) == b"1"
    return pid

def look(pid, memory):
    try:
        return Watch(pid, Path(sys.argv[1]), Limits(60, memory, MB), memory_of(os.getpid())).look()
    finally:
        tree.end_tree(pid)
"""


def ran(script: str, folder: Path) -> str:
    """What a script printed."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def plenty(**less: float) -> Limits:
    return Limits(**{"seconds": 3600, "memory": 2**40, "output": 2**40, **less})  # type: ignore[arg-type]


@pytest.fixture
def pid() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "120"])
    yield process.pid
    process.kill()
    process.wait()


def test_the_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "pywps.cfg"
    file.write_text("[jobs]\ntime_limit = 5\nmemory_limit = 1gb\noutput_limit = 3mb\n")
    assert Limits.of(load_settings(file, {})) == Limits(5, 1024**3, 3 * MB)


@linux
def test_a_huge_allocation_is_an_error_inside_the_job(tmp_path: Path) -> None:
    script = """
before = bytearray(300 * MB)
limits.apply(Limits(60, 200 * MB, MB))
small = bytearray(100 * MB)
try:
    huge = bytearray(200 * MB)
except MemoryError as error:
    print(limit_error(error, Limits(60, 200 * MB, MB)).message)
print(resource.getrlimit(resource.RLIMIT_CORE))
"""
    assert ran(script, tmp_path).splitlines() == [
        "The job needed more memory than a job may use: 200 MB. It asked for more than that. Send a smaller input or "
        "choose a coarser grid, or ask the operator of the service to raise [jobs] memory_limit.",
        "(0, 0)",
    ]


def test_a_huge_file_is_an_error_inside_the_job(tmp_path: Path) -> None:
    script = """
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
limits.apply(Limits(60, 1024 * MB, 2 * MB))
try:
    with open(Path(sys.argv[1]) / "file", "wb", buffering=0) as file:
        while True: file.write(bytes(MB))
except OSError as error:
    print(limit_error(error, Limits(60, MB, 2 * MB)).message)
"""
    assert ran(script, tmp_path) == (
        "The job wrote more than a job's files may take: 2 MB; one file alone would have been larger. Send a smaller "
        "input or choose a coarser grid, or ask the operator of the service to raise [jobs] output_limit."
    )
    assert (tmp_path / "file").stat().st_size == 2 * MB


def test_a_harder_limit_of_the_system_stays(tmp_path: Path) -> None:
    script = """
resource.setrlimit(resource.RLIMIT_FSIZE, (MB, MB))
limits.apply(Limits(60, 1024 * MB, 2 * MB))
print(resource.getrlimit(resource.RLIMIT_FSIZE) == (MB, MB))
"""
    assert ran(script, tmp_path) == "True"


def test_a_limit_that_the_system_refuses_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr("resource.setrlimit", refuse)
    before = signal.getsignal(signal.SIGXFSZ)
    module.apply(plenty())
    signal.signal(signal.SIGXFSZ, before)
    assert "does not hold a job to its limit" in caplog.text


@pytest.mark.parametrize(
    ("error", "kind", "setting"),
    [
        (MemoryError(), "limit", "[jobs] memory_limit"),
        (OSError(errno.ENOMEM, "no memory"), "limit", "[jobs] memory_limit"),
        (OSError(errno.EFBIG, "too big"), "limit", "[jobs] output_limit"),
        (OSError(errno.ENOSPC, "full"), "server", "disk of the service is full"),
        (OSError(errno.EDQUOT, "quota"), "server", "disk of the service is full"),
    ],
)
def test_errors_that_come_of_limits_are_known(error: Exception, kind: str, setting: str) -> None:
    for thrown in (error, _caused(error), _met(error)):
        found = limit_error(thrown, Limits(60, MB, MB))
        assert found is not None
        assert found.kind == kind
        assert setting in found.message


def _caused(error: Exception) -> Exception:
    try:
        raise RuntimeError("a library's own words") from error
    except RuntimeError as outer:
        return outer


def _met(error: Exception) -> Exception:
    try:
        try:
            raise error
        except Exception:
            raise RuntimeError("on the way out")  # noqa: B904
    except RuntimeError as outer:
        return outer


def test_other_errors_are_not_about_limits() -> None:
    hidden = _met(MemoryError())
    hidden.__suppress_context__ = True
    circle = RuntimeError()
    circle.__cause__ = circle
    for error in (ValueError("x"), FileNotFoundError(errno.ENOENT, "x"), hidden, circle):
        assert limit_error(error, plenty()) is None


def test_a_job_that_takes_too_long_is_noticed(tmp_path: Path, pid: int) -> None:
    watch = Watch(pid, tmp_path, plenty(seconds=0.05), 0)
    assert watch.look() is None
    time.sleep(0.06)
    found = watch.look()
    assert found is not None and found.kind == "limit"
    assert found.message == (
        "The job ran longer than a job may: 0.05 s. It was ended after 0.1 s. Send a smaller input or choose a "
        "coarser grid, or ask the operator of the service to raise [jobs] time_limit."
    )


@linux
def test_a_job_that_takes_too_much_memory_is_noticed(tmp_path: Path) -> None:
    script = """
hog = job(lambda: bytearray(b"1") * (60 * MB))
print(look(hog, 50 * MB))
print(look(job(lambda: bytearray(b"1") * (40 * MB)), 50 * MB))
"""
    found, small = ran(script, tmp_path).splitlines()
    assert "JobError(kind='limit', message='The job needed more memory than a job may use: 50 MB. It used 6" in found
    assert "[jobs] memory_limit" in found
    assert small == "None"


@linux
def test_what_was_there_before_the_fork_is_not_counted(tmp_path: Path) -> None:
    script = """
before = bytearray(b"1") * (200 * MB)
def write():
    for i in range(0, len(before), 4096): before[i] = 2
print(look(job(lambda: None), 50 * MB), look(job(write), 50 * MB))
"""
    assert ran(script, tmp_path) == "None None"


@linux
def test_pages_of_files_are_not_counted_and_shared_memory_is(tmp_path: Path) -> None:
    script = """
path = Path(sys.argv[1]) / "file"
path.write_bytes(b"1" * (80 * MB))
def map_file():
    mapped = mmap.mmap(os.open(path, os.O_RDONLY), 0, access=mmap.ACCESS_READ)
    assert sum(mapped[::4096])
    path.unlink()
    return mapped
def share():
    mapped = mmap.mmap(-1, 80 * MB)
    for i in range(0, len(mapped), 4096): mapped[i] = 1
    return mapped
print(look(job(map_file), 50 * MB))
print(look(job(share), 50 * MB).message)
"""
    unseen, seen = ran(script, tmp_path).splitlines()
    assert unseen == "None"
    assert "It used 8" in seen


@linux
def test_what_the_processes_of_a_job_share_is_counted_once(tmp_path: Path) -> None:
    script = """
def pool():
    table = bytearray(b"1") * (40 * MB)
    for _ in range(4): job(lambda: None)
    return table
print(look(job(pool), 60 * MB))
"""
    assert ran(script, tmp_path) == "None"


@linux
def test_memory_of_all_processes_of_a_job_counts_together(tmp_path: Path) -> None:
    script = """
before = bytearray(b"1") * (20 * MB)
EAT = "import sys, time; held = bytearray(b'1') * (50 * 2**20); print('ready', flush=True); time.sleep(120)"
def programs():
    for _ in range(3):
        program = subprocess.Popen([sys.executable, "-c", EAT], stdout=subprocess.PIPE, start_new_session=True)
        program.stdout.readline()
print(look(job(programs), 60 * MB).message)
def forks():
    for _ in range(3): job(lambda: bytearray(b"1") * (50 * MB))
print(look(job(forks), 60 * MB).message)
"""
    for message in ran(script, tmp_path).splitlines():
        assert "more memory than a job may use: 60 MB. It used 1" in message


@linux
def test_an_exact_look_at_memory_is_not_taken_each_time(tmp_path: Path) -> None:
    script = """
looked = []
exact = limits._proportional_memory
def counted(pid):
    looked.append(pid)
    time.sleep(0.01)
    return exact(pid)
limits._proportional_memory = counted
def pool():
    table = bytearray(b"1") * (40 * MB)
    job(lambda: None)
    return table
pid = job(pool)
watch = Watch(pid, Path(sys.argv[1]), Limits(60, 60 * MB, MB), memory_of(os.getpid()))
print([watch.look() for _ in range(5)], len(looked))
tree.end_tree(pid)
"""
    assert ran(script, tmp_path) == "[None, None, None, None, None] 2"


def test_without_the_files_of_linux_memory_is_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAPPED", module._PROPORTIONAL)  # nothing of it is found, as on other systems
    assert memory_of(os.getpid()) > 10 * MB
    assert memory_of(2**22 + 1) == 0


def test_a_job_that_writes_too_much_is_noticed(tmp_path: Path, pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DISK_SECONDS", 0)
    watch = Watch(pid, tmp_path, plenty(output=MB), 0)
    deep = tmp_path / "work" / "deep"
    deep.mkdir(parents=True)
    (deep / "one").write_bytes(b"1" * (MB // 2))
    for name in ("two", "three"):
        (tmp_path / name).hardlink_to(deep / "one")
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 50 * MB)
    (tmp_path / "link").symlink_to(ROOT / "tests" / "data")
    assert watch.look() is None
    (tmp_path / "work" / "more").write_bytes(b"1" * MB)
    found = watch.look()
    assert found is not None and found.kind == "limit"
    assert "more than a job's files may take: 1 MB; its files took " in found.message
    assert "[jobs] output_limit" in found.message


def test_the_disk_is_looked_at_once_a_second(tmp_path: Path, pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[Path] = []
    walk = module._disk_use

    def counted(folder: Path) -> Iterator[int]:
        walks.append(folder)
        return walk(folder)

    now = 1000.0
    monkeypatch.setattr(module, "_disk_use", counted)
    monkeypatch.setattr("time.monotonic", lambda: now)
    watch = Watch(pid, tmp_path, plenty(), 0)
    counts = []
    for _ in range(25):
        now += 0.1
        watch.look()
        counts.append(len(walks))
    assert counts[8] == 1
    assert counts[-1] == 3


def test_many_files_are_counted_in_parts(tmp_path: Path, pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (tmp_path / f"{number}").write_bytes(b"1" * 4096)
    monkeypatch.setattr(module, "_DISK_SLICE", -1)
    watch = Watch(pid, tmp_path, plenty(output=15 * 4096), 0)
    looks: list[JobError | None] = [watch.look() for _ in range(16)]
    assert looks[:15] == [None] * 15
    assert looks[15] is not None


def test_a_job_that_has_gone_takes_nothing(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert Watch(gone.pid, tmp_path / "removed", Limits(60, 1, 1), 0).look() is None
