"""Many requests at once: the queue is bounded and fair, synchronous requests have their share, all are answered."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import tree
from tests.faults.conftest import Figure
from tests.faults.order import fault_service
from tests.faults.service import BOUND, ECHO, FaultService, Kind
from tests.faults.wire import Answer

AT_ONCE = 1.0
"""Seconds within which a refusal counts as at once; a connection to a loaded machine is in it."""


def refused_as_busy(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.codes == ["ServerBusy"]
    assert int(answer.headers["Retry-After"]) > 0
    assert "again" in answer.words
    assert answer.seconds < AT_ONCE


@contextmanager
def never_more_than_allowed(service: FaultService) -> Iterator[dict[str, int]]:
    """Watch rows and processes while the block runs; the peaks are in what it gives."""
    peaks: dict[str, int] = {}
    with (
        tree.watched(service.running) as rows,
        tree.watched(lambda: service.attempts_at_work()) as at_work,
        tree.watched(lambda: len(service.processes())) as processes,
    ):
        yield peaks
    peaks |= {"running": max(rows), "jobs_at_work": max(at_work), "processes": max(processes)}
    assert peaks["running"] <= service.parallel
    assert peaks["jobs_at_work"] <= service.parallel


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gunicorn", "waitress", "full"])
def test_two_hundred_submissions_in_five_seconds(tmp_path: Path, figure: Figure, kind: Kind) -> None:
    settings = {"server_maxprocesses": "100", "jobs_key_share": "1"}
    with fault_service(tmp_path, kind, **settings) as service, never_more_than_allowed(service) as peaks:
        begin = time.monotonic()
        with ThreadPoolExecutor(20) as clients:

            def send(number: int) -> Answer:
                time.sleep(max(0.0, begin + number * 4.5 / 200 - time.monotonic()))  # the load is spread over the time
                return service.send("slow", seconds=0.1, steps=2)

            answers = list(clients.map(send, range(200)))
        seconds = time.monotonic() - begin
        accepted = [answer.job_id for answer in answers if answer.status == 200]
        refused = [answer for answer in answers if answer.status != 200]
        for answer in refused:
            refused_as_busy(answer)
        assert len(accepted) + len(refused) == 200
        assert len(set(accepted)) == len(accepted)
        rows = service.wait_ended(accepted, 120)
        finished = time.monotonic() - begin
        assert {row.status for row in rows} == {"successful"}
        assert set(service.rows()) == set(accepted)
    figure(
        f"200 async submissions ({kind})",
        submitted_within=seconds,
        accepted=len(accepted),
        refused=len(refused),
        all_finished_after=finished,
        slowest_answer=max(answer.seconds for answer in answers),
        parallel=service.parallel,
        peak_running=peaks["running"],
        peak_jobs_at_work=peaks["jobs_at_work"],
        peak_processes=peaks["processes"],
    )
    assert seconds <= 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gunicorn", "waitress", "full"])
def test_sixty_sync_requests_while_async_jobs_fill_their_slots(tmp_path: Path, figure: Figure, kind: Kind) -> None:
    with fault_service(tmp_path, kind, jobs_key_share="1") as service, never_more_than_allowed(service):
        jobs = [service.submit("slow", seconds=3) for _ in range(8)]
        tree.until(lambda: service.running() == 2, 5, "the async jobs fill their slots")
        begin = time.monotonic()
        with ThreadPoolExecutor(60) as clients:
            answers = list(clients.map(lambda _: service.sync("echo", **ECHO), range(60)))
        seconds = time.monotonic() - begin
        assert [answer.status for answer in answers] == [200] * 60
        assert any(service.row(job).status != "successful" for job in jobs), "they were answered while async jobs ran"
        times = sorted(answer.seconds for answer in answers)
        figure(
            f"60 sync requests while async jobs fill their slots ({kind})",
            all_answered_after=seconds,
            median=statistics.median(times),
            slowest=times[-1],
        )
        service.wait_ended(jobs, 60)


@pytest.mark.slow
def test_a_single_slot_lets_sync_requests_go_first(tmp_path: Path) -> None:
    with fault_service(tmp_path, server_parallelprocesses="1") as service, never_more_than_allowed(service):
        jobs = [service.submit("slow", seconds=1) for _ in range(6)]
        tree.until(lambda: service.running() == 1, 5, "the slot is taken")
        with ThreadPoolExecutor(5) as clients:
            answers = list(clients.map(lambda _: service.sync("echo", **ECHO), range(5)))
        assert [answer.status for answer in answers] == [200] * 5
        assert sum(service.row(job).status == "accepted" for job in jobs) >= 3
        service.wait_ended(jobs)


@pytest.mark.slow
def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    with fault_service(tmp_path, server_maxprocesses="5", jobs_key_share="1") as service:
        running = [service.submit("slow", seconds=4) for _ in range(2)]
        tree.until(lambda: service.running() == 2, 5, "the async jobs fill their slots")
        waiting = [service.submit("slow", seconds=0.1) for _ in range(5)]
        for _ in range(5):
            refused_as_busy(service.send("slow", seconds=0.1))
        assert set(service.rows()) == {*running, *waiting}, "what is refused leaves no row"
        assert service.sync("echo", **ECHO).status == 200, "a queue full of async jobs refuses no sync request"
        service.wait_ended([*running, *waiting])
        assert service.send("echo", **ECHO).status == 200


@pytest.mark.slow
def test_first_in_first_out(tmp_path: Path) -> None:
    with fault_service(tmp_path) as service:
        jobs = [service.submit("slow", seconds=0.1) for _ in range(12)]
        rows = service.wait_ended(jobs)
        begins = [str(row.started) for row in rows]
        assert begins == sorted(begins)


@pytest.mark.slow
def test_one_clients_thousand_jobs_dont_starve_anothers_one(tmp_path: Path, figure: Figure) -> None:
    with fault_service(tmp_path, security_keys="execute", server_maxprocesses="100") as service:
        heads = []
        for name in ("many", "one"):
            made = service.command_line("key", "create", "--name", name)
            assert made.returncode == 0, made.stderr
            heads.append({"X-API-Key": made.stdout.split()[-1]})
        service.client = heads[0]
        first = list(itertools.takewhile(lambda answer: answer.status == 200, _endless(service)))
        assert 50 <= len(first) <= 60, "half of the queue, and those that ran meanwhile"
        refused_as_busy(service.send("slow", seconds=0.3))
        service.client = heads[1]
        sent = time.monotonic()
        one = service.submit("slow", seconds=0.3)
        row = service.wait_ended([one])[0]
        figure("one job behind another client's many", seconds=time.monotonic() - sent, many=len(first))
        rows = [service.row(answer.job_id) for answer in first]
        before = [other for other in rows if other.started and row.created < other.started < str(row.started)]
        assert len(before) <= 2, "it is next"
        service.client = heads[0]
        for answer in first:
            service.cancel(answer.job_id)
        service.wait_ended(list(service.rows()))


def _endless(service: FaultService) -> Iterator[Answer]:
    while True:
        yield service.send("slow", seconds=0.3)


@pytest.mark.slow
def test_identical_requests_in_flight_share_one_job_where_set(tmp_path: Path) -> None:
    with fault_service(tmp_path, jobs_share_identical="true") as service:
        with ThreadPoolExecutor(6) as clients:
            same = list(clients.map(lambda _: service.submit("slow", seconds=1.5), range(6)))
        other = service.submit("slow", seconds=1.6)
        assert len(set(same)) == 1
        assert other != same[0]
        # One of those who share goes away: the others still have their job.
        assert service.cancel(same[0]).status in (200, 204)
        assert service.row(same[0]).status in ("accepted", "running")
        service.wait_ended([same[0], other])
        assert service.row(same[0]).status == "successful"
        assert service.submit("slow", seconds=1.5) not in same, "what has ended is not in flight"


@pytest.mark.slow
def test_identical_requests_have_a_job_each_where_not_set(tmp_path: Path) -> None:
    with fault_service(tmp_path) as service:
        assert len({service.submit("slow", seconds=0.5) for _ in range(3)}) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrun", "status", "ends"), [("continue", 503, "successful"), ("dismiss", 504, "dismissed")]
)
def test_a_sync_request_waits_no_longer_than_its_bound(tmp_path: Path, overrun: str, status: int, ends: str) -> None:
    with fault_service(tmp_path, jobs_sync_wait="2", jobs_sync_overrun=overrun) as service:
        answer = service.sync("slow", seconds=4)
        assert 1.9 < answer.seconds < 3.5
        assert answer.status == status
        assert "2 s" in answer.words
        (row,) = service.rows().values()
        assert (row.id in answer.words) == (overrun == "continue"), "where to read of a job that goes on"
        assert service.wait_ended([row.id])[0].status == ends
        assert service.sync("echo", **ECHO).status == 200


@pytest.mark.slow
def test_sync_requests_behind_a_full_sync_slot_are_answered_or_refused(tmp_path: Path) -> None:
    with fault_service(tmp_path, server_maxprocesses="10") as service, ThreadPoolExecutor(30) as clients:
        begin = time.monotonic()
        answers = list(clients.map(lambda _: service.sync("slow", seconds=0.5), range(30)))
        assert time.monotonic() - begin < BOUND
        for answer in answers:
            if answer.status != 200:
                refused_as_busy(answer)
        assert sum(answer.status == 200 for answer in answers) >= 10
