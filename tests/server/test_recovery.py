"""Jobs whose owner is gone are run again, or given up; those of the living are left alone."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from gasflux_core.errors import Busy
from server.jobs.database import writing
from server.jobs.model import JobRow, JobStatus, ResultItem
from server.jobs.owner import Owner
from server.jobs.queue import LOST_SECONDS, Jobs
from server.jobs.recovery import MOST_LOSSES
from tests.server.job_tables import (
    BESIDE,
    ELSEWHERE,
    FAILURE,
    GONE,
    HERE,
    OpenTable,
    asked,
    claimed,
    fall_silent,
    parts,
)


def test_jobs_of_a_process_that_is_gone_from_this_machine_are_run_again_at_once(table: OpenTable) -> None:
    jobs = table()
    told: list[str] = []
    job_id = jobs.submit(asked()).id
    claimed(jobs, GONE)
    jobs.progress(job_id, 1, 0.5, "half-way there")
    jobs.on_submit = told.append
    (job,) = jobs.recover()
    assert job == jobs.get(job_id)
    assert (job.status, job.owner, job.heartbeat, job.started) == (JobStatus.ACCEPTED, None, None, None)
    assert (job.losses, job.progress) == (1, 0.0)
    assert "run again from the start" in job.message
    assert told == [job_id]
    assert jobs.recover() == []
    assert [(total.outcome, total.count) for total in jobs.totals()] == [("recovered", 1)]


def test_a_process_that_was_killed_is_seen_to_be_gone(table: OpenTable) -> None:
    jobs = table()
    jobs.submit(asked())
    script = "from server.jobs.owner import Owner; print(Owner.this_process(), flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    job = claimed(jobs, Owner.read(process.stdout.readline().strip()))
    assert jobs.recover() == []
    process.kill()
    process.communicate(timeout=30)
    assert [lost.id for lost in jobs.recover()] == [job.id]


@pytest.mark.parametrize("owner", [HERE, BESIDE])
def test_the_living_lose_nothing_however_silent_they_are(table: OpenTable, owner: Owner) -> None:
    jobs = table()
    jobs.submit(asked())
    claimed(jobs, owner)
    fall_silent(jobs, owner, 1e6)
    assert jobs.recover() == []


def test_an_owner_on_another_machine_is_gone_when_it_was_silent_too_long(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked()).id
    claimed(jobs, ELSEWHERE)
    assert jobs.recover() == []
    fall_silent(jobs, ELSEWHERE, LOST_SECONDS - 3)
    assert jobs.recover() == []
    fall_silent(jobs, ELSEWHERE, LOST_SECONDS + 1)
    jobs.beat(ELSEWHERE)
    assert jobs.recover() == []
    fall_silent(jobs, ELSEWHERE, LOST_SECONDS + 1)
    jobs.beat(HERE)  # not theirs
    assert [job.id for job in jobs.recover()] == [job_id]


def test_an_owner_of_another_version_is_gone_when_it_was_silent_too_long(table: OpenTable) -> None:
    jobs = table()
    jobs.submit(asked())
    claimed(jobs)
    with writing(jobs._engine).begin() as connection:
        connection.execute(update(JobRow).values(owner="host:12:abcdef"))
    assert jobs.recover() == []
    with writing(jobs._engine).begin() as connection:
        connection.execute(update(JobRow).values(heartbeat=datetime.now(UTC) - timedelta(seconds=LOST_SECONDS + 1)))
    assert len(jobs.recover()) == 1


def test_a_job_lost_too_often_is_given_up(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked()).id
    for _ in range(MOST_LOSSES):
        claimed(jobs, GONE)
        (job,) = jobs.recover()
    assert job == jobs.get(job_id)
    assert (job.status, job.losses) == (JobStatus.FAILED, MOST_LOSSES) and job.finished is not None
    assert job.error is not None and job.error.kind == "server"
    assert job.error.message.startswith("The service stopped 2 times while this job ran; it is given up.")
    assert {(total.outcome, total.count) for total in jobs.totals()} == {("recovered", 1), ("failed", 1)}
    assert jobs.retry(job_id).losses == 0


def test_only_losses_count_and_not_stops_in_good_order(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked()).id
    for attempt in range(1, 5):
        claimed(jobs, GONE)
        jobs.put_back(job_id, attempt)
    claimed(jobs, GONE)
    assert [job.status for job in jobs.recover()] == ["accepted"]
    for attempt in range(6, 9):
        claimed(jobs)
        jobs.put_back(job_id, attempt)
    assert jobs.get(job_id).losses == 1


def test_what_has_ended_is_not_taken_up_again(table: OpenTable) -> None:
    jobs = table(parallel=3)
    ids = [jobs.submit(asked()).id for _ in range(3)]
    for _ in ids:
        claimed(jobs, GONE)
    jobs.finish(ids[0], 1, {})
    jobs.fail(ids[1], 1, FAILURE)
    jobs.dismiss(ids[2])
    assert jobs.recover() == []


def test_two_who_recover_at_once_count_one_loss(table: OpenTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second sees the loss before the first has written it, and writes after."""
    first, second = table(), table()
    job_id = first.submit(asked()).id
    claimed(first, GONE)
    transaction = Jobs._transaction

    def overtaken(jobs: Jobs) -> object:
        monkeypatch.setattr(Jobs, "_transaction", transaction)
        assert len(first.recover()) == 1
        return transaction(jobs)

    monkeypatch.setattr(Jobs, "_transaction", overtaken)
    assert second.recover() == []
    assert first.get(job_id).losses == 1


