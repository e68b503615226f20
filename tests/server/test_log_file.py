"""The file of the log, which several processes write and any of them begins anew."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.log_file import LogFile
from tests.conftest import ROOT


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., LogFile]]:
    """Opens the same file as one more process would."""
    made: list[LogFile] = []

    def one(**settings: Any) -> LogFile:
        made.append(LogFile(tmp_path / "service.log", **settings))
        return made[-1]

    yield one
    for handler in made:
        handler.close()


def write(handler: LogFile, text: str) -> None:
    handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, text, None, None))


def old_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("service.log.*"))


def test_a_file_that_is_large_is_put_away(tmp_path: Path, opened: Callable[..., LogFile]) -> None:
    one, other = opened(size=20, keep=2), opened(size=20, keep=2)
    for number in range(12):
        write(one if number % 2 else other, f"line {number:02}")
    assert (tmp_path / "service.log").read_text() == "line 09\nline 10\nline 11\n"
    assert [path.read_text() for path in old_files(tmp_path)] == [
        "line 03\nline 04\nline 05\n",
        "line 06\nline 07\nline 08\n",
    ]


AGO = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@pytest.mark.parametrize("when", AGO)
def test_a_file_of_an_earlier_time_is_put_away(tmp_path: Path, opened: Callable[..., LogFile], when: str) -> None:
    one, other = opened(when=when), opened(when=when)
    write(one, "before")
    begun = (datetime.now(UTC) - AGO[when]).timestamp()
    os.utime(tmp_path / ".service.log.lock", (begun, begun))
    write(other, "after")
    write(one, "after too")
    assert [path.read_text() for path in old_files(tmp_path)] == ["before\n"]
    assert (tmp_path / "service.log").read_text() == "after\nafter too\n"


def test_a_file_that_another_program_moved_is_opened_anew(tmp_path: Path, opened: Callable[..., LogFile]) -> None:
    one = opened()
    write(one, "before")
    (tmp_path / "service.log").rename(tmp_path / "elsewhere")
    write(one, "after")
    assert (tmp_path / "service.log").read_text() == "after\n"
    assert not (tmp_path / ".service.log.lock").exists()


_WRITER = """
import logging, sys
from pathlib import Path
from server.log_file import LogFile
handler = LogFile(Path(sys.argv[1]), size=2000, keep=1000)
sys.stdin.read()
for number in range(400):
    handler.handle(logging.LogRecord("x", logging.INFO, "", 1, f"{sys.argv[2]} {number}", None, None))
"""


def test_no_line_is_lost_between_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "service.log")]
    writers = [subprocess.Popen([*command, name], stdin=subprocess.PIPE, cwd=ROOT) for name in "abcd"]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    files = [*old_files(tmp_path), tmp_path / "service.log"]
    assert len(files) > 3
    lines = [line for path in files for line in path.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name} {number}" for name in "abcd" for number in range(400))
    assert max(path.stat().st_size for path in files) < 2200
