"""Lists of jobs: each filter alone and together, in a stable order, page by page, on both databases."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.jobs.admission import new_row
from server.jobs.database import migrate, writing
from server.jobs.listing import listing
from server.jobs.model import Job, JobStatus
from server.jobs.queue import Jobs
from tests.server.job_tables import OpenTable, asked, claimed, open_table, parts

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Fact:
    """What a test knows of a job."""

    id: str
    status: JobStatus
    process: str
    face: str
    client: str
    parent: str | None
    created: datetime
    seconds: float | None


def fill(jobs: Jobs, number: int) -> list[Fact]:
    """Put many different jobs into the table; some of the same moment."""
    chance = random.Random(4)
    now = datetime.now(UTC)
    facts = []
    with Session(writing(jobs._engine)) as session, session.begin():
        for n in range(number):
            status = chance.choice(list(JobStatus))
            created = NOON + timedelta(minutes=chance.randrange(20))
            process, face = chance.choice("abc"), chance.choice(["wps-1.0.0", "ogcapi-1.0"])
            row = new_row(
                f"job-{chance.randrange(10**9):09}-{n}",
                asked(process=process, face=face),
                version="",
                client=chance.choice(["", "x", "y"]),
                shared=None,
                now=created,
            )
            row.status, row.parent = status, chance.choice([None, None, "campaign"])
            seconds = None
            if status is JobStatus.RUNNING:
                # Far from any bound, since it goes on running.
                seconds = chance.choice([0.5, 50.5, 500.5]) * 60
                row.started = now - timedelta(seconds=seconds)
            elif status.ended and not (status is JobStatus.DISMISSED and chance.random() < 0.5):
                seconds = chance.choice([0.0, 0.25, 59.999, 60.0, 60.001, 3600.0])
                row.started = created + timedelta(seconds=1.123)
                row.finished = row.started + timedelta(seconds=seconds)
            facts.append(Fact(row.id, status, process, face, row.client, row.parent, created, seconds))
            session.add(row)
    return sorted(facts, key=lambda fact: (fact.created, fact.id), reverse=True)


STATUSES = [None, [], [JobStatus.FAILED], [JobStatus.RUNNING, JobStatus.SUCCESSFUL]]
PROCESSES = [None, ["a"], ["b", "c", "no such"]]
CLIENTS = [None, "", "x", "nobody"]
PARENTS = [{}, {"subjobs": True}, {"parent": "campaign"}, {"parent": "campaign", "subjobs": True}]
TIMES = [(None, None), (NOON + timedelta(minutes=5), None), (None, NOON + timedelta(minutes=5)),
         (NOON + timedelta(minutes=3), NOON + timedelta(minutes=8)), (NOON + timedelta(days=1), None)]  # fmt: skip
SECONDS = [(None, None), (60, None), (None, 60), (60, 60), (0, None), (61, 59)]


def test_each_filter_with_each_other(table: OpenTable) -> None:
    jobs = table()
    facts = fill(jobs, 300)
    chance = random.Random(5)
    every = list(product(STATUSES, PROCESSES, CLIENTS, PARENTS, TIMES, SECONDS))
    for statuses, processes, client, family, (first, last), (least, most) in chance.sample(every, 400):
        expected = [
            fact.id
            for fact in facts
            if (statuses is None or fact.status in statuses)
            and (processes is None or fact.process in processes)
            and (client is None or fact.client == client)
            and (fact.parent == family["parent"] if "parent" in family else fact.parent is None or family)
            and (first is None or fact.created >= first)
            and (last is None or fact.created <= last)
            and (least is None or (fact.seconds is not None and fact.seconds >= least))
            and (most is None or (fact.seconds is not None and fact.seconds <= most))
        ]
        found = jobs.find(
            statuses=statuses,
            processes=processes,
            client=client,
            **family,
            created_from=first,
            created_to=last,
            min_seconds=least,
            max_seconds=most,
            limit=1000,
        )
        assert [job.id for job in found] == expected


def test_faces_are_told_apart(table: OpenTable) -> None:
    jobs = table()
    facts = fill(jobs, 40)
    found = jobs.find(faces=["ogcapi-1.0"], subjobs=True)
    assert [job.id for job in found] == [fact.id for fact in facts if fact.face == "ogcapi-1.0"]
    assert jobs.find(faces=["wps-2.0.0"]) == []


def test_pages_together_are_the_whole_list(table: OpenTable) -> None:
    jobs = table()
    facts = fill(jobs, 57)
    pages: list[list[Job]] = []
    while page := jobs.find(subjobs=True, limit=10, offset=10 * len(pages)):
        pages.append(page)
    assert [len(page) for page in pages] == [10, 10, 10, 10, 10, 7]
    assert [job.id for page in pages for job in page] == [fact.id for fact in facts]
    assert len(jobs.find(subjobs=True, limit=57 + 1)) == 57, "there is no other page"


def test_a_page_stays_where_it_is_when_a_job_ends(table: OpenTable) -> None:
    jobs = table()
    ids = [jobs.submit(asked()).id for _ in range(4)][::-1]
    running = claimed(jobs)
    before = [job.id for job in jobs.find(limit=2, offset=2)]
    jobs.finish(running.id, running.attempt, {})
    assert [job.id for job in jobs.find(limit=2, offset=2)] == before == ids[2:]


def test_sub_jobs_are_left_out_unless_asked_for(table: OpenTable) -> None:
    jobs = table()
    whole = jobs.submit(asked()).id
    made = jobs.spread(whole, claimed(jobs).attempt, parts("1", "2"))
    assert [job.id for job in jobs.find()] == [whole]
    assert {job.id for job in jobs.find(parent=whole)} == {job.id for job in made}
    assert {job.id for job in jobs.find(subjobs=True)} == {whole, *(job.id for job in made)}


def test_a_job_that_waits_again_has_no_run_time(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked()).id
    assert jobs.find(min_seconds=0) == []
    running = claimed(jobs)
    assert [job.id for job in jobs.find(min_seconds=0, max_seconds=60)] == [job_id]
    jobs.put_back(running.id, running.attempt)
    assert jobs.find(min_seconds=0) == []


@pytest.mark.parametrize(("client", "index"), [(None, "jobs_parent_created"), ("x", "jobs_client_created")])
def test_a_page_is_read_in_the_order_of_an_index(tmp_path: Path, client: str | None, index: str) -> None:
    """So that the list of a table with many jobs costs no more than that of one with few; SQLite says how it will."""
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    migrate(url)
    jobs = open_table(url)
    nothing = dict.fromkeys(["statuses", "processes", "faces", "parent", "created_from", "created_to"])
    query = listing(**nothing, client=client, subjobs=False, min_seconds=None, max_seconds=None, now=NOON)
    with jobs._engine.connect() as connection:
        written = query.limit(10).compile(connection, compile_kwargs={"literal_binds": True})
        plan = " ".join(row[-1] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {written}")))
    assert f"USING INDEX {index}" in plan and "FOR ORDER BY" not in plan, plan
    jobs.close()