# --- what the janitor asks ------------------------------------------------------------------------


def test_what_the_janitor_must_leave_is_known(table: OpenTable) -> None:
    jobs = table(parallel=9)
    waiting, running, successful, failed, spread = (jobs.submit(asked()).id for _ in range(5))
    for _ in range(5):
        claimed(jobs)
    jobs.put_back(waiting, 1)
    jobs.finish(successful, 1, {})
    jobs.fail(failed, 1, FAILURE)
    (child,) = jobs.spread(spread, 1, parts("a"))
    with jobs.known() as known:
        assert known.jobs == {waiting, running, successful, failed, spread, child.id}
        assert known.running == {(running, 1)}
        assert known.successful == {(successful, 1)}
    with jobs.known([running, failed, "nothing"]) as known:
        assert (known.jobs, known.running, known.successful) == ({running, failed}, {(running, 1)}, frozenset())


def test_nothing_changes_while_the_janitor_looks(table: OpenTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.jobs.database._BUSY_SECONDS", 1)
    jobs, other = table(), table()

    with jobs.known() as known:
        with pytest.raises(Busy):
            other.submit(asked())
        assert known.jobs == frozenset()
    other.submit(asked())


def test_what_ended_long_ago_has_expired(table: OpenTable) -> None:
    jobs = table(parallel=9)
    ids = [jobs.submit(asked()).id for _ in range(5)]
    for _ in ids:
        claimed(jobs)
    for job_id in (ids[2], ids[0], ids[1]):
        jobs.finish(job_id, 1, {"page": ResultItem("complex", file="p", size=10)})
    jobs.fail(ids[3], 1, FAILURE)
    finished = [jobs.get(job_id).finished for job_id in ids]
    last = datetime.now(UTC) + timedelta(minutes=5)
    assert [job.id for job in jobs.expired(JobStatus.SUCCESSFUL, last)] == [ids[2], ids[0], ids[1]]
    assert [job.id for job in jobs.expired(JobStatus.SUCCESSFUL, last, limit=1)] == [ids[2]]
    assert finished[1] is not None
    assert [job.id for job in jobs.expired(JobStatus.SUCCESSFUL, finished[1])] == [ids[2], ids[0]]
    assert [job.id for job in jobs.expired(JobStatus.FAILED, last)] == [ids[3]]
    assert jobs.expired(JobStatus.DISMISSED, last) == []
    assert jobs.stored_bytes() == 30
    jobs.remove(ids[0])
    assert jobs.stored_bytes() == 20


def test_parts_do_not_expire_before_the_whole(table: OpenTable) -> None:
    jobs = table(parallel=9)
    job_id = jobs.submit(asked()).id
    claimed(jobs)
    (child,) = jobs.spread(job_id, 1, parts("a"))
    claimed(jobs)
    jobs.finish(child.id, 1, {})
    last = datetime.now(UTC) + timedelta(minutes=5)
    assert jobs.expired(JobStatus.SUCCESSFUL, last) == []
    claimed(jobs)
    jobs.finish(job_id, 2, {})
    assert [job.id for job in jobs.expired(JobStatus.SUCCESSFUL, last)] == [job_id]
