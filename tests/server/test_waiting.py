"""Waiting for the ends of jobs, by few looks at the table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from sqlalchemy import event

from server.jobs.model import JobStatus
from server.jobs.queue import Jobs, NoSuchJob
from server.jobs.waiting import EndWatch
from tests.server.job_tables import FAILURE, OpenTable, asked, claimed


def until(true: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"did not come to be within {seconds} s"
        time.sleep(0.005)


@contextmanager
def waiting_for(jobs: Jobs, job_id: str, timeout: float = 60) -> Iterator[list[Any]]:
    """Someone waits for the job; the list gets what they are told, or why not."""
    told: list[Any] = []

    def wait() -> None:
        try:
            told.append(jobs.wait(job_id, timeout))
        except Exception as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: job_id in jobs._watch._awaited)
    yield told
    thread.join(30)
    assert len(told) == 1


def end_by(jobs: Jobs, end: str, job_id: str) -> None:
    if end == "finish":
        jobs.finish(job_id, 1, {})
    elif end == "fail":
        jobs.fail(job_id, 1, FAILURE)
    else:
        jobs.dismiss(job_id)


@pytest.mark.parametrize(("end", "status"), [("finish", "successful"), ("fail", "failed"), ("dismiss", "dismissed")])
def test_waiting_ends_with_the_job_whichever_process_ends_it(table: OpenTable, end: str, status: str) -> None:
    jobs, other = table(), table()
    job_id = jobs.submit(asked()).id
    with waiting_for(jobs, job_id) as told:
        claimed(other)
        assert told == []
        end_by(other, end, job_id)
        ended = time.monotonic()
    assert (told[0].id, told[0].status) == (job_id, status)
    assert time.monotonic() - ended < 5
    until(lambda: not any(thread.name == "end-watch" for thread in threading.enumerate()))


def test_waiting_ends_with_the_time(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked()).id
    start = time.monotonic()
    assert jobs.wait(job_id, 0.2).status is JobStatus.ACCEPTED
    assert time.monotonic() - start >= 0.2
    assert jobs.wait(job_id, 0).status is JobStatus.ACCEPTED


def test_who_waits_for_what_has_ended_is_told_at_once(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked()).id
    jobs.dismiss(job_id)
    assert jobs.wait(job_id, 60).status is JobStatus.DISMISSED
    assert jobs._watch._thread is None


def test_a_job_that_is_forgotten_is_waited_for_no_longer(table: OpenTable) -> None:
    jobs, other = table(), table()
    job_id = jobs.submit(asked()).id
    with waiting_for(jobs, job_id) as told:
        other.dismiss(job_id)
        other.remove(job_id)
    assert isinstance(told[0], NoSuchJob) or told[0].status is JobStatus.DISMISSED


def test_nobody_waits_when_the_service_stops(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked()).id
    start = time.monotonic()
    with waiting_for(jobs, job_id) as told:
        jobs.stop_waiting()
    assert told[0].status is JobStatus.ACCEPTED
    assert jobs.wait(job_id, 60).status is JobStatus.ACCEPTED  # nor does anyone begin to
    assert time.monotonic() - start < 30


def test_sixty_who_wait_cost_one_query_a_look(table: OpenTable) -> None:
    jobs, other = table(), table()
    ids = [jobs.submit(asked()).id for _ in range(60)]
    looks: list[int] = []

    def looked_often() -> bool:
        # Where the table can tell that nothing was written, it isn't read.
        other.dismiss(other.submit(asked()).id)
        return len(looks) >= 10

    with ThreadPoolExecutor(60) as pool:
        answers = [pool.submit(jobs.wait, job_id, 60.0) for job_id in ids]
        until(lambda: len(jobs._watch._awaited) == 60)

        @event.listens_for(jobs._engine, "before_cursor_execute")
        def note(connection: object, cursor: object, statement: str, parameters: Any, *_: object) -> None:
            if statement.startswith("SELECT"):
                looks.append(sum(value in ids for value in values(parameters)))

        start = time.monotonic()
        until(looked_often)
        passed = time.monotonic() - start
        seen = list(looks)
        event.remove(jobs._engine, "before_cursor_execute", note)
        # Each look asks for all of them, and there are no more looks than one each 2 ms.
        assert set(seen) == {60}
        assert len(seen) <= passed / 0.002 + 2
        for job_id in ids:
            jobs.dismiss(job_id)
        assert {answer.result(30).status for answer in answers} == {JobStatus.DISMISSED}


def values(parameters: Any) -> list[Any]:
    return list(parameters.values() if isinstance(parameters, dict) else parameters)


# --- the watch itself -----------------------------------------------------------------------------


def test_a_table_in_which_nothing_is_written_is_not_read() -> None:
    reads: list[frozenset[str]] = []
    changed = [0]

    def unended(ids: Set[str]) -> set[str]:
        reads.append(frozenset(ids))
        return set(ids) if changed[0] < 2 else set()

    watch = EndWatch(unended, lambda: nullcontext(lambda: changed[0]))
    waiter = threading.Thread(target=watch.wait, args=("a", 60.0))
    waiter.start()
    until(lambda: reads)
    time.sleep(0.05)
    assert reads == [{"a"}]
    changed[0] = 1
    until(lambda: len(reads) == 2)
    changed[0] = 2
    waiter.join(10)
    assert not waiter.is_alive()
    assert len(reads) == 3


def test_looks_become_rare_when_nobody_has_begun_to_wait_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    pauses: list[float] = []
    watch: EndWatch

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        pauses.append(round(seconds, 3))
        if now > 3:
            watch.stop()

    class Clock:
        monotonic = staticmethod(lambda: now)

    Clock.sleep = staticmethod(sleep)  # type: ignore[attr-defined]
    monkeypatch.setattr("server.jobs.waiting.time", Clock)
    watch = EndWatch(lambda ids: set(ids))
    watch.wait("a", 60)
    quick = pauses.index(0.05)
    assert set(pauses[:quick]) == {0.01} and 99 <= quick <= 101
    assert set(pauses[quick:]) == {0.05}


def test_a_table_out_of_reach_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.jobs.waiting._FAULT_SECONDS", 0.01)
    looks = 0

    def unended(ids: Set[str]) -> set[str]:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise ConnectionError("away")
        return set()

    start = time.monotonic()
    EndWatch(unended).wait("a", 60)
    assert looks == 3 and time.monotonic() - start < 30
    assert "away" in caplog.text


def test_each_is_told_of_the_own_job_only() -> None:
    unended = {"a", "b"}
    watch = EndWatch(lambda ids: unended & set(ids))
    with ThreadPoolExecutor(3) as pool:
        first, second, other = (pool.submit(watch.wait, job_id, 60) for job_id in ("a", "a", "b"))
        until(lambda: sum(len(waiters) for waiters in watch._awaited.values()) == 3)
        unended.remove("a")
        first.result(30)
        second.result(30)
        assert not other.done()
        unended.clear()
        other.result(30)
    until(lambda: watch._thread is None)
    assert watch._awaited == {}
