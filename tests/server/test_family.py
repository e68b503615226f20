"""Jobs that spread into others, and run again when these have ended."""

from __future__ import annotations

import pytest

from gasflux_core.errors import InputError
from server.jobs.model import Job, JobStatus
from server.jobs.queue import Counts, Jobs, NoSuchJob
from server.jobs.request import InputItem, JobRequest, SubJob
from tests.server.job_tables import BESIDE, FAILURE, GONE, HERE, OpenTable, asked, claimed, parts, store_of


def spread(jobs: Jobs, *labels: str) -> tuple[str, list[Job]]:
    """A job that runs only by its sub-jobs."""
    job_id = jobs.submit(asked("campaign", language="de", face="other-face"), client="k").id
    assert claimed(jobs).id == job_id
    return job_id, jobs.spread(job_id, 1, parts(*labels))


def run(jobs: Jobs, child: Job) -> None:
    """Let the next job, which is this one, be successful."""
    assert claimed(jobs).id == child.id
    assert jobs.finish(child.id, jobs.get(child.id).attempt, {})


def test_a_spread_job_holds_no_slot_and_its_parts_are_jobs_like_others(table: OpenTable) -> None:
    jobs = table(parallel=1)
    told: list[str] = []
    job_id = jobs.submit(asked("campaign", mode="sync", language="de", face="other-face"), client="k").id
    claimed(jobs)
    jobs.on_submit = told.append
    items = {"file": [InputItem(upload="f.csv", upload_of=job_id)]}
    children = jobs.spread(job_id, 1, [SubJob(f"flight {n}", JobRequest("all", items), "7") for n in range(20)])
    assert [child.label for child in children] == [f"flight {n}" for n in range(20)]
    assert jobs.children(job_id) == children
    assert told == [child.id for child in children]
    for child in children:
        assert (child.parent, child.status, child.process, child.version) == (job_id, JobStatus.ACCEPTED, "all", "7")
        assert (child.mode, child.client, child.face) == ("async", "k", "other-face")
        assert child.request == JobRequest("all", items, mode="async", language="de", face="other-face")
    parent = jobs.get(job_id)
    assert (parent.status, parent.owner, parent.heartbeat, parent.attempt) == (JobStatus.RUNNING, None, None, 1)
    assert jobs.running(HERE) == set()
    assert claimed(jobs).id == children[0].id
    assert jobs.counts() == Counts(waiting=19, running=1, spread=1)


def test_a_job_runs_again_when_all_its_parts_have_ended_however(table: OpenTable) -> None:
    jobs = table(parallel=1)
    job_id, children = spread(jobs, "a", "b", "c", "d")
    told: list[str] = []
    jobs.on_submit = told.append
    run(jobs, children[0])
    assert jobs.get(job_id).progress == 0.25 and jobs.get(job_id).message == "1 of 4 parts have ended."
    claimed(jobs)
    jobs.fail(children[1].id, 1, FAILURE)
    jobs.dismiss(children[3].id)
    assert jobs.get(job_id).status is JobStatus.RUNNING and told == []
    claimed(jobs)
    jobs.finish(children[2].id, 1, {})
    assert (jobs.get(job_id).status, told) == (JobStatus.ACCEPTED, [job_id])
    again = claimed(jobs)
    assert (again.id, again.attempt, again.owner) == (job_id, 2, str(HERE))
    ends = [child.status for child in jobs.children(job_id)]
    assert ends == ["successful", "failed", "successful", "dismissed"]
    assert jobs.finish(job_id, 2, {}, lambda: store_of(jobs).publish(job_id, 2))
    assert store_of(jobs).published[job_id] == 1


@pytest.mark.parametrize("end", ["finish", "fail", "dismiss", "lost"])
def test_the_last_end_of_any_kind_releases_the_parent(table: OpenTable, end: str) -> None:
    jobs = table(parallel=1)
    job_id, (child,) = spread(jobs, "a")
    claimed(jobs, GONE)
    if end == "finish":
        jobs.finish(child.id, 1, {})
    elif end == "fail":
        jobs.fail(child.id, 1, FAILURE)
    elif end == "dismiss":
        jobs.dismiss(child.id)
    else:
        jobs.recover()
        claimed(jobs, GONE)
        assert [job.status for job in jobs.recover()] == ["failed"]
    assert jobs.get(job_id).status is JobStatus.ACCEPTED


def test_the_attempt_that_spread_can_write_no_more(table: OpenTable) -> None:
    jobs = table()
    job_id, _ = spread(jobs, "a")
    before = jobs.get(job_id)
    assert not jobs.progress(job_id, 1, 0.5, "late")
    assert not jobs.finish(job_id, 1, {}, lambda: store_of(jobs).publish(job_id, 1))
    assert not jobs.fail(job_id, 1, FAILURE)
    assert not jobs.put_back(job_id, 1)
    assert jobs.spread(job_id, 1, parts("b")) == []
    assert jobs.get(job_id) == before
    assert not store_of(jobs).published and len(jobs.children(job_id)) == 1


