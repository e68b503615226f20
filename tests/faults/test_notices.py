"""Notices to subscribers over deaths of the service: what ended is told, if late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from server.jobs.model import Job, NoticeState
from server.jobs.notices import PAUSES
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest, Subscriber
from server.settings import load_settings
from server.store import open_store
from tests.acceptance.running import free_port
from tests.faults import tree
from tests.faults.machines import farm, redis
from tests.faults.order import fault_service
from tests.faults.service import BOUND, FaultService
from tests.server.receivers import receiving

pytestmark = pytest.mark.slow

AGAIN = PAUSES[0] + BOUND
"""Seconds within which a notice that was lost with who delivered it comes again."""


@contextmanager
def table_of(service: FaultService) -> Iterator[Jobs]:
    """The job table of a running service."""
    settings = load_settings(environ=service.environment)
    jobs = Jobs.open(settings, open_store(settings))
    try:
        yield jobs
    finally:
        jobs.close()


def submit(jobs: Jobs, seconds: float, told: Subscriber) -> str:
    inputs = {"seconds": [InputItem(text=str(seconds))]}
    return jobs.submit(JobRequest("slow", inputs, mode="async", subscriber=told)).id


def noted(jobs: Jobs, job_id: str, state: NoticeState, seconds: float = AGAIN) -> Job:
    tree.until(lambda: jobs.get(job_id).notice is state, seconds, f"the notice is {state}")
    return jobs.get(job_id)


def test_the_supervisor_is_killed_between_the_end_of_a_job_and_its_notice(tmp_path: Path) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(fault_service(tmp_path, security_allowed_hosts="127.0.0.1"))
        jobs = stack.enter_context(table_of(service))
        port = free_port()
        told = Subscriber(f"http://127.0.0.1:{port}/ok/end", f"http://127.0.0.1:{port}/ok/progress")
        job_id = submit(jobs, 0.2, told)
        service.wait_ended([job_id])
        # Nobody answers there, so what is due stays due.
        tree.until(lambda: jobs.get(job_id).notice_text, BOUND, "it was tried in vain")
        killed = service.wait_supervisor()
        tree.kill(killed)
        receiver = stack.enter_context(receiving(port))
        assert noted(jobs, job_id, NoticeState.DELIVERED).notice_text == ""
        assert service.wait_supervisor() != killed
        assert len(receiver.told("/ok/end")) == 1
        assert receiver.told("/ok/progress") == [], "the job had ended"


def test_everything_is_killed_while_a_notice_is_under_way(tmp_path: Path) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(fault_service(tmp_path, security_allowed_hosts="127.0.0.1"))
        jobs = stack.enter_context(table_of(service))
        silent = stack.enter_context(receiving())
        job_id = submit(jobs, 0.2, Subscriber(f"{silent.url}/hang"))
        tree.until(lambda: silent.asked, BOUND, "the notice is under way")
        service.crash()
        assert jobs.get(job_id).notice is NoticeState.DUE
        silent.free.set()
        asked = len(silent.asked)
        service.start()
        tree.until(lambda: len(silent.asked) > asked, AGAIN, "the notice comes again")


def test_a_service_without_web_workers_leaves_notices_for_the_next_start(tmp_path: Path) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(fault_service(tmp_path, security_allowed_hosts="127.0.0.1"))
        jobs = stack.enter_context(table_of(service))
        port = free_port()
        ids = [submit(jobs, 0.1, Subscriber(f"http://127.0.0.1:{port}/ok/{number}")) for number in range(10)]
        service.wait_ended(ids)
        service.stop()
        receiver = stack.enter_context(receiving(port))
        service.start()
        for job_id in ids:
            noted(jobs, job_id, NoticeState.DELIVERED, 2 * AGAIN)
        assert sorted(path for _, path, _, _ in receiver.asked) == sorted(f"/ok/{number}" for number in range(10))


def test_machines_that_die_leave_their_notices_to_another(tmp_path: Path) -> None:
    """With Celery, whichever machine ran the job."""
    with ExitStack() as stack:
        broker = stack.enter_context(redis(tmp_path))
        made = stack.enter_context(farm(tmp_path, broker.url, security_allowed_hosts="127.0.0.1"))
        silent = stack.enter_context(receiving())
        lost = [made.add(), made.add()]
        hung = made.submit("echo", "a", subscriber=Subscriber(f"{silent.url}/hang"))
        told = [made.submit("echo", str(n), subscriber=Subscriber(f"{silent.url}/ok/{n}")) for n in range(10)]
        for job_id in told:
            noted(made.jobs, job_id, NoticeState.DELIVERED)
        assert len(silent.asked) == 11, "each was told once"
        assert made.jobs.get(hung).notice is NoticeState.DUE
        for machine in lost:
            machine.crash()
        asked = len(silent.asked)
        made.add()
        tree.until(lambda: len(silent.asked) > asked, AGAIN, "the notice comes again")
