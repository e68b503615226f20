"""Job tables for tests of the queue: no files, no processes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from server.jobs.admission import new_row
from server.jobs.database import open_engine, writing
from server.jobs.model import Job, JobError, JobRow, JobStatus
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest, SubJob, Upload
from server.jobs.tree import start_time
from server.store import Store

FAILURE = JobError("input", "word: expected another", "word")

HERE = Owner.this_process()
"""Lives, and can be seen to."""

BESIDE = Owner(HERE.machine, os.getppid(), start_time(os.getppid()) or 0.0)
"""Lives on the same machine."""

GONE = Owner(HERE.machine, HERE.pid, HERE.started - 1000)
"""Was on this machine; another process has its number now."""

ELSEWHERE = Owner("another-machine", 1, 1.0)
"""On a machine whose processes can't be seen from here."""


class FakeStore:
    """Keeps no files, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.space = 10**12
        self.inputs: set[str] = set()
        self.staged: set[str] = set()
        self.published: Counter[str] = Counter()

    def free(self) -> int:
        return self.space

    def stage_inputs(self, job_id: str, uploads: Sequence[Upload]) -> FakeStaged:
        self.staged.add(job_id)
        return FakeStaged(self, job_id)

    def publish(self, job_id: str, attempt: int) -> None:
        self.published[job_id] += 1


class FakeStaged:
    def __init__(self, store: FakeStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id

    def keep(self) -> None:
        self._store.staged.remove(self._job_id)
        self._store.inputs.add(self._job_id)

    def discard(self) -> None:
        self._store.staged.discard(self._job_id)
        self._store.inputs.discard(self._job_id)


def open_table(url: str, **settings: Any) -> Jobs:
    """The job table of a database that has its tables; two may run and 1000 wait, unless said otherwise."""
    return Jobs(open_engine(url), cast(Store, FakeStore()), **{"parallel": 2, "waiting": 1000, **settings})


OpenTable = Callable[..., Jobs]


@pytest.fixture
def table(database: str) -> Iterator[OpenTable]:
    """Opens a job table with the settings of the test's own."""
    opened: list[Jobs] = []

    def open_one(**settings: Any) -> Jobs:
        opened.append(open_table(database, **settings))
        return opened[-1]

    yield open_one
    for jobs in opened:
        jobs.stop_waiting()
        jobs.close()


def store_of(jobs: Jobs) -> FakeStore:
    return cast(FakeStore, jobs.store)


def asked(word: str = "hello", *, mode: str = "async", **more: Any) -> JobRequest:
    """A request with one literal."""
    return JobRequest(**{"process": "echo", "inputs": {"word": [InputItem(text=word)]}, "mode": mode, **more})


def parts(*labels: str) -> list[SubJob]:
    """Sub-jobs of these labels."""
    return [SubJob(label, JobRequest("echo", {"word": [InputItem(text=label)]}), "1.0") for label in labels]


def submit_many(jobs: Jobs, number: int, client: str) -> None:
    """Put so many jobs into the table at once, which one by one would take long."""
    start = datetime.now(UTC) - timedelta(hours=1)
    with Session(writing(jobs._engine)) as session, session.begin():
        for n in range(number):
            now = start + timedelta(microseconds=n)
            job_id = f"{client}-{n:04}"
            session.add(new_row(job_id, asked(), version="", client=client, shared=None, now=now))


def claimed(jobs: Jobs, owner: Owner = HERE) -> Job:
    """The job that goes next."""
    job = jobs.claim(owner)
    assert job is not None
    return job


def fall_silent(jobs: Jobs, owner: Owner, seconds: float) -> None:
    """Let the last sign of life of an owner be so long ago."""
    silent = datetime.now(UTC) - timedelta(seconds=seconds)
    with writing(jobs._engine).begin() as connection:
        connection.execute(
            update(JobRow)
            .where(JobRow.owner == str(owner), JobRow.status == JobStatus.RUNNING)
            .values(heartbeat=silent)
        )