def test_a_spread_job_is_never_lost_and_a_part_that_is_lost_runs_again(table: OpenTable) -> None:
    jobs = table(parallel=2)
    job_id, (child,) = spread(jobs, "a")
    assert jobs.recover() == []
    claimed(jobs, GONE)
    assert [job.id for job in jobs.recover()] == [child.id]
    assert jobs.get(job_id).status is JobStatus.RUNNING
    run(jobs, child)
    assert jobs.get(job_id).status is JobStatus.ACCEPTED


def test_a_lost_second_attempt_finds_its_parts_as_they_were(table: OpenTable) -> None:
    jobs = table(parallel=1)
    job_id, (child,) = spread(jobs, "a")
    run(jobs, child)
    assert claimed(jobs, GONE).id == job_id
    jobs.recover()
    assert (claimed(jobs).attempt, jobs.children(job_id)[0].status) == (3, "successful")


def test_dismissing_a_job_dismisses_its_parts(table: OpenTable) -> None:
    jobs = table(parallel=2)
    told: list[str] = []
    jobs.on_dismiss = told.append
    job_id, children = spread(jobs, "a", "b", "c")
    run(jobs, children[0])
    assert claimed(jobs, BESIDE).id == children[1].id
    assert jobs.dismiss(job_id).status is JobStatus.DISMISSED
    assert [child.status for child in jobs.children(job_id)] == ["successful", "dismissed", "dismissed"]
    assert told == [children[1].id]
    assert jobs.counts() == Counts(0, 0, 0)
    assert not jobs.finish(children[1].id, 1, {})


def test_a_job_tried_again_waits_for_those_parts_that_did_not_succeed(table: OpenTable) -> None:
    jobs = table(parallel=1)
    job_id, children = spread(jobs, "a", "b", "c")
    run(jobs, children[0])
    claimed(jobs)
    jobs.fail(children[1].id, 1, FAILURE)
    jobs.dismiss(job_id)
    told: list[str] = []
    jobs.on_submit = told.append
    again = jobs.retry(job_id)
    assert (again.status, again.owner, again.message) == (JobStatus.RUNNING, None, "1 of 3 parts have ended.")
    assert [child.status for child in jobs.children(job_id)] == ["successful", "accepted", "accepted"]
    assert told == [children[1].id, children[2].id]
    run(jobs, children[1])
    run(jobs, children[2])
    assert claimed(jobs).id == job_id


def test_a_job_whose_parts_all_succeeded_is_tried_again_at_once(table: OpenTable) -> None:
    jobs = table(parallel=1)
    job_id, (child,) = spread(jobs, "a")
    run(jobs, child)
    claimed(jobs)
    jobs.fail(job_id, 2, FAILURE)
    assert jobs.retry(job_id).status is JobStatus.ACCEPTED
    assert claimed(jobs).attempt == 3
    assert jobs.children(job_id)[0].attempt == 1


def test_a_part_is_tried_again_only_with_the_whole(table: OpenTable) -> None:
    jobs = table()
    job_id, children = spread(jobs, "a", "b")
    jobs.dismiss(children[0].id)
    with pytest.raises(InputError, match=f"is a part of job {job_id}; try that one again"):
        jobs.retry(children[0].id)


def test_a_part_may_spread_itself(table: OpenTable) -> None:
    jobs = table(parallel=1)
    job_id, (child,) = spread(jobs, "a")
    assert claimed(jobs).id == child.id
    grandchildren = jobs.spread(child.id, 1, parts("x", "y"))
    run(jobs, grandchildren[0])
    jobs.dismiss(job_id)
    assert jobs.get(grandchildren[1].id).status is JobStatus.DISMISSED
    jobs.retry(job_id)
    states = [jobs.get(each).status for each in (job_id, child.id, grandchildren[0].id, grandchildren[1].id)]
    assert states == ["running", "running", "successful", "accepted"]
    for expected in (grandchildren[1].id, child.id, job_id):
        job = claimed(jobs)
        assert job.id == expected
        jobs.finish(job.id, job.attempt, {})
    jobs.remove(job_id)
    assert jobs.find(subjobs=True) == []


def test_the_parts_are_forgotten_with_the_whole(table: OpenTable) -> None:
    jobs = table(parallel=1)
    job_id, children = spread(jobs, "a", "b")
    with pytest.raises(InputError, match="has not ended"):
        jobs.remove(job_id)
    for child in children:
        run(jobs, child)
    jobs.finish(claimed(jobs).id, 2, {})
    assert set(jobs.remove(job_id)) == {job_id, *(child.id for child in children)}
    with pytest.raises(NoSuchJob):
        jobs.get(children[0].id)


def test_a_job_spreads_into_one_part_at_least(table: OpenTable) -> None:
    jobs = table()
    job = jobs.submit(asked())
    claimed(jobs)
    with pytest.raises(ValueError, match="one sub-job at least"):
        jobs.spread(job.id, 1, [])
    assert jobs.running(HERE) == {(job.id, 1)}
