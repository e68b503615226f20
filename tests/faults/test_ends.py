"""Jobs that end badly, are ended, or are asked again: within their limits, in words, with nothing left behind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from processes.diagnostics.boom import SECRET
from tests.faults import tree
from tests.faults.conftest import TIME_LIMIT, Figure
from tests.faults.order import recovery
from tests.faults.service import ECHO, FaultService
from tests.faults.wire import Answer, ask, execute_url, hang_up

CANCEL_BOUND = 2.0
"""Seconds within which a cancelled job's processes are gone."""


def started(service: FaultService, **inputs: object) -> tuple[str, set[int]]:
    """A slow job that is at work, and all its processes."""
    job = service.submit("slow", **{"seconds": 60, "steps": 600, "ignore_term": "true", **inputs})
    service.wait_working(job)
    wanted = 1 + int(str(inputs.get("children", 0)))
    tree.until(lambda: len(service.processes_of(job)) == wanted, 5, "the job has its children")
    return job, service.processes_of(job)


def failed_in_words(service: FaultService, job: str, *words: str) -> Answer:
    """The status document of a job that must have failed, and say why."""
    answer = service.status(job)
    assert answer.status == 200
    assert answer.state == "ProcessFailed", answer.body
    assert all(word in answer.words for word in words), answer.words
    assert answer.words.rstrip().endswith(".")
    assert "Traceback" not in answer.words
    return answer


def test_a_job_that_is_killed_fails_in_words_and_the_queue_moves(service: FaultService, recovered: Figure) -> None:
    job, processes = started(service, children=2)
    first = service.first_process_of(job)
    killed = time.monotonic()
    tree.kill(first)
    service.wait_ended([job])
    recovered("kill -9 of a job", recovery(service, killed))
    failed_in_words(service, job, "signal 9")
    tree.until(lambda: not any(map(tree.alive, processes)), 2, "what the job left behind is gone")


def test_a_job_that_hangs_ends_at_its_time_limit(service: FaultService, figure: Figure) -> None:
    job, processes = started(service, seconds=60, children=2)
    row = service.wait_ended([job], TIME_LIMIT + 4)[0]
    assert row.error is not None
    assert row.error["kind"] == "limit"
    failed_in_words(service, job, f"{TIME_LIMIT} s")
    tree.until(lambda: not any(map(tree.alive, processes)), 1, "the job's processes are gone")
    figure("job hangs", seconds_to_end=row.seconds, limit=TIME_LIMIT)


def test_a_job_that_eats_memory_ends_at_its_limit(service: FaultService, figure: Figure) -> None:
    job = service.submit("hog", megabytes=1500, mode="memory", seconds=30)
    row = service.wait_ended([job], TIME_LIMIT)[0]
    assert row.error is not None
    assert row.error["kind"] == "limit"
    failed_in_words(service, job, "memory", "300")
    figure("job eats memory", seconds_to_end=row.seconds)


def test_a_job_within_its_memory_is_left_alone(service: FaultService) -> None:
    assert service.sync("hog", megabytes=150, mode="memory", seconds=0.5).status == 200


def test_a_job_that_fills_the_disk_ends_at_its_limit(service: FaultService, figure: Figure) -> None:
    job = service.submit("hog", megabytes=400, mode="disk", seconds=30)
    row = service.wait_ended([job], TIME_LIMIT)[0]
    assert row.error is not None
    assert row.error["kind"] == "limit"
    failed_in_words(service, job, "20 MB", "output_limit")
    figure("job fills the disk", seconds_to_end=row.seconds)


def test_what_a_job_forks_ends_with_it(service: FaultService) -> None:
    job, left = started(service, seconds=1.5, steps=6, children=4)
    assert service.wait_ended([job])[0].status == "successful"
    tree.until(lambda: not any(map(tree.alive, left)), 1, "all that the job started is gone")


@pytest.mark.parametrize("by", ["DELETE", "command line"])
def test_a_cancelled_job_is_gone_within_two_seconds(service: FaultService, figure: Figure, by: str) -> None:
    job, processes = started(service, children=3)
    asked = time.monotonic()
    if by == "DELETE":
        assert service.cancel(job).status in (200, 204)
    else:
        # The command itself takes a second to load; the bound counts from when the row says so.
        ran = service.command_line("jobs", "cancel", job)
        assert ran.returncode == 0, ran.stderr
        asked = time.monotonic()
    tree.until(lambda: not any(map(tree.alive, processes)), CANCEL_BOUND, "the job's processes are gone")
    figure(f"cancel by {by}", seconds_until_gone=time.monotonic() - asked)
    assert service.row(job).status == "dismissed"
    failed_in_words(service, job)


def test_a_waiting_job_that_is_cancelled_never_runs(service: FaultService) -> None:
    running = [service.submit("slow", seconds=1.5) for _ in range(2)]
    waiting = service.submit("slow", seconds=1)
    assert service.cancel(waiting).status in (200, 204)
    service.wait_ended(running)
    row = service.row(waiting)
    assert (row.status, row.attempt, row.started) == ("dismissed", 0, None)


def test_a_failed_job_is_tried_again_with_its_inputs(service: FaultService) -> None:
    job, _ = started(service, seconds=1.5, steps=15)
    first = service.first_process_of(job)
    tree.kill(first)
    assert service.wait_ended([job])[0].status == "failed"
    ran = service.command_line("jobs", "retry", job)
    assert ran.returncode == 0, ran.stderr
    assert service.wait_status(job, "successful").attempt == 2
    again = service.command_line("jobs", "retry", job)
    assert again.returncode != 0
    assert again.stderr.strip()


def test_clients_that_hang_up_leave_no_slot_taken(service: FaultService) -> None:
    url = execute_url(service.wps, "slow", {"seconds": 0.5}, stored=False)
    before = set(service.rows())
    with ThreadPoolExecutor(12) as clients:
        list(clients.map(lambda after: hang_up(url, after=after), [0.0, 0.05, 0.2] * 4))
    assert service.sync("echo", **ECHO).status == 200
    jobs = [row for row in service.rows().values() if row.id not in before and row.process == "slow"]
    assert jobs
    ended = service.wait_ended([row.id for row in jobs])
    assert all(row.status in ("successful", "dismissed") for row in ended)


def test_a_secret_in_an_error_stays_in_the_log(service: FaultService) -> None:
    answer = service.sync("boom", how="raise")
    assert answer.status == 500
    job = service.submit("boom", how="raise")
    service.wait_ended([job])
    document = failed_in_words(service, job, job)
    shown = service.command_line("jobs", "show", job)
    assert shown.returncode == 0
    for text in (answer.body.decode(), document.body.decode(), shown.stdout, shown.stderr):
        assert SECRET not in text
        assert "RuntimeError" not in text
    assert SECRET in service.log.read_text()


def test_status_documents_are_never_torn(service: FaultService) -> None:
    order = ["ProcessAccepted", "ProcessStarted", "ProcessSucceeded"]
    jobs = [service.submit("slow", seconds=0.3, steps=30) for _ in range(10)]

    def poll(job: str) -> list[str]:
        states = []
        while not states or states[-1] not in ("ProcessSucceeded", "ProcessFailed"):
            answer = service.status(job)  # its XML must be whole
            assert answer.status == 200
            states.append(answer.state)
        for reference in answer.references:
            assert ask(reference).status == 200, "a result that is told of is there"
        return states

    with ThreadPoolExecutor(10) as clients:
        for states in clients.map(poll, jobs):
            assert states == sorted(states, key=order.index), "a state never goes back"
            assert states[-1] == "ProcessSucceeded"
