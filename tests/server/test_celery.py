"""The Celery engine without Celery's worker: what is sent to the broker, when, and how long that may take."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.jobs import celery_app
from server.jobs.celery_app import QUEUE, TASK, CeleryEngine, Messages
from server.jobs.celery_pool import Order, Slot
from server.jobs.celery_worker import Sweep
from server.jobs.model import JobStatus
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.settings import Settings
from tests.server.fakes import open_jobs, registry, request, settings_in, until


class Recorder(Messages):
    """Keeps the ids instead of sending them."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.ids: list[str] = []
        self.reachable = reachable

    def send(self, job_id: str) -> bool:
        if self.reachable:
            self.ids.append(job_id)
        return self.reachable


@contextmanager
def silent_server() -> Iterator[int]:
    """Port of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def with_broker(folder: Path, broker: str) -> Settings:
    """Settings that name a broker."""
    return settings_in(folder, GASFLUX_JOBS_BROKER=broker)


# --- sending --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_does_not_answer_holds_nobody_up_for_long(
    tmp_path: Path, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    with silent_server() as port:
        messages = Messages(with_broker(tmp_path, f"{scheme}://127.0.0.1:{port}/"))
        begin = time.monotonic()
        assert not messages.send("one")
        assert time.monotonic() - begin < 6
        begin = time.monotonic()
        assert not any(messages.send(str(number)) for number in range(100))
        assert time.monotonic() - begin < 0.5
    assert "task:one: the broker can't be reached, which delays it" in caplog.text


def test_a_request_does_not_wait_for_the_broker(tmp_path: Path) -> None:
    with silent_server() as port:
        engine = CeleryEngine(with_broker(tmp_path, f"redis://127.0.0.1:{port}/0"))
        begin = time.monotonic()
        for number in range(100):
            engine.wake(str(number))
        assert time.monotonic() - begin < 0.5
        begin = time.monotonic()
        engine.stop()
        assert time.monotonic() - begin < 5


def test_an_engine_sends_each_id_and_is_done_when_it_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    recorder.close = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr(celery_app, "Messages", lambda settings: recorder)
    engine = CeleryEngine(with_broker(tmp_path, "memory://"))
    for number in range(5):
        engine.wake(str(number))
    engine.stop()
    assert recorder.ids == ["0", "1", "2", "3", "4"]
    # Stopped, it can be started again: a test server reloads.
    engine.wake("5")
    until(lambda: recorder.ids[-1] == "5")
    engine.stop()


def test_a_forked_process_sends_by_a_thread_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setattr(celery_app, "Messages", lambda settings: recorder)
    engine = CeleryEngine(with_broker(tmp_path, "memory://"))
    engine.wake("parent")
    until(lambda: recorder.ids)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            engine.wake("child")
            until(lambda: recorder.ids == ["parent", "child"], 10)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_message_names_the_task_and_the_job(tmp_path: Path) -> None:
    settings = with_broker(tmp_path, "memory://")
    assert Messages(settings).send("the-job")
    with celery_app.celery_app(settings).connection_for_read() as connection, connection.SimpleQueue(QUEUE) as waiting:
        message = waiting.get(timeout=5)
    assert message.headers["task"] == TASK
    assert message.payload[0] == ["the-job"]
    assert message.headers["ignore_result"]


def test_celerys_own_command_finds_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GASFLUX_JOBS_BROKER", "redis://somewhere/3")
    assert celery_app.app.conf.broker_url == "redis://somewhere/3"
    with pytest.raises(AttributeError):
        _ = celery_app.no_such_thing


# --- the sweep ------------------------------------------------------------------------------------


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    """A job table for a machine with three slots, one of them for synchronous requests."""
    made = open_jobs(settings_of_three(tmp_path))
    yield made
    made.close()


def settings_of_three(folder: Path) -> Settings:
    return settings_in(folder, GASFLUX_SERVER_PARALLELPROCESSES="3", GASFLUX_JOBS_SYNC_SLOTS="1")


def accepted(jobs: Jobs, count: int, mode: str) -> list[str]:
    """Ids of jobs that wait, the oldest first."""
    return [jobs.submit(request("echo", "x", mode=mode)).id for _ in range(count)]


def test_a_sweep_sends_no_more_than_can_start(tmp_path: Path, jobs: Jobs) -> None:
    recorder = Recorder()
    sweep = Sweep(settings_of_three(tmp_path), jobs, recorder)
    ids = accepted(jobs, 5, "async")
    assert sweep.turn(late=0) == 2
    assert recorder.ids == ids[:2]
    sync = accepted(jobs, 5, "sync")
    assert sweep.turn(late=0) == 3
    # The two that were sent just now aren't sent again.
    assert recorder.ids[2:] == [ids[2], ids[3], sync[0]]


def test_a_sweep_counts_what_runs_on_this_machine(tmp_path: Path, jobs: Jobs) -> None:
    recorder = Recorder()
    sweep = Sweep(settings_of_three(tmp_path), jobs, recorder)
    accepted(jobs, 6, "async")
    owner = Owner.this_process()
    assert jobs.claim(Owner("elsewhere", 1, 1.0))
    assert jobs.claim(owner)
    assert sweep.turn(late=0) == 1
    assert jobs.claim(owner)
    assert sweep.turn(late=0) == 0
    sync = accepted(jobs, 2, "sync")
    assert sweep.turn(late=0) == 1
    assert recorder.ids[-1] == sync[0]


def test_a_sweep_leaves_alone_what_has_just_come(tmp_path: Path, jobs: Jobs) -> None:
    recorder = Recorder()
    accepted(jobs, 3, "async")
    assert Sweep(settings_of_three(tmp_path), jobs, recorder).turn() == 0
    assert not recorder.ids


def test_a_sweep_without_broker_tries_the_same_jobs_again(tmp_path: Path, jobs: Jobs) -> None:
    recorder = Recorder(reachable=False)
    sweep = Sweep(settings_of_three(tmp_path), jobs, recorder)
    ids = accepted(jobs, 2, "async")
    assert sweep.turn(late=0) == 0
    recorder.reachable = True
    assert sweep.turn(late=0) == 2
    assert recorder.ids == ids


# --- a slot ---------------------------------------------------------------------------------------


def test_a_machine_that_stops_claims_nothing(tmp_path: Path, jobs: Jobs) -> None:
    life, alive = os.pipe()
    slot = Slot(Order(settings_of_three(tmp_path), "", (), "node", life, os.getpid()), registry())
    (job_id,) = accepted(jobs, 1, "async")
    os.close(alive)
    slot.run(job_id)
    os.close(life)
    assert jobs.get(job_id).status is JobStatus.ACCEPTED
