"""Processes of the service that are killed: every accepted job comes to an end, and the service goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults import tree
from tests.faults.conftest import Figure
from tests.faults.order import fault_service, recovery
from tests.faults.service import BOUND, ECHO, FaultService, Kind
from tests.faults.wire import Answer, ask, execute_url, upload_document

pytestmark = pytest.mark.slow


def busy(service: FaultService, seconds: float = 4) -> tuple[list[str], list[str]]:
    """Give all slots for async jobs something to do, and more to wait: (running, waiting)."""
    running = [service.submit("slow", seconds=seconds, steps=40, children=2) for _ in range(2)]
    waiting = [service.submit("slow", seconds=0.2) for _ in range(4)]
    for job in running:
        service.wait_working(job)
    return running, waiting


def all_successful(service: FaultService, jobs: list[str], seconds: float = 40) -> None:
    for row in service.wait_ended(jobs, seconds):
        assert row.status == "successful", row


@pytest.mark.parametrize("kind", ["gunicorn", "full"])
def test_a_web_worker_is_killed(tmp_path: Path, recovered: Figure, kind: Kind) -> None:
    with fault_service(tmp_path, kind) as service, ThreadPoolExecutor() as clients:
        running, waiting = busy(service)
        one, other = sorted(service.web_workers())
        supervisor = service.supervisor()
        cut: list[Future[Answer]] = [clients.submit(service.sync, "slow", seconds=1) for _ in range(4)]
        tree.until(lambda: len(service.rows()) == 10, 5, "the synchronous requests are accepted")
        killed = time.monotonic()
        tree.kill(one)
        recovered(f"kill -9 of a web worker ({kind})", recovery(service, killed))
        all_successful(service, running + waiting)
        assert [service.row(job).attempt for job in running] == [1, 1], "running jobs go on"
        assert service.supervisor() == supervisor
        # Those of the other worker are answered; those of the killed one have lost their line and not their jobs.
        outcomes = [client.exception() for client in cut]
        assert all(error is None or isinstance(error, OSError) or "Remote" in repr(error) for error in outcomes)
        all_successful(service, list(service.rows()))
        tree.until(lambda: len(service.web_workers()) == 2, BOUND, "there are two web workers again")
        assert other in service.web_workers()


@pytest.mark.parametrize("kind", ["gunicorn", "waitress", "full"])
def test_the_supervisor_is_killed(tmp_path: Path, recovered: Figure, kind: Kind) -> None:
    with fault_service(tmp_path, kind) as service:
        running, waiting = busy(service)
        supervisor = service.supervisor()
        assert supervisor is not None
        jobs_of_old = tree.below(supervisor) - {supervisor}
        killed = time.monotonic()
        tree.kill(supervisor)
        tree.until(lambda: not any(map(tree.alive, jobs_of_old)), 5, "its jobs' processes end with it")
        ended = time.monotonic() - killed
        seconds = recovery(service, killed)
        recovered(f"kill -9 of the supervisor ({kind})", seconds, seconds_until_children_gone=ended)
        all_successful(service, running + waiting)
        assert {(row.attempt, row.losses) for row in map(service.row, running)} == {(2, 1)}


def test_the_supervisor_is_stopped_for_long_and_comes_back(tmp_path: Path, recovered: Figure) -> None:
    """As where a machine sleeps, or a disk hangs: whoever goes on with its jobs, each has one result."""
    with fault_service(tmp_path) as service:
        running, waiting = busy(service, seconds=2)
        supervisor = service.wait_supervisor()
        os.kill(supervisor, signal.SIGSTOP)
        try:
            time.sleep(15)  # the fault itself: longer than the silence after which an owner elsewhere counts as lost
            assert service.send("echo", **ECHO).status == 200
        finally:
            os.kill(supervisor, signal.SIGCONT)
        back = time.monotonic()
        recovered("supervisor stopped for 15 s (SIGSTOP)", recovery(service, back))
        all_successful(service, running + waiting)


def test_the_master_is_killed_and_the_service_started_again(tmp_path: Path, recovered: Figure) -> None:
    with fault_service(tmp_path) as service:
        running, waiting = busy(service)
        tree.kill(service.master)
        service.reap()
        # As systemd's Restart does, without waiting for the old web workers to notice.
        up = service.start()
        recovered("kill -9 of gunicorn's master", recovery(service, up))
        all_successful(service, running + waiting)


def test_the_master_is_killed_and_nobody_starts_it_again(tmp_path: Path, figure: Figure) -> None:
    with fault_service(tmp_path) as service:
        running, waiting = busy(service, seconds=20)
        killed = time.monotonic()
        tree.kill(service.master)
        service.wait_gone(GONE)
        figure("kill -9 of gunicorn's master, not started again", seconds_until_gone=time.monotonic() - killed)
        assert {service.row(job).status for job in running + waiting} == {"accepted"}
        assert {service.row(job).losses for job in running} == {0}
        service.start()
        all_successful(service, running + waiting, 60)


GONE = 40.0
"""Seconds until a service without a master has ended: its web workers finish what they have at hand."""


@pytest.mark.parametrize("kind", ["gunicorn", "waitress", "full"])
def test_everything_is_killed_at_once(tmp_path: Path, recovered: Figure, kind: Kind) -> None:
    with fault_service(tmp_path, kind) as service:
        running, _ = busy(service)
        accepted, stop = storm(service)
        tree.until(lambda: len(accepted) > 20, BOUND, "requests come in")
        service.crash()
        stop()
        up = service.start()
        seconds = recovery(service, up)
        assert set(accepted) <= set(service.rows()), "what was accepted is in the table"
        recovered(f"everything killed at once ({kind})", seconds, accepted=len(service.rows()))
        all_successful(service, list(service.rows()), 60)
        assert {(row.attempt, row.losses) for row in map(service.row, running)} == {(2, 1)}


def storm(service: FaultService) -> tuple[list[str], Callable[[], None]]:
    """Clients that send jobs with uploads without end: the ids of those accepted, and what stops them."""
    accepted: list[str] = []
    going = [True]
    document = upload_document("echo_complex", "text", "a,b\n" * 20_000, "text/plain")

    def send() -> None:
        while going[0]:
            with contextlib.suppress(Exception):  # the line is cut in any way there is
                answer = ask(service.wps, method="POST", body=document, headers={"Content-Type": "text/xml"})
                if answer.status == 200:
                    accepted.append(answer.job_id)

    clients = ThreadPoolExecutor(4)
    for _ in range(4):
        clients.submit(send)

    def stop() -> None:
        going[0] = False
        clients.shutdown()

    return accepted, stop


def test_a_job_that_is_lost_twice_is_given_up_in_words(tmp_path: Path) -> None:
    with fault_service(tmp_path) as service:
        job = service.submit("slow", seconds=60, steps=600)
        for attempt in (1, 2):
            tree.until(lambda: service.wait_working(job).attempt == attempt, BOUND, "the job runs")  # noqa: B023
            service.crash()
            up = service.start()
        row = service.wait_ended([job])[0]
        assert time.monotonic() - up < BOUND
        assert (row.status, row.losses) == ("failed", 2)
        words = service.status(job).words
        assert "twice" in words or "2 times" in words, words


@pytest.mark.parametrize("kind", ["gunicorn", "full"])
def test_sigterm_ends_all_within_ten_seconds_and_loses_nothing(
    tmp_path: Path, recovered: Figure, figure: Figure, kind: Kind
) -> None:
    with fault_service(tmp_path, kind) as service, ThreadPoolExecutor() as clients:
        running, waiting = busy(service, seconds=30)
        lines = [clients.submit(service.sync, "slow", seconds=30) for _ in range(5)]
        tree.until(lambda: len(service.rows()) == 11, 5, "the synchronous requests are accepted")
        tree.until(lambda: service.running() == 3, 5, "all slots are taken")
        seconds = service.stop()
        figure(f"SIGTERM ({kind})", seconds_until_gone=seconds)
        for line in lines:
            answer = line.result()
            assert answer.status == 503, "a client that waited is told"
            assert answer.words.endswith(".")
        rows = service.rows()
        assert {row.status for row in rows.values()} == {"accepted"}
        assert {row.losses for row in rows.values()} == {0}
        up = service.start()

        def cancel_long_ones() -> None:
            assert service.row(running[0]).attempt == 2, "the job is taken up again"
            for row in service.rows().values():
                if row.status != "successful" and row.id not in waiting:
                    service.cancel(row.id)

        recovered(f"SIGTERM and start ({kind})", recovery(service, up, cancel_long_ones))
        all_successful(service, waiting)


def test_sigterm_to_waitress_ends_all_within_ten_seconds(tmp_path: Path, recovered: Figure, figure: Figure) -> None:
    with fault_service(tmp_path, "waitress") as service:
        running, waiting = busy(service)
        figure("SIGTERM (waitress)", seconds_until_gone=service.stop())
        assert {row.losses for row in service.rows().values()} == {0}
        up = service.start()
        recovered("SIGTERM and start (waitress)", recovery(service, up))
        all_successful(service, running + waiting)


@pytest.mark.parametrize("kind", ["gunicorn", "full"])
def test_hup_reloads_and_running_jobs_go_on(tmp_path: Path, recovered: Figure, kind: Kind) -> None:
    with fault_service(tmp_path, kind) as service:
        running, waiting = busy(service, seconds=6)
        before = service.web_workers()
        reloaded = time.monotonic()
        os.kill(service.master, signal.SIGHUP)
        tree.until(lambda: len(service.web_workers() - before) == 2, BOUND, "there are new web workers")
        fresh = service.submit("echo", **ECHO)
        recovered(f"HUP ({kind})", recovery(service, reloaded))
        all_successful(service, [*running, *waiting, fresh])
        assert {(row.attempt, row.losses) for row in map(service.row, running)} == {(1, 0)}
        tree.until(lambda: not before & service.processes(), 60, "the old web workers are gone")


def test_sigterm_while_clients_hold_their_lines(tmp_path: Path, recovered: Figure, figure: Figure) -> None:
    """A client that sends half a request, and one that keeps a line open, must not take the jobs' time to end."""
    with fault_service(tmp_path) as service, contextlib.ExitStack() as lines:
        running, waiting = busy(service, seconds=12)
        for head in ("POST /wps HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf", "", "GET /wps HT"):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            line.sendall(head.encode())
        seconds = service.stop()
        figure("SIGTERM while clients hold their lines", seconds_until_gone=seconds)
        assert {row.losses for row in service.rows().values()} == {0}
        up = service.start()
        recovered("SIGTERM while clients hold their lines, and start", recovery(service, up))
        all_successful(service, running + waiting)


