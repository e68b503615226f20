"""The log: where the settings say, in UTC."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.logs import configure_logging
from server.sections import LoggingSection


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level


def test_lines_go_to_the_file_in_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        file = tmp_path / "logs" / "service.log"
        configure_logging(LoggingSection(file=str(file), level="WARNING", format="%(asctime)s %(message)s"))
        logging.getLogger("anyone").info("not kept")
        before = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        logging.getLogger("anyone").warning("task:1 kept")
        after = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    finally:
        monkeypatch.undo()
        time.tzset()
    (line,) = file.read_text().splitlines()
    assert line.endswith(" task:1 kept")
    assert line[:16] in (before, after)


def test_a_job_writes_to_standard_error_whatever_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LoggingSection(file=str(tmp_path / "service.log")), to_file=False)
    logging.getLogger("anyone").warning("kept")
    assert capsys.readouterr().err.endswith("anyone kept\n")
    assert not (tmp_path / "service.log").exists()
