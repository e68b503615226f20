"""A disk without room and a database that another holds: refused in words or done, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import tree
from tests.faults.conftest import Figure
from tests.faults.order import fault_service, recovery
from tests.faults.service import ECHO, ENDED, FaultService
from tests.faults.wire import Answer, ask, upload_document

pytestmark = pytest.mark.slow

LOCKED = 15.0
"""Seconds for which another process holds the database."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own of 64 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        message = f"mounting a small file system is not permitted here: {mounted.stderr.strip()}"
        if os.environ.get("GASFLUX_TEST_NOTHING_SKIPS"):
            pytest.fail(message)
        pytest.skip(message)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path, *, leaving: int = 0) -> Iterator[None]:
    """A disk with so many bytes of room, while the block runs."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12):
            while _free(folder) - leaving > size or (not leaving and size == 1 << 12):
                file.write(bytes(size))
    try:
        yield
    finally:
        ballast.unlink()


def _free(folder: Path) -> int:
    return os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize


def refused_in_words(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.codes in (["ServerBusy"], ["NotEnoughStorage"])
    assert int(answer.headers["Retry-After"]) > 0
    assert re.search(r"[a-z] ", answer.words)
    assert "Traceback" not in answer.words
    assert "sqlite" not in answer.words.lower()


def test_with_little_room_new_jobs_are_refused_and_running_ones_end(small_disk: Path, recovered: Figure) -> None:
    with fault_service(small_disk, store_min_free="8mb") as service:
        running = [service.submit("slow", seconds=2) for _ in range(2)]
        for job in running:
            service.wait_working(job)
        with filled(small_disk, leaving=4 << 20):
            before = set(service.rows())
            refused_in_words(service.send("echo", **ECHO))
            refused_in_words(service.sync("echo", **ECHO))
            assert set(service.rows()) == before
            assert service.status(running[0]).status == 200
            assert {row.status for row in service.wait_ended(running)} == {"successful"}
        freed = time.monotonic()
        recovered("disk nearly full", recovery(service, freed))


@pytest.mark.parametrize("min_free", ["8mb", "1"])
def test_a_full_disk(small_disk: Path, recovered: Figure, min_free: str) -> None:
    with fault_service(small_disk, store_min_free=min_free) as service:
        running = [service.submit("slow", seconds=3) for _ in range(2)]
        waiting = [service.submit("slow", seconds=0.2) for _ in range(3)]
        for job in running:
            service.wait_working(job)
        supervisor = service.supervisor()
        with filled(small_disk):
            document = upload_document("echo_complex", "text", "a,b\n" * 50_000, "text/plain")
            accepted = set()
            for _ in range(5):
                for answer in (
                    service.send("echo", **ECHO),
                    ask(service.wps, method="POST", body=document, headers={"Content-Type": "text/xml"}),
                ):
                    if answer.status == 200:
                        accepted.add(answer.job_id)
                    else:
                        refused_in_words(answer)
                assert all(service.status(job).status == 200 for job in running), "their status can still be read"
                time.sleep(0.8)  # so that the jobs end while the disk is full
        freed = time.monotonic()
        recovered(f"disk full (min_free {min_free})", recovery(service, freed))
        assert service.supervisor() == supervisor
        assert {*running, *waiting, *accepted} <= set(service.rows())
        for row in service.wait_ended(list(service.rows())):
            if row.status != "successful":
                assert row.error, row
                assert "disk" in row.error["message"] or "reference" in row.error["message"]


def test_jobs_that_need_a_full_disk_fail_in_words(small_disk: Path) -> None:
    with fault_service(small_disk, store_min_free="1mb") as service:
        job = service.submit("hog", megabytes=200, mode="disk", seconds=10)
        row = service.wait_ended([job])[0]
        assert row.status == "failed"
        words = service.status(job).words
        assert "disk" in words.lower() or "space" in words.lower(), words
        assert service.sync("echo", **ECHO).status == 200


def test_a_crash_on_a_full_disk(small_disk: Path, recovered: Figure) -> None:
    with fault_service(small_disk, store_min_free="1mb") as service:
        running = [service.submit("slow", seconds=3) for _ in range(2)]
        waiting = [service.submit("slow", seconds=0.2) for _ in range(3)]
        for job in running:
            service.wait_working(job)
        with filled(small_disk):
            service.crash()
        up = service.start()
        recovered("everything killed while the disk was full", recovery(service, up))
        assert {row.status for row in service.wait_ended(running + waiting)} == {"successful"}


HOLD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@contextmanager
def held(service: FaultService) -> Iterator[subprocess.Popen[str]]:
    """The database in another process's hands for LOCKED seconds; the block begins when it has it."""
    database = str(service.data / "jobs.sqlite")
    command = [sys.executable, "-c", HOLD, database, str(LOCKED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.wait()


def test_the_database_is_locked_while_requests_come(tmp_path: Path, recovered: Figure, figure: Figure) -> None:
    with fault_service(tmp_path) as service, ThreadPoolExecutor(20) as clients:
        running = [service.submit("slow", seconds=4, steps=40) for _ in range(2)]
        waiting = [service.submit("slow", seconds=0.2) for _ in range(3)]
        for job in running:
            service.wait_working(job)
        supervisor = service.supervisor()
        with held(service) as holder:
            lines = [clients.submit(service.send, "echo", **ECHO) for _ in range(8)]
            lines += [clients.submit(service.sync, "echo", **ECHO) for _ in range(4)]
            reads = []
            while holder.poll() is None:
                answer = service.status(running[0])
                assert answer.status == 200
                reads.append(answer.seconds)
                time.sleep(0.2)
            assert max(reads) < 2, "whoever only reads doesn't wait for the writer"
        freed = time.monotonic()
        recovered("database locked for 15 s", recovery(service, freed))
        answers = [line.result() for line in lines]
        accepted = [answer for answer in answers if answer.status == 200]
        for answer in answers:
            if answer.status != 200:
                refused_in_words(answer)
        figure(
            "requests while the database is locked",
            accepted=len(accepted),
            refused=len(answers) - len(accepted),
            slowest=max(answer.seconds for answer in answers),
            slowest_status=max(reads),
        )
        assert {answer.job_id for answer in accepted[:8] if answer.document.get("statusLocation")} <= set(
            service.rows()
        )
        rows = service.wait_ended(list(service.rows()))
        assert {row.status for row in rows} == {"successful"}
        assert {service.row(job).attempt for job in running + waiting} == {1}, "no living job was taken for lost"
        assert service.supervisor() == supervisor


def test_a_crash_while_the_database_is_locked(tmp_path: Path, recovered: Figure) -> None:
    with fault_service(tmp_path) as service:
        running = [service.submit("slow", seconds=2) for _ in range(2)]
        for job in running:
            service.wait_working(job)
        with held(service):
            supervisor = service.wait_supervisor()
            tree.kill(supervisor)
            service.wait_supervisor(other_than=supervisor)
        freed = time.monotonic()
        recovered("supervisor killed while the database was locked", recovery(service, freed))
        assert {row.status for row in service.wait_ended(running)} == {"successful"}


def test_sigterm_while_the_database_is_locked(tmp_path: Path, recovered: Figure) -> None:
    with fault_service(tmp_path) as service:
        running = [service.submit("slow", seconds=3) for _ in range(2)]
        for job in running:
            service.wait_working(job)
        with held(service):
            os.kill(service.master, signal.SIGTERM)
            time.sleep(10)  # then systemd kills what is left
            service.crash()
        up = service.start()
        recovered("SIGTERM while the database was locked", recovery(service, up))
        assert all(row.status in ENDED for row in service.wait_ended(running))
        assert {row.status for row in map(service.row, running)} == {"successful"}
