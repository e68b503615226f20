"""What is left of a job's process when the job is over, and for how long."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy.exc import OperationalError

from server.jobs.celery_pool import Order, Slot
from server.jobs.child import Shared, Work
from server.jobs.forked import Forked
from server.jobs.model import Job, JobStatus
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.runner import Runner
from server.jobs.tree import descendant_pids
from server.settings import Settings
from server.store import open_store
from tests.server.fakes import alive, open_jobs, registry, request, settings_in, until


def test_what_a_job_started_is_below_its_process_until_that_is_ended(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    jobs, store = open_jobs(settings), open_store(settings)
    jobs.submit(request("sleeper", "0", mode="async"))
    job = jobs.claim(Owner.this_process())
    assert job is not None
    store.begin_attempt(job.id, job.attempt)
    life, held = os.pipe()
    child = Forked(Shared(settings, store, registry()), life, [held])
    said = []
    try:
        child.give(Work(job, [], None))
        until(lambda: said.extend(child.hear()) or any("outcome" in message for message in said))
        # Time enough for a process that ends by itself.
        time.sleep(0.3)
        child.hear()
        assert not child.gone
        started = [int(pid) for pid in said[0]["progress"][1].split()[1:]]
        assert len(started) == 2
        assert set(started) <= set(descendant_pids(child.pid))
        child.end_soon()
        until(lambda: child.hear() or child.gone, 2)
        assert not any(alive(pid) for pid in started)
    finally:
        child.end()
        child.close()
        os.close(life)
        os.close(held)
        jobs.close()


def test_nothing_is_left_of_a_job_when_its_slot_is_free(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    jobs = open_jobs(settings)
    ids = [jobs.submit(request("sleeper", "0", mode="async")).id for _ in range(3)]
    assert elsewhere(left_by_slot, settings, ids) == [[]] * len(ids)
    assert [jobs.get(job_id).status for job_id in ids] == [JobStatus.SUCCESSFUL] * len(ids)
    jobs.close()


def test_no_process_waits_for_a_job_that_could_not_be_given_to_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    jobs = open_jobs(settings)
    jobs.submit(request("echo", "x", mode="async"))
    first = jobs.claim(Owner.this_process())
    assert first is not None
    jobs.put_back(first.id, first.attempt)
    job = jobs.claim(Owner.this_process())
    assert job is not None
    jobs.close()
    assert elsewhere(left_without_table, settings, job) == []


def elsewhere(look: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a process of its own: a runner takes all children of its process for those of jobs."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        return processes.submit(look, *arguments).result(60)


def children() -> list[str]:
    """The children of this process, living or not."""
    return [f"{child.pid} {child.status()}" for child in psutil.Process().children()]


def left_by_slot(settings: Settings, ids: list[str]) -> list[list[str]]:
    """What a pool process has for children after each of the jobs that it ran."""
    life, _ = os.pipe()
    slot = Slot(Order(settings, "", (), "node", life, os.getppid()), registry())
    slot.open()
    left = []
    for job_id in ids:
        slot.run(job_id)
        left.append(children())
    return left


def left_without_table(settings: Settings, job: Job) -> list[str]:
    """What a runner has for children after it tried to start a job while the table was out of reach."""
    store = open_store(settings)
    jobs = Jobs.open(settings, store)
    runner = Runner(settings, jobs, store, registry(), Owner.this_process())

    def out_of_reach(_: str) -> list[Job]:
        raise OperationalError("select", None, Exception("out of reach"))

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OperationalError):
        patch.setattr(jobs, "children", out_of_reach)
        runner.start(job)
    return children()
