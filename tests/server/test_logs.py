"""The log: where and as the settings say, in UTC."""

from __future__ import annotations

import json
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config

from server.gunicorn_log import ServiceLog
from server.logs import REQUEST_ID, JsonFormatter, configure_logging
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


# ---- one JSON object a line


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Reads what was logged since, as JSON."""
    file = tmp_path / "service.log"
    configure_logging(LoggingSection(file=str(file), format="json"))
    yield lambda: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    logging.captureWarnings(False)


def test_an_event_is_an_object_with_its_parts(events: Callable[[], list[dict[str, Any]]]) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    logging.getLogger("server.any").info("task:%s started: %s", "0a1b-2c", "gas_flux")
    (event,) = events()
    assert before <= datetime.fromisoformat(event.pop("time")) <= datetime.now(UTC)
    assert event == {
        "level": "INFO",
        "logger": "server.any",
        "message": "task:0a1b-2c started: gas_flux",
        "task": "0a1b-2c",
        "process": os.getpid(),
    }


def test_an_event_knows_its_request_by_the_thread_or_by_its_words(events: Callable[[], list[dict[str, Any]]]) -> None:
    token = REQUEST_ID.set("r-1")
    try:
        logging.getLogger("a").warning("task:1: accepted")
    finally:
        REQUEST_ID.reset(token)
    logging.getLogger("a").warning("request:r-2 failed")
    logging.getLogger("a").warning("the words task:1 and request:1 elsewhere name nothing")
    by_thread, by_words, neither = events()
    assert (by_thread["task"], by_thread["request"]) == ("1", "r-1")
    assert by_words["request"] == "r-2" and "task" not in by_words
    assert not {"task", "request"} & neither.keys()


def test_whatever_is_logged_is_one_line(events: Callable[[], list[dict[str, Any]]]) -> None:
    words = 'two\nlines, "quotes", ±, \u2028'
    logging.getLogger("a").warning(words)
    try:
        raise ZeroDivisionError("no\nway")
    except ZeroDivisionError:
        logging.getLogger("a").exception("it failed")
    warnings.warn("a library complains", stacklevel=1)
    said, failed, complained = events()
    assert said["message"] == words
    assert failed["exception"].startswith("Traceback") and failed["exception"].endswith("ZeroDivisionError: no\nway")
    assert "a library complains" in complained["message"]


def test_half_a_character_does_not_break_the_log() -> None:
    # Not through the log itself, of which pytest could not tell its other processes then.
    record = logging.LogRecord("a", logging.INFO, __file__, 1, "half a pair \ud800", None, None)
    line = JsonFormatter().format(record)
    assert json.loads(line.encode("ascii"))["message"] == "half a pair \ud800"


def test_a_job_writes_no_json_since_its_lines_become_events(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LoggingSection(format="json"), to_file=False)
    logging.getLogger("anyone").warning("kept")
    assert capsys.readouterr().err.endswith(" WARNING anyone kept\n")
    logging.captureWarnings(False)


def test_gunicorn_writes_into_the_same_log(
    events: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    own = logging.getLogger("gunicorn.error")
    before = own.handlers[:], own.level, own.propagate
    try:
        ServiceLog(Config()).info("Listening at: %s", "http://127.0.0.1:5000")
    finally:
        own.handlers[:], own.propagate = before[0], before[2]
        own.setLevel(before[1])
    (event,) = events()
    assert (event["logger"], event["message"]) == ("gunicorn.error", "Listening at: http://127.0.0.1:5000")
    assert capsys.readouterr().err == ""