def test_hup_again_and_again_under_load(tmp_path: Path) -> None:
    with fault_service(tmp_path) as service:
        jobs = []
        for _ in range(4):
            jobs += [service.submit("slow", seconds=0.3) for _ in range(4)]
            with tree.watched(service.running) as seen:
                os.kill(service.master, signal.SIGHUP)
                time.sleep(1)  # some reloads meet the one before at work
            assert max(seen) <= service.parallel
        all_successful(service, jobs)
        assert {service.row(job).losses for job in jobs} == {0}


def test_two_supervisors_killed_under_load(tmp_path: Path, recovered: Figure) -> None:
    """Kill whoever leads, again and again, while jobs come: never too many run, none is lost."""
    with fault_service(tmp_path) as service:
        jobs = [service.submit("slow", seconds=0.4) for _ in range(20)]
        with tree.watched(service.running) as seen:
            for _ in range(2):
                leader = service.wait_supervisor()
                killed = time.monotonic()
                tree.kill(leader)
                service.wait_supervisor(other_than=leader)
            recovered("kill -9 of two supervisors in a row", recovery(service, killed))
        assert max(seen) <= service.parallel
        for row in service.wait_ended(jobs, 40):
            assert row.status == "successful" or (row.losses == 2 and row.error), row


def test_a_web_worker_killed_with_a_request_half_sent(tmp_path: Path) -> None:
    with fault_service(tmp_path) as service:
        url = execute_url(service.wps, "slow", {"seconds": 1}, stored=False)
        with ThreadPoolExecutor() as clients:
            lines = [clients.submit(ask, url) for _ in range(3)]
            tree.until(lambda: len(service.rows()) == 3, 5, "the requests are accepted")
            for worker in service.web_workers():
                tree.kill(worker)
            for line in lines:
                assert line.exception() is not None
        tree.until(lambda: len(service.web_workers()) == 2, BOUND, "there are web workers again")
        tree.until(service.echo_works, BOUND, "an echo works")
        all_successful(service, list(service.rows()))
