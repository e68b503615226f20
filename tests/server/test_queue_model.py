"""Any order of events: the job table against a model of it that keeps everything in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, event

from gasflux_core.errors import Busy, InputError
from server.jobs.database import writing
from server.jobs.model import Job, JobRow, ResultItem, TotalRow
from server.jobs.owner import Owner
from server.jobs.queue import Counts, Jobs
from server.jobs.recovery import LOST_SECONDS, MOST_LOSSES
from tests.server.job_tables import (
    BESIDE,
    ELSEWHERE,
    FAILURE,
    GONE,
    HERE,
    asked,
    fall_silent,
    open_table,
    parts,
    store_of,
)

PARALLEL = 2
SYNC_SLOTS = 1
WAITING = 4
KEY_SHARE = 0.5

OWNERS = st.sampled_from([HERE, BESIDE, GONE, ELSEWHERE])
ANY = st.integers(0, 10**6)


@dataclass
class Known:
    """What must be true of one job."""

    mode: str
    client: str
    share: str
    created: datetime
    word: str = ""
    parent: str | None = None
    status: str = "accepted"
    owner: Owner | None = None
    attempt: int = 0
    losses: int = 0
    sharers: int = 1
    ended: Job | None = None
    """The whole row as it was when the job ended."""

    @property
    def unended(self) -> bool:
        return self.status in ("accepted", "running")

    @property
    def spread(self) -> bool:
        return self.status == "running" and self.owner is None


class Life(RuleBasedStateMachine):
    """Everything that can happen to jobs."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        with writing(jobs._engine).begin() as connection:
            connection.execute(delete(JobRow))
            connection.execute(delete(TotalRow))
        self.jobs = jobs
        self.store = store_of(jobs)
        self.store.published.clear()
        self.known: dict[str, Known] = {}
        self.attempts: list[tuple[str, int]] = []
        self.silent = False
        """Whether the owner elsewhere was silent for too long."""
        self.told: list[str] = []
        jobs.on_submit = self.told.append

    # --- clients ----------------------------------------------------------------------------------

    @rule(word=st.sampled_from("abc"), mode=st.sampled_from(["sync", "async"]), client=st.sampled_from(["", "k"]))
    def submit(self, word: str, mode: str, client: str) -> None:
        same = [
            job_id
            for job_id, job in self.known.items()
            if job.unended and (job.word, job.mode, job.client) == (word, mode, client)
        ]
        if not same and self.full(mode, client):
            with self.nothing_changes(), pytest.raises(Busy):
                self.jobs.submit(asked(word, mode=mode), client=client)
            return
        job = self.jobs.submit(asked(word, mode=mode), client=client)
        if same:
            assert job.id in same
            self.known[job.id].sharers += 1
            return
        assert job.id not in self.known
        assert self.told.pop() == job.id
        self.known[job.id] = Known(mode, client, client, job.created, word)

    @precondition(lambda self: self.known)
    @rule(which=ANY)
    def dismiss(self, which: int) -> None:
        job_id, job = self.any_job(which)
        self.jobs.dismiss(job_id)
        if job.unended and job.sharers > 1:
            job.sharers -= 1
        elif job.unended:
            for each in (job_id, *self.below(job_id)):
                if self.known[each].unended:
                    self.end(each, "dismissed")
            self.settle(job.parent)

    @precondition(lambda self: any(not job.unended for job in self.known.values()))
    @rule(which=ANY)
    def retry(self, which: int) -> None:
        among = [job_id for job_id, job in self.known.items() if not job.unended]
        job_id = among[which % len(among)]
        job = self.known[job_id]
        if job.status == "successful" or job.parent is not None:
            with self.nothing_changes(), pytest.raises(InputError):
                self.jobs.retry(job_id)
            return
        if self.full(job.mode, job.client):
            with self.nothing_changes(), pytest.raises(Busy):
                self.jobs.retry(job_id)
            return
        self.jobs.retry(job_id)
        self.start_anew(job_id)

    # --- those who run jobs -----------------------------------------------------------------------

    @rule(owner=OWNERS)
    def claim(self, owner: Owner) -> None:
        here = [job.mode for job in self.known.values() if job.owner and job.owner.machine == owner.machine]
        modes = ["sync"] if here.count("async") >= max(1, PARALLEL - SYNC_SLOTS) else ["sync", "async"]
        waiting = {job_id: job for job_id, job in self.known.items() if job.status == "accepted" and job.mode in modes}
        got = self.jobs.claim(owner)
        if len(here) >= PARALLEL or not waiting:
            assert got is None
            return
        assert got is not None
        job = waiting[got.id]
        running = [each.share for each in self.known.values() if each.owner]
        assert running.count(job.share) == min(running.count(each.share) for each in waiting.values())
        assert all(job.created <= each.created for each in waiting.values() if each.share == job.share)
        job.status, job.owner = "running", owner
        job.attempt += 1
        assert (got.attempt, got.owner, got.losses) == (job.attempt, str(owner), job.losses)
        self.attempts.append((got.id, got.attempt))
        if owner == ELSEWHERE:
            # Its claim is a sign of life only for this one job.
            self.jobs.beat(ELSEWHERE)
            self.silent = False

    @precondition(lambda self: self.attempts)
    @rule(which=ANY, fraction=st.floats(0, 1))
    def progress(self, which: int, fraction: float) -> None:
        with self.attempt(which) as (job_id, attempt, runs):
            assert self.jobs.progress(job_id, attempt, fraction, "text") is runs

    @precondition(lambda self: self.attempts)
    @rule(which=ANY)
    def finish(self, which: int) -> None:
        with self.attempt(which) as (job_id, attempt, runs):
            results = {"page": ResultItem("complex", file="page.html", size=1)}
            assert self.jobs.finish(job_id, attempt, results, lambda: self.store.publish(job_id, attempt)) is runs
            if runs:
                self.end(job_id, "successful")
                self.settle(self.known[job_id].parent)

    @precondition(lambda self: self.attempts)
    @rule(which=ANY)
    def finish_on_a_full_disk(self, which: int) -> None:
        def publish() -> None:
            raise OSError("no space left")

        with self.attempt(which) as (job_id, attempt, runs), self.nothing_changes():
            if runs:
                with pytest.raises(OSError, match="no space"):
                    self.jobs.finish(job_id, attempt, {}, publish)
            else:
                assert not self.jobs.finish(job_id, attempt, {}, publish)

    @precondition(lambda self: self.attempts)
    @rule(which=ANY)
    def fail(self, which: int) -> None:
        with self.attempt(which) as (job_id, attempt, runs):
            assert self.jobs.fail(job_id, attempt, FAILURE) is runs
            if runs:
                self.end(job_id, "failed")
                self.settle(self.known[job_id].parent)

    @precondition(lambda self: self.attempts)
    @rule(which=ANY)
    def put_back(self, which: int) -> None:
        with self.attempt(which) as (job_id, attempt, runs):
            assert self.jobs.put_back(job_id, attempt) is runs
            if runs:
                self.wait_again(job_id)

    @precondition(lambda self: self.attempts)
    @rule(which=ANY, number=st.integers(1, 3))
    def spread(self, which: int, number: int) -> None:
        with self.attempt(which) as (job_id, attempt, runs):
            children = self.jobs.spread(job_id, attempt, parts(*map(str, range(number))))
            assert len(children) == (number if runs else 0)
            if runs:
                self.known[job_id].owner = None
                client = self.known[job_id].client
                for child in children:
                    self.known[child.id] = Known("async", client, job_id, child.created, parent=job_id)
                assert self.told[-number:] == [child.id for child in children]

    @rule(owner=OWNERS)
    def beat(self, owner: Owner) -> None:
        self.jobs.beat(owner)
        self.silent = self.silent and owner != ELSEWHERE

    @rule()
    def the_owner_elsewhere_falls_silent(self) -> None:
        fall_silent(self.jobs, ELSEWHERE, LOST_SECONDS + 1)
        self.silent = True

    @rule()
    def recover(self) -> None:
        lost = {
            job_id
            for job_id, job in self.known.items()
            if job.owner == GONE or (job.owner == ELSEWHERE and self.silent)
        }
        recovered = self.jobs.recover()
        assert {job.id for job in recovered} == lost
        for job_id in lost:
            job = self.known[job_id]
            job.losses += 1
            if job.losses >= MOST_LOSSES:
                self.end(job_id, "failed")
                self.settle(job.parent)
            else:
                self.wait_again(job_id)
        assert not self.jobs.running(GONE)

    # --- the janitor ------------------------------------------------------------------------------

    @precondition(lambda self: self.known)
    @rule(which=ANY)
    def remove(self, which: int) -> None:
        job_id, job = self.any_job(which)
        if job.unended:
            with self.nothing_changes(), pytest.raises(InputError):
                self.jobs.remove(job_id)
            return
        gone = [job_id, *self.below(job_id)]
        assert set(self.jobs.remove(job_id)) == set(gone)
        for each in gone:
            del self.known[each]
            self.store.published.pop(each, None)

    # --- what is always true ----------------------------------------------------------------------

    @invariant()
    def the_table_is_as_it_must_be(self) -> None:
        rows = self.rows()
        assert rows.keys() == self.known.keys()
        for job_id, job in self.known.items():
            row = rows[job_id]
            owner = str(job.owner) if job.owner else None
            assert (row.status, row.attempt, row.losses) == (job.status, job.attempt, job.losses)
            assert (row.parent, row.mode, row.client) == (job.parent, job.mode, job.client)
            if job.unended:
                assert row.owner == owner and row.finished is None and row.error is None and row.results == {}
            else:
                assert row == job.ended  # an ended job never changes

    @invariant()
    def no_machine_runs_more_than_it_may(self) -> None:
        for machine in (HERE.machine, ELSEWHERE.machine):
            here = [job.mode for job in self.known.values() if job.owner and job.owner.machine == machine]
            assert len(here) <= PARALLEL
            assert here.count("async") <= PARALLEL - SYNC_SLOTS
        jobs = self.known.values()
        waiting = sum(job.status == "accepted" for job in jobs)
        running = sum(job.owner is not None for job in jobs)
        assert self.jobs.counts() == Counts(waiting, running, sum(job.spread for job in jobs))

    @invariant()
    def each_success_was_published_once(self) -> None:
        successful = {job_id for job_id, job in self.known.items() if job.status == "successful"}
        assert dict(self.store.published) == dict.fromkeys(successful, 1)

    @invariant()
    def no_job_waits_for_parts_that_have_ended(self) -> None:
        for job_id, job in self.known.items():
            if job.spread:
                assert any(child.unended for child in self.known.values() if child.parent == job_id)

    def teardown(self) -> None:
        """Whatever happened: all that was accepted comes to an end."""
        rounds = 0
        while any(job.unended for job in self.known.values()):
            rounds += 1
            assert rounds <= 3 * len(self.known) + 3, "some jobs never end"
            self.the_owner_elsewhere_falls_silent()
            self.recover()
            for job_id, job in list(self.known.items()):
                if job.owner:
                    self.attempts = [(job_id, job.attempt)]
                    self.finish(0)
            self.claim(HERE)
            self.the_table_is_as_it_must_be()
            self.each_success_was_published_once()

    # --- the model's own --------------------------------------------------------------------------

    def rows(self) -> dict[str, Job]:
        return {job.id: job for job in self.jobs.find(subjobs=True, limit=10**6)}

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        before, totals, told = self.rows(), self.jobs.totals(), list(self.told)
        yield
        assert (self.rows(), self.jobs.totals(), self.told) == (before, totals, told)

    @contextmanager
    def attempt(self, which: int) -> Iterator[tuple[str, int, bool]]:
        """An attempt, as likely one that runs as any other, and whether it runs; what is late changes nothing."""
        running = [(job_id, job.attempt) for job_id, job in self.known.items() if job.owner]
        among = running if which % 2 and running else self.attempts
        job_id, attempt = among[which // 2 % len(among)]
        if (job_id, attempt) in running:
            yield job_id, attempt, True
            return
        with self.nothing_changes():
            yield job_id, attempt, False

    def any_job(self, which: int) -> tuple[str, Known]:
        return list(self.known.items())[which % len(self.known)]

    def full(self, mode: str, client: str) -> bool:
        waiting = [job for job in self.known.values() if job.status == "accepted" and job.parent is None]
        own = sum(job.client == client for job in waiting)
        return sum(job.mode == mode for job in waiting) >= WAITING or (bool(client) and own >= KEY_SHARE * WAITING)

    def below(self, job_id: str) -> list[str]:
        children = [each for each, job in self.known.items() if job.parent == job_id]
        return children + [each for child in children for each in self.below(child)]

    def end(self, job_id: str, status: str) -> None:
        job = self.known[job_id]
        job.status, job.owner, job.ended = status, None, self.jobs.get(job_id)

    def wait_again(self, job_id: str) -> None:
        job = self.known[job_id]
        job.status, job.owner = "accepted", None

    def settle(self, parent: str | None) -> None:
        if parent is None or parent not in self.known or not self.known[parent].spread:
            return
        if not any(job.unended for job in self.known.values() if job.parent == parent):
            self.wait_again(parent)
            assert parent in self.told

    def start_anew(self, job_id: str) -> None:
        job = self.known[job_id]
        again = [each for each, child in self.known.items() if child.parent == job_id and child.status != "successful"]
        for each in again:
            self.start_anew(each)
        job.status, job.losses, job.sharers, job.ended = ("running" if again else "accepted"), 0, 1, None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_any_order_of_events_on_sqlite(database: str) -> None:
    _run(database, examples=60)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_any_order_of_events_on_postgresql(database: str) -> None:
    _run(database, examples=8)


def _run(url: str, examples: int) -> None:
    jobs = open_table(
        url,
        parallel=PARALLEL,
        waiting=WAITING,
        sync_slots=SYNC_SLOTS,
        key_share=KEY_SHARE,
        share_identical=True,
    )
    if url.startswith("sqlite"):
        # The machine won't lose its power in the middle of the test.
        @event.listens_for(jobs._engine, "before_cursor_execute", retval=True)
        def hurry(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> object:
            return re.sub("(?<=PRAGMA synchronous=).+", "OFF", statement), parameters

    quick = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    try:
        run_state_machine_as_test(lambda: Life(jobs), settings=quick)
    finally:
        jobs.close()
