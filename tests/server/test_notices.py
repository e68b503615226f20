"""Notices in the job table: what is due when, who has it, and when it is given up; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from server.jobs.database import writing
from server.jobs.model import JobRow, JobStatus, NoticeState
from server.jobs.notices import MOST_IN_VAIN, MOST_OF_HOST, PAUSES, SPARSE_SECONDS, Claimed
from server.jobs.queue import Jobs
from server.jobs.request import JobRequest, Subscriber
from tests.server.job_tables import FAILURE, GONE, HERE, OpenTable, asked, claimed, parts

ALL = Subscriber("http://a.example/success", "http://a.example/progress", "http://a.example/failed")
ENDS = Subscriber("http://a.example/success", failed_uri="http://a.example/failed")


def told(subscriber: Subscriber | None = ALL) -> JobRequest:
    return asked(subscriber=subscriber)


def later(jobs: Jobs, seconds: float) -> None:
    """Let so much time pass for all notices."""
    with writing(jobs._engine).begin() as connection:
        for row in connection.execute(JobRow.__table__.select()).mappings():
            moved = {
                name: row[name] - timedelta(seconds=seconds) for name in ("notice_due", "notice_after") if row[name]
            }
            if moved:
                connection.execute(update(JobRow).where(JobRow.id == row["id"]).values(**moved))


def due(jobs: Jobs) -> list[tuple[str, JobStatus]]:
    """Where to, and how the job is, of all notices that are due; they are claimed."""
    return [(one.address.rpartition("/")[2], one.job.status) for one in jobs.notices.claim(100)]


def one_due(jobs: Jobs) -> Claimed:
    (one,) = jobs.notices.claim(100)
    return one


@pytest.mark.parametrize(
    ("end", "path"), [("successful", "success"), ("failed", "failed"), ("dismissed", "failed"), ("lost", "failed")]
)
def test_each_end_is_told_where_its_subscriber_wants(table: OpenTable, end: str, path: str) -> None:
    jobs = table()
    job_id = jobs.submit(told(ENDS)).id
    assert not jobs.notices.due()
    for _ in range(2 if end == "lost" else 1):
        running = claimed(jobs, GONE if end == "lost" else HERE)
        assert not jobs.notices.due(), "nobody asked for its progress"
        if end == "lost":
            jobs.recover()
    if end == "successful":
        jobs.finish(job_id, running.attempt, {})
    elif end == "failed":
        jobs.fail(job_id, running.attempt, FAILURE)
    elif end == "dismissed":
        jobs.dismiss(job_id)
    assert jobs.notices.due() and jobs.notices.waiting() == 1
    notice = one_due(jobs)
    assert (notice.address, notice.attempt) == (f"http://a.example/{path}", 1)
    assert notice.job.status == ("failed" if end == "lost" else end)
    assert jobs.get(job_id).notice is NoticeState.DUE
    assert jobs.notices.delivered(notice)
    assert jobs.get(job_id).notice is NoticeState.DELIVERED
    later(jobs, 10**6)
    assert not jobs.notices.due() and jobs.notices.waiting() == 0


def test_without_an_address_for_it_an_end_is_not_told(table: OpenTable) -> None:
    jobs = table(parallel=3)
    for subscriber in (None, Subscriber("http://a.example/success")):
        job_id = jobs.submit(told(subscriber)).id
        jobs.fail(job_id, claimed(jobs).attempt, FAILURE)
        assert jobs.get(job_id).notice is NoticeState.NONE
    jobs.dismiss(jobs.submit(told(None)).id)
    assert jobs.notices.waiting() == 0


def test_the_start_is_told_and_then_progress_sparsely(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(told()).id
    running = claimed(jobs)
    start = one_due(jobs)
    assert (start.address, start.job.progress) == ("http://a.example/progress", 0)
    assert jobs.notices.delivered(start)
    jobs.progress(job_id, running.attempt, 0.25, "a quarter")
    jobs.progress(job_id, running.attempt, 0.5, "half")
    assert not jobs.notices.due(), "too soon after the start"
    later(jobs, SPARSE_SECONDS)
    half = one_due(jobs)
    assert (half.job.progress, half.job.message, half.attempt) == (0.5, "half", 1)
    assert jobs.notices.delivered(half)
    later(jobs, 10 * SPARSE_SECONDS)
    assert not jobs.notices.due(), "it got no further"
    jobs.progress(job_id, running.attempt, 0.6, "more")
    assert due(jobs) == [("progress", "running")]


def test_the_end_takes_the_place_of_progress(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(told()).id
    running = claimed(jobs)
    start = one_due(jobs)
    jobs.progress(job_id, running.attempt, 0.5, "half")
    jobs.finish(job_id, running.attempt, {})
    assert not jobs.notices.not_delivered(start, "too late"), "the job has moved on"
    assert jobs.get(job_id).notice_text == ""
    assert due(jobs) == [("success", "successful")]
    later(jobs, SPARSE_SECONDS)
    assert due(jobs) == [], "one notice of an end is under way"


def test_a_notice_is_tried_again_after_growing_pauses_and_then_given_up(
    table: OpenTable, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = table()
    job_id = jobs.submit(told(ENDS)).id
    jobs.finish(job_id, claimed(jobs).attempt, {})
    assert list(PAUSES[:-1]) == sorted(PAUSES[:-1])
    for number, pause in enumerate(PAUSES, start=1):
        notice = one_due(jobs)
        assert notice.attempt == number
        assert jobs.notices.not_delivered(notice, "It answered with the status 500.")
        later(jobs, pause - 5)
        assert not jobs.notices.due()
        later(jobs, 5)
    job = jobs.get(job_id)
    assert (job.notice, job.notice_text) == (NoticeState.GIVEN_UP, "It answered with the status 500.")
    assert job.status is JobStatus.SUCCESSFUL
    assert not jobs.notices.due() and jobs.notices.waiting() == 0
    assert f"task:{job_id}: its subscriber is not told of its end after {len(PAUSES)} tries" in caplog.text


def test_a_notice_whose_deliverer_is_lost_is_delivered_by_another(table: OpenTable) -> None:
    jobs = table()
    jobs.finish(jobs.submit(told(ENDS)).id, claimed(jobs).attempt, {})
    lost = one_due(jobs)
    assert due(jobs) == []
    later(jobs, PAUSES[0])
    again = one_due(jobs)
    assert again.attempt == 2
    assert not jobs.notices.not_delivered(lost, "I am late")
    assert jobs.notices.delivered(again)


def test_a_notice_whose_deliverer_is_lost_each_time_is_given_up(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(told(ENDS)).id
    jobs.finish(job_id, claimed(jobs).attempt, {})
    for pause in PAUSES:
        assert len(due(jobs)) == 1
        later(jobs, pause)
    assert due(jobs) == []
    job = jobs.get(job_id)
    assert job.notice is NoticeState.GIVEN_UP and job.notice_text
    assert jobs.notices.waiting() == 0


def test_progress_that_nobody_takes_is_soon_told_no_more(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(told()).id
    running = claimed(jobs)
    tries = 0
    for number in range(2 * MOST_IN_VAIN):
        jobs.progress(job_id, running.attempt, number / 100, str(number))
        later(jobs, SPARSE_SECONDS)
        for notice in jobs.notices.claim(100):
            tries += 1
            jobs.notices.not_delivered(notice, "no")
    assert tries == MOST_IN_VAIN
    jobs.finish(job_id, running.attempt, {})
    notice = one_due(jobs)
    assert notice.attempt == 1, "the end is tried as often as any"


def test_progress_that_is_taken_now_and_then_is_told_on(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(told()).id
    running = claimed(jobs)
    for number in range(2 * MOST_IN_VAIN):
        jobs.progress(job_id, running.attempt, number / 100, str(number))
        later(jobs, SPARSE_SECONDS)
        notice = one_due(jobs)
        assert jobs.notices.delivered(notice) if number % 2 else jobs.notices.not_delivered(notice, "no")


def test_a_job_tried_again_is_told_of_again(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(told()).id
    jobs.fail(job_id, claimed(jobs).attempt, FAILURE)
    failed = one_due(jobs)
    jobs.notices.not_delivered(failed, "no")
    jobs.retry(job_id)
    job = jobs.get(job_id)
    assert (job.notice, job.notice_text) == (NoticeState.NONE, "")
    later(jobs, 10**6)
    assert due(jobs) == [], "what it was told is no longer true"
    running = claimed(jobs)
    assert due(jobs) == [("progress", "running")]
    jobs.finish(job_id, running.attempt, {})
    assert due(jobs) == [("success", "successful")]


def test_a_job_put_back_is_told_of_when_it_starts_again(table: OpenTable) -> None:
    jobs = table()
    running = jobs.submit(told()).id, claimed(jobs).attempt
    jobs.put_back(*running)
    assert due(jobs) == []
    claimed(jobs)
    assert due(jobs) == [("progress", "running")]


def test_a_campaign_tells_how_many_parts_have_ended(table: OpenTable) -> None:
    jobs = table()
    whole = jobs.submit(told()).id
    children = jobs.spread(whole, claimed(jobs).attempt, parts("1", "2"))
    jobs.notices.delivered(one_due(jobs))
    later(jobs, SPARSE_SECONDS)
    jobs.finish(children[0].id, claimed(jobs).attempt, {})
    notice = one_due(jobs)
    assert (notice.job.id, notice.job.progress) == (whole, 0.5)
    jobs.notices.delivered(notice)
    jobs.finish(children[1].id, claimed(jobs).attempt, {})
    later(jobs, SPARSE_SECONDS)
    assert due(jobs) == [], "the parts have no subscriber, the whole waits for its last run"
    jobs.finish(whole, claimed(jobs).attempt, {})
    assert due(jobs) == [("success", "successful")]


def test_new_notices_come_before_those_tried_before(table: OpenTable) -> None:
    jobs = table(parallel=3)
    ids = [jobs.submit(told(ENDS)).id for _ in range(3)]
    for job_id in ids[:2]:
        jobs.finish(job_id, claimed(jobs).attempt, {})
    assert len(due(jobs)) == 2
    later(jobs, PAUSES[0])
    jobs.finish(ids[2], claimed(jobs).attempt, {})
    assert [one.job.id for one in jobs.notices.claim(1)] == [ids[2]]
    assert {one.job.id for one in jobs.notices.claim(9)} == {*ids[:2]}


def test_a_second_notice_does_not_overtake_the_first_of_its_job(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(told()).id
    running = claimed(jobs)
    start = one_due(jobs)
    jobs.finish(job_id, running.attempt, {})
    assert jobs.notices.claim(9, [start]) == []
    assert [one.address for one in jobs.notices.claim(9)] == ["http://a.example/success"]


def test_a_host_gets_few_at_once_and_keeps_nobody_waiting(table: OpenTable) -> None:
    jobs = table(parallel=30)
    for host in ["slow.example"] * 20 + ["a.example", "A.example:80", "b.example"]:
        jobs.finish(jobs.submit(told(Subscriber(f"http://{host}/x"))).id, claimed(jobs).attempt, {})
    flying: list[Claimed] = []
    while more := jobs.notices.claim(6, flying):
        flying += more
    hosts = [one.host for one in flying]
    assert sorted(hosts) == ["a.example", "a.example:80", "b.example", *["slow.example"] * MOST_OF_HOST]
    assert len(jobs.notices.claim(100, [one for one in flying if one.host != "slow.example"])) == MOST_OF_HOST


def test_a_job_that_is_removed_takes_its_notice_with_it(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(told(ENDS)).id
    jobs.finish(job_id, claimed(jobs).attempt, {})
    notice = one_due(jobs)
    jobs.remove(job_id)
    assert not jobs.notices.delivered(notice)
    assert jobs.notices.waiting() == 0
