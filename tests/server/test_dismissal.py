"""Dismissing jobs, whatever else happens to them just then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from server.access import Access
from server.errors import JobInUse, NotOwnJob
from server.execution import Execution
from server.jobs.model import Job, JobStatus
from server.jobs.owner import Owner
from server.jobs.queue import Jobs, NoSuchJob
from server.jobs.request import JobRequest, SubJob
from server.keys import Keys
from tests.server.fakes import open_jobs, settings_in

OWNER = Owner.this_process()
ASKED = JobRequest("any", {}, mode="async")


@dataclass(frozen=True)
class Table:
    """A job table on which nobody works but the test, and a client's request at hand."""

    jobs: Jobs
    execution: Execution

    def accepted(self, client: str = "") -> Job:
        return self.jobs.submit(ASKED, client=client)

    def running(self) -> Job:
        self.accepted()
        job = self.jobs.claim(OWNER)
        assert job is not None
        return job

    def ended(self) -> Job:
        job = self.running()
        assert self.jobs.finish(job.id, job.attempt, {})
        return self.jobs.get(job.id)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    settings = settings_in(tmp_path)
    jobs = open_jobs(settings)
    execution = Execution(settings, jobs, {}, Access(settings, Keys.open(settings.jobs.database)))
    with Flask("test").test_request_context():
        yield Table(jobs, execution)
    jobs.close()


def is_gone(table: Table, job: Job) -> bool:
    try:
        table.jobs.get(job.id)
    except NoSuchJob:
        return True
    return False


def test_what_waits_or_runs_is_cancelled_and_stays_known(table: Table) -> None:
    for job in (table.running(), table.accepted()):
        told, kept = table.execution.forget(job.id)
        assert (told.status, kept) == (JobStatus.DISMISSED, True)
        assert table.jobs.get(job.id).status is JobStatus.DISMISSED


def test_what_has_ended_is_removed(table: Table) -> None:
    job = table.ended()
    told, kept = table.execution.forget(job.id)
    assert (told.status, kept) == (JobStatus.DISMISSED, False)
    assert is_gone(table, job)


def test_what_was_cancelled_before_is_removed(table: Table) -> None:
    job = table.jobs.dismiss(table.accepted().id)
    assert table.execution.forget(job.id)[1] is False
    assert is_gone(table, job)


def test_what_ends_just_now_is_removed(table: Table) -> None:
    job = table.running()
    table.jobs.finish(job.id, job.attempt, {})
    told, kept = table.execution.forget(job.id)
    assert (told.status, kept) == (JobStatus.DISMISSED, False)
    assert is_gone(table, job)


def test_what_was_removed_just_now_is_told(table: Table) -> None:
    job = table.accepted()
    table.execution.forget(table.jobs.dismiss(job.id).id)
    with pytest.raises(NoSuchJob):
        table.execution.forget(job.id)


def test_what_another_key_sent_is_left_alone(table: Table) -> None:
    job = table.accepted("0123abcd")
    with pytest.raises(NotOwnJob):
        table.execution.forget(job.id)
    with pytest.raises(NotOwnJob):
        table.execution.dismiss(job.id)
    assert table.jobs.get(job.id).status is JobStatus.ACCEPTED


def test_parts_of_a_job_that_have_ended_are_not_taken_from_it(table: Table) -> None:
    parent = table.running()
    first, second = table.jobs.spread(parent.id, parent.attempt, [SubJob(name, ASKED, "1") for name in "ab"])
    table.execution.forget(first.id)
    with pytest.raises(JobInUse, match=parent.id):
        table.execution.forget(first.id)
    assert not is_gone(table, first)
    # Cancelled first, and then removed with all its parts.
    assert table.execution.forget(parent.id)[1] is True
    assert table.execution.forget(parent.id)[1] is False
    assert all(is_gone(table, job) for job in (parent, first, second))
