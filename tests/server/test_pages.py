"""Memory in large pages: as much of it, with the same contents, and each process's own after a fork."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.jobs.pages import gather_pages

LARGE = 2 << 20


@pytest.fixture
def block() -> bytearray:
    """Memory that is surely this process's, with something else in each small page."""
    return bytearray(b"".join(bytes([number % 251]) * 4096 for number in range(8 * LARGE // 4096)))


@pytest.fixture
def gathered(block: bytearray) -> int:
    if not (found := gather_pages()):
        pytest.skip("this system gathers no pages")
    return found


def test_what_is_gathered_stays_what_it_was(block: bytearray) -> None:
    before = bytes(block)
    gather_pages()
    assert block == before


def test_memory_is_in_large_pages_then(block: bytearray, gathered: int) -> None:
    told = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    in_large = 1024 * int(re.search(r"^AnonHugePages:\s+(\d+)", told, re.MULTILINE).group(1))  # type: ignore[union-attr]
    # The block's first and last may be shared with something else.
    assert in_large >= len(block) - 2 * LARGE
    assert gathered % LARGE == 0


def test_a_fork_writes_into_memory_of_its_own(block: bytearray, gathered: int) -> None:
    before = bytes(block)
    pid = os.fork()
    if pid == 0:
        block[:] = bytes(len(block))
        os._exit(0 if not any(block) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert block == before
    block[::4096] = bytes(len(block) // 4096)
    assert not any(block[::4096])


def test_a_system_that_knows_none_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.jobs.pages._MADV_COLLAPSE", 9999)
    assert gather_pages() == 0


def test_the_process_that_forks_jobs_has_its_memory_in_large_pages(gathered: int) -> None:
    code = (
        "import server.jobs.pages as p; g = p.gather_pages; said = []; p.gather_pages = lambda: said.append(g());"
        "import server.jobs.warm; print(said[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) > 20 * LARGE
