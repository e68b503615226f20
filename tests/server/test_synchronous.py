"""How many may wait for a job that goes on by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from gasflux_core.errors import Busy
from server.jobs.model import Job, JobStatus
from server.jobs.queue import Jobs
from server.synchronous import SynchronousJobs
from tests.server.fakes import settings_in, until
from tests.server.test_outlook import JOB


class SlowJobs:
    """A table on which every wait lasts until the test says so."""

    def __init__(self) -> None:
        self.waiting = 0
        self.over = threading.Event()

    def wait(self, job_id: str, seconds: float) -> Job:
        self.waiting += 1
        assert self.over.wait(30)
        return cast(Job, type("Ended", (), {"id": job_id, "status": JobStatus.SUCCESSFUL}))


@pytest.mark.parametrize(("threads", "most", "some"), [("8", 4, 2), ("6", 2, 1), ("2", 1, 1)])
def test_only_a_part_of_the_places_is_theirs(tmp_path: Path, threads: str, most: int, some: int) -> None:
    table = SlowJobs()
    synchronous = SynchronousJobs(settings_in(tmp_path, GASFLUX_THREADS=threads), cast(Jobs, table))

    def run() -> Any:
        return synchronous.run(lambda: JOB, "send it otherwise", str)

    with ThreadPoolExecutor(most) as pool:
        asked: list[Callable[[], Any]] = [lambda: synchronous.wait(JOB, 30)] * some + [run] * (most - some)
        answers = [pool.submit(one) for one in asked]
        until(lambda: table.waiting == most)
        # No place is left for anyone: the one is told how the job is now, the other to come again.
        assert synchronous.wait(JOB, 30) is JOB
        with pytest.raises(Busy, match="send it otherwise"):
            run()
        table.over.set()
        assert {one.result(30).status for one in answers} == {JobStatus.SUCCESSFUL}
    assert synchronous.wait(JOB, 30).status is JobStatus.SUCCESSFUL


def test_those_who_can_not_wait_otherwise_keep_their_places(tmp_path: Path) -> None:
    table = SlowJobs()
    synchronous = SynchronousJobs(settings_in(tmp_path, GASFLUX_THREADS="8"), cast(Jobs, table))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(lambda: synchronous.wait(JOB, 30)) for _ in range(2)]
        until(lambda: table.waiting == 2)
        assert synchronous.wait(JOB, 30) is JOB
        waiting.append(pool.submit(lambda: synchronous.run(lambda: JOB, "", str)))
        until(lambda: table.waiting == 3)
        table.over.set()
        assert all(one.result(30).status is JobStatus.SUCCESSFUL for one in waiting)
