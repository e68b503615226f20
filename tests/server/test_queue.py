"""The job table: what is accepted ends, once, and by the attempt that runs it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from gasflux_core.errors import Busy, InputError, InputFaults, MissingInput, NoSolution, TooLarge
from server.jobs.model import NO_BOUND, JobError, JobStatus, ResultItem
from server.jobs.owner import Owner
from server.jobs.queue import Counts, Jobs, NoSuchJob
from server.jobs.request import InputItem, JobRequest, OutputRequest
from server.jobs.totals import Total
from tests.server.job_tables import (
    BESIDE,
    FAILURE,
    GONE,
    HERE,
    OpenTable,
    asked,
    claimed,
    parts,
    store_of,
)


def claimed_new(jobs: Jobs, owner: Owner = HERE) -> str:
    """Id of a new job that runs."""
    job_id = jobs.submit(asked()).id
    assert claimed(jobs, owner).id == job_id
    return job_id


def test_an_accepted_job_is_as_it_was_sent(table: OpenTable) -> None:
    jobs = table()
    sent = JobRequest(
        "echo",
        {"word": [InputItem(text="a\0\u2028\U0001f600 µ", unit="m"), InputItem(href="http://x/", headers={"A": "b"})]},
        [OutputRequest("page", by_reference=True)],
        mode="async",
        lineage=True,
    )
    before = datetime.now(UTC) - timedelta(seconds=60)
    job = jobs.get(jobs.submit(sent, version="1.2.3", client="k1").id)
    assert job.request == sent
    assert (job.status, job.process, job.version, job.mode, job.face, job.client) == (
        JobStatus.ACCEPTED, "echo", "1.2.3", "async", "wps-1.0.0", "k1",
    )  # fmt: skip
    assert before <= job.created <= before + timedelta(seconds=120)
    assert (job.attempt, job.losses, job.progress, job.results, job.error, job.owner) == (0, 0, 0, {}, None, None)
    assert uuid.UUID(job.id).version == 4
    assert store_of(jobs).inputs == {job.id}


def test_an_unknown_job_is_said_to_be_unknown(table: OpenTable) -> None:
    jobs = table()
    for ask in (jobs.get, jobs.dismiss, jobs.retry, lambda job_id: jobs.wait(job_id, 1)):
        with pytest.raises(NoSuchJob, match="there is no job"):
            ask(str(uuid.uuid4()))
    assert jobs.remove("nothing") == []


def test_a_claimed_job_runs_under_its_owner(table: OpenTable) -> None:
    jobs = table()
    assert jobs.claim(HERE) is None
    jobs.submit(asked())
    job = claimed(jobs)
    assert (job.status, job.owner, job.attempt) == (JobStatus.RUNNING, str(HERE), 1)
    assert job.started is not None and job.started == job.heartbeat
    assert jobs.get(job.id) == job
    assert jobs.running(HERE) == {(job.id, 1)}
    assert jobs.running(BESIDE) == set()


def test_results_are_published_before_the_row_says_so(table: OpenTable) -> None:
    jobs = table()
    job = claimed_new(jobs)
    seen = []
    results = {
        "answer": ResultItem("literal", text="1", unit="m"),
        "page": ResultItem("complex", file="page.html", size=3),
        "more": ResultItem("complex", file="more.html", size=4),
    }
    assert jobs.finish(job, 1, results, lambda: seen.append(jobs.get(job).status))
    assert seen == [JobStatus.RUNNING]
    ended = jobs.get(job)
    assert (ended.status, ended.results, ended.progress, ended.message) == (JobStatus.SUCCESSFUL, results, 1, "")
    assert ended.finished is not None
    assert jobs.stored_bytes() == 7


def test_a_job_whose_results_cannot_be_published_is_not_successful(table: OpenTable) -> None:
    jobs = table()
    job = claimed_new(jobs)

    def full() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        jobs.finish(job, 1, {}, full)
    assert jobs.get(job).status is JobStatus.RUNNING
    assert jobs.totals() == []
    assert jobs.fail(job, 1, FAILURE)
    assert jobs.get(job).error == FAILURE


def test_writes_of_an_earlier_attempt_change_nothing(table: OpenTable) -> None:
    jobs = table()
    job = claimed_new(jobs, GONE)
    jobs.recover()
    published: list[int] = []

    def late() -> list[object]:
        return [
            jobs.progress(job, 1, 0.5, "late"),
            jobs.finish(job, 1, {}, lambda: published.append(1)),
            jobs.fail(job, 1, FAILURE),
            jobs.put_back(job, 1),
            jobs.spread(job, 1, parts("a")),
        ]

    before = jobs.get(job)
    assert late() == [False, False, False, False, []]
    assert jobs.get(job) == before
    again = claimed(jobs)
    assert again.attempt == 2
    assert late() == [False, False, False, False, []]
    assert jobs.get(job) == again
    assert jobs.finish(job, 2, {})
    ended = jobs.get(job)
    assert not jobs.fail(job, 2, FAILURE)
    assert not jobs.finish(job, 2, {}, lambda: published.append(1))
    assert jobs.get(job) == ended
    assert published == []


@pytest.mark.parametrize(
    ("fraction", "text", "noted"),
    [
        (0.25, "half-way there", (0.25, "half-way there")),
        (7.0, "too far", (1.0, "too far")),
        (-1.0, "", (0.0, "")),
        (float("nan"), "no number", (0.0, "no number")),
        (0.5, "NUL \0 and half \ud800 a character", (0.5, "NUL  and half ? a character")),
    ],
)
def test_progress_is_between_0_and_1_and_its_text_can_be_kept(
    table: OpenTable, fraction: float, text: str, noted: tuple[float, str]
) -> None:
    jobs = table()
    job = claimed_new(jobs)
    assert jobs.progress(job, 1, fraction, text)
    assert (jobs.get(job).progress, jobs.get(job).message) == noted


def test_a_service_that_stops_in_good_order_loses_nothing(table: OpenTable) -> None:
    jobs = table()
    told: list[str] = []
    jobs.on_submit = told.append
    job = claimed_new(jobs)
    for attempt in (1, 2, 3, 4):
        assert jobs.put_back(job, attempt)
        waiting = jobs.get(job)
        assert (waiting.status, waiting.owner, waiting.heartbeat, waiting.losses) == (JobStatus.ACCEPTED, None, None, 0)
        claimed(jobs)
    assert told == [job] * 5  # once for the submit
    assert jobs.finish(job, 5, {})
    assert [total.outcome for total in jobs.totals()] == ["successful"]


@pytest.mark.parametrize("runs", [False, True])
def test_a_dismissed_job_has_ended_at_once(table: OpenTable, runs: bool) -> None:
    jobs = table()
    told: list[str] = []
    jobs.on_dismiss = told.append
    job = claimed_new(jobs) if runs else jobs.submit(asked()).id
    dismissed = jobs.dismiss(job)
    assert dismissed.status is JobStatus.DISMISSED and dismissed.finished is not None
    assert jobs.get(job) == dismissed == jobs.dismiss(job)
    assert told == ([job] if runs else [])
    assert not jobs.progress(job, 1, 0.5, "late") and not jobs.finish(job, 1, {})
    assert jobs.running(HERE) == set()
    assert jobs.claim(HERE) is None
    assert [total.outcome for total in jobs.totals()] == (["dismissed"] if runs else [])


def test_dismissing_what_has_ended_changes_nothing(table: OpenTable) -> None:
    jobs = table()
    job = claimed_new(jobs)
    jobs.finish(job, 1, {})
    before = jobs.get(job)
    assert jobs.dismiss(job) == before == jobs.get(job)


def test_a_job_that_failed_or_was_dismissed_is_tried_again(table: OpenTable) -> None:
    jobs = table()
    told: list[str] = []
    job = claimed_new(jobs)
    jobs.fail(job, 1, FAILURE)
    jobs.on_submit = told.append
    again = jobs.retry(job)
    assert (again.status, again.error, again.finished, again.losses) == (JobStatus.ACCEPTED, None, None, 0)
    assert told == [job]
    assert claimed(jobs).attempt == 2
    jobs.dismiss(job)
    jobs.retry(job)
    assert not jobs.finish(job, 2, {})  # the attempt that was dismissed
    assert claimed(jobs).attempt == 3
    assert jobs.finish(job, 3, {})


def test_what_did_not_fail_is_not_tried_again(table: OpenTable) -> None:
    jobs = table()
    job = jobs.submit(asked()).id
    for move, state in ((lambda: None, "accepted"), (lambda: jobs.claim(HERE), "running")):
        move()
        with pytest.raises(InputError, match=f"is {state}; only jobs that failed or were dismissed"):
            jobs.retry(job)
    jobs.finish(job, 1, {})
    with pytest.raises(InputError, match="is successful"):
        jobs.retry(job)


def test_listeners_that_fail_don_t_undo_what_is_written(table: OpenTable, caplog: pytest.LogCaptureFixture) -> None:
    jobs = table()

    def broken(job_id: str) -> None:
        raise ConnectionError("no broker")

    jobs.on_submit = jobs.on_dismiss = broken
    job = jobs.submit(asked()).id
    claimed(jobs)
    assert jobs.dismiss(job).status is JobStatus.DISMISSED
    assert caplog.text.count("could not be told") == 2


def test_jobs_are_found_by_what_is_known_of_them(table: OpenTable) -> None:
    jobs = table()
    ids = [jobs.submit(asked(process=process), client=client).id for process, client in zip("aab", "xyx", strict=True)]
    first = claimed(jobs)
    children = jobs.spread(first.id, 1, parts("1", "2"))
    newest = [child.id for child in reversed(children)] + ids[::-1]
    assert [job.id for job in jobs.find(subjobs=True)] == newest
    assert [job.id for job in jobs.find()] == ids[::-1]
    assert [job.id for job in jobs.find(limit=2)] == ids[:0:-1]
    assert [job.id for job in jobs.find(processes=["a"])] == [ids[1], ids[0]]
    found = jobs.find(client="x", statuses=[JobStatus.ACCEPTED], processes=["b"])
    assert [job.id for job in found] == [ids[2]]
    assert [job.label for job in jobs.find(parent=first.id)] == ["2", "1"]
    assert jobs.find(client="z") == []


def test_jobs_that_have_not_ended_are_counted(table: OpenTable) -> None:
    jobs = table(parallel=3)
    assert jobs.counts() == Counts(0, 0, 0)
    for _ in range(5):
        jobs.submit(asked())
    spread, ended, _ = claimed(jobs), claimed(jobs), claimed(jobs)
    jobs.fail(ended.id, 1, FAILURE)
    jobs.spread(spread.id, 1, parts("a", "b", "c"))
    assert jobs.counts() == Counts(waiting=5, running=1, spread=1)


def test_ends_are_counted_by_process_outcome_and_run_time(table: OpenTable) -> None:
    jobs = table(parallel=9)
    for process in ("a", "a", "a", "b", "b"):
        jobs.submit(asked(process=process))
    first, second, third, fourth, fifth = (claimed(jobs) for _ in range(5))
    jobs.finish(first.id, 1, {})
    jobs.finish(second.id, 1, {})
    jobs.fail(third.id, 1, FAILURE)
    jobs.finish(fourth.id, 1, {})
    jobs.dismiss(fifth.id)
    jobs.remove(first.id)  # what was counted stays
    totals: dict[tuple[str, str], int] = {}
    for total in jobs.totals():
        totals[total.process, total.outcome] = totals.get((total.process, total.outcome), 0) + total.count
        assert 0 <= total.seconds <= total.at_most * total.count
    assert totals == {("a", "successful"): 2, ("a", "failed"): 1, ("b", "successful"): 1, ("b", "dismissed"): 1}


@pytest.mark.parametrize(("seconds", "at_most"), [(0.05, 0.1), (0.5, 1.0), (200.0, 300.0), (1e5, NO_BOUND)])
def test_an_end_is_counted_under_the_next_bound(
    table: OpenTable, monkeypatch: pytest.MonkeyPatch, seconds: float, at_most: float
) -> None:
    jobs = table()
    job = jobs.get(claimed_new(jobs))
    assert job.started is not None
    end = job.started + timedelta(seconds=seconds)
    monkeypatch.setattr("server.jobs.queue.clock", lambda connection: end)
    jobs.finish(job.id, 1, {})
    assert jobs.totals() == [Total("echo", "successful", at_most, 1, pytest.approx(seconds))]


def test_only_what_has_ended_is_forgotten(table: OpenTable) -> None:
    jobs = table()
    job = claimed_new(jobs)
    with pytest.raises(InputError, match="has not ended"):
        jobs.remove(job)
    jobs.finish(job, 1, {})
    assert jobs.remove(job) == [job]
    with pytest.raises(NoSuchJob):
        jobs.get(job)


def test_a_write_that_finds_the_table_locked_can_be_repeated(table: OpenTable) -> None:
    """The runner's way with a finish of which it could not know whether it was written."""
    jobs = table()
    job = claimed_new(jobs)
    assert jobs.finish(job, 1, {}, lambda: store_of(jobs).publish(job, 1))
    assert not jobs.finish(job, 1, {}, lambda: store_of(jobs).publish(job, 1))
    assert store_of(jobs).published[job] == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MissingInput("m", "word"), "missing"),
        (TooLarge("m", "word"), "too_large"),
        (InputFaults([TooLarge("m")], "word"), "input"),
        (NoSolution("m", "word"), "no_solution"),
        (Busy("m", 3), "server"),
    ],
)
def test_errors_for_users_have_a_kind(error: Exception, kind: str) -> None:
    assert JobError.of(error).kind == kind  # type: ignore[arg-type]
    assert JobError.of(error).message == "m"  # type: ignore[arg-type]
