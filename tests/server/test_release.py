"""Jobs that have ended and that their client needs no more."""

from __future__ import annotations

import pytest

from gasflux_core.errors import InputError
from server.jobs.queue import NoSuchJob
from tests.server.job_tables import FAILURE, OpenTable, asked, claimed, parts


def test_an_ended_job_is_forgotten(table: OpenTable) -> None:
    jobs = table()
    good, bad = jobs.submit(asked()).id, jobs.submit(asked("other")).id
    jobs.finish(claimed(jobs).id, 1, {})
    jobs.fail(claimed(jobs).id, 1, FAILURE)
    assert jobs.release(good) == [good]
    assert jobs.release(bad) == [bad]
    for job_id in (good, bad):
        with pytest.raises(NoSuchJob):
            jobs.get(job_id)
    with pytest.raises(NoSuchJob):
        jobs.release(good)


def test_a_job_that_has_not_ended_stays(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked()).id
    with pytest.raises(InputError, match="has not ended"):
        jobs.release(job_id)
    assert jobs.get(job_id).id == job_id


def test_a_shared_job_stays_until_all_need_it_no_more(table: OpenTable) -> None:
    jobs = table(share_identical=True)
    job_id = jobs.submit(asked()).id
    jobs.submit(asked())
    jobs.finish(claimed(jobs).id, 1, {})
    assert jobs.release(job_id) == []
    assert jobs.get(job_id).status == "successful"
    assert jobs.release(job_id) == [job_id]


def test_a_part_goes_with_its_whole(table: OpenTable) -> None:
    jobs = table(parallel=1)
    job_id = jobs.submit(asked("campaign")).id
    claimed(jobs)
    (child,) = jobs.spread(job_id, 1, parts("a"))
    jobs.finish(claimed(jobs).id, 1, {})
    with pytest.raises(InputError, match=f"part of job {job_id}"):
        jobs.release(child.id)
    jobs.finish(claimed(jobs).id, 2, {})
    assert sorted(jobs.release(job_id)) == sorted([job_id, child.id])
