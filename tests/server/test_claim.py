"""Which job goes next, and never too many at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from tests.server.job_tables import (
    BESIDE,
    ELSEWHERE,
    FAILURE,
    HERE,
    OpenTable,
    asked,
    claimed,
    open_table,
    parts,
    submit_many,
)


def labels(jobs: Jobs, number: int) -> list[str]:
    """The words of the next jobs to go, each of which ends before the next is claimed."""
    words = []
    for _ in range(number):
        job = claimed(jobs)
        words.append(str(job.request.inputs["word"][0].text))
        jobs.finish(job.id, job.attempt, {})
    return words


def test_jobs_of_one_client_go_in_the_order_they_came(table: OpenTable) -> None:
    jobs = table()
    ids = [jobs.submit(asked(), client="k").id for _ in range(4)]
    first, second = claimed(jobs), claimed(jobs, BESIDE)
    assert [first.id, second.id] == ids[:2]
    assert jobs.claim(HERE) is None and jobs.claim(BESIDE) is None  # two run at the most, whoever runs them
    assert jobs.fail(first.id, 1, FAILURE)
    assert claimed(jobs).id == ids[2]


def test_each_machine_has_its_own_slots(table: OpenTable) -> None:
    jobs = table(parallel=2)
    for _ in range(7):
        jobs.submit(asked())
    for owner in (HERE, ELSEWHERE, HERE, ELSEWHERE):
        claimed(jobs, owner)
    assert jobs.claim(HERE) is None and jobs.claim(ELSEWHERE) is None
    # The name of one machine may begin with that of another, or hold what means something in a pattern.
    for machine in (f"{HERE.machine}-2", HERE.machine.replace("-", "_"), "%"):
        claimed(jobs, Owner(machine, 1, 1.0))


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_thousand_jobs_of_one_client_don_t_keep_out_the_one_of_another(table: OpenTable, parallel: int) -> None:
    jobs = table(parallel=parallel)
    submit_many(jobs, 1000, "many")
    running = [claimed(jobs) for _ in range(parallel)]
    assert {job.client for job in running} == {"many"}
    late = jobs.submit(asked(), client="few")
    assert jobs.claim(HERE) is None
    jobs.finish(running[0].id, 1, {})
    assert claimed(jobs).id == late.id
    # And once it has ended, the others go on in their order.
    jobs.finish(late.id, 1, {})
    assert claimed(jobs).id == f"many-{parallel:04}"


def test_clients_take_turns(table: OpenTable) -> None:
    jobs = table(parallel=1)
    for client, number in (("a", 4), ("b", 2), ("", 3)):
        for n in range(number):
            jobs.submit(asked(f"{client}{n}"), client=client)
    assert labels(jobs, 9) == ["a0", "b0", "0", "a1", "b1", "1", "a2", "2", "a3"]


def test_who_has_fewer_running_goes_first(table: OpenTable) -> None:
    jobs = table(parallel=3)
    for client in "aab":
        jobs.submit(asked(client), client=client)
    long_one = claimed(jobs)
    assert long_one.client == "a"
    b = claimed(jobs)
    assert b.client == "b"
    jobs.finish(b.id, 1, {})
    jobs.submit(asked("b again"), client="b")
    # b was served last, but a has one running.
    assert claimed(jobs).client == "b"


def test_the_parts_of_a_job_take_turns_with_other_clients(table: OpenTable) -> None:
    jobs = table(parallel=1)
    campaign = jobs.submit(asked("campaign"), client="a")
    claimed(jobs)
    jobs.spread(campaign.id, 1, parts("p0", "p1", "p2"))
    for n in range(2):
        jobs.submit(asked(f"b{n}"), client="b")
    jobs.submit(asked("a0"), client="a")
    assert labels(jobs, 6) == ["p0", "b0", "a0", "p1", "b1", "p2"]
    assert claimed(jobs).id == campaign.id


@pytest.mark.parametrize(("parallel", "sync_slots", "for_async"), [(4, 1, 3), (2, 1, 1), (3, 5, 1), (3, 0, 3)])
def test_slots_are_kept_for_synchronous_requests(
    table: OpenTable, parallel: int, sync_slots: int, for_async: int
) -> None:
    jobs = table(parallel=parallel, sync_slots=sync_slots)
    for _ in range(parallel + 1):
        jobs.submit(asked(mode="async"))
    running = 0
    while jobs.claim(HERE):
        running += 1
    assert running == for_async
    sync = [jobs.submit(asked(mode="sync")).id for _ in range(parallel + 1)]
    assert [claimed(jobs).id for _ in range(parallel - for_async)] == sync[: parallel - for_async]
    assert jobs.claim(HERE) is None
    assert jobs.counts().running == parallel


def test_synchronous_jobs_may_take_all_slots(table: OpenTable) -> None:
    jobs = table(parallel=2, sync_slots=1)
    for _ in range(3):
        jobs.submit(asked(mode="sync"))
    assert [claimed(jobs).mode for _ in range(2)] == ["sync", "sync"]


def test_with_one_slot_synchronous_requests_go_first(table: OpenTable) -> None:
    jobs = table(parallel=1)
    for word, mode in (("a0", "async"), ("a1", "async"), ("s0", "sync"), ("s1", "sync")):
        jobs.submit(asked(word, mode=mode), client=word)
    assert labels(jobs, 4) == ["s0", "s1", "a0", "a1"]


def test_looking_while_nothing_waits_is_one_query_that_writes_nothing(table: OpenTable) -> None:
    jobs = table()
    for _ in range(3):
        jobs.submit(asked())
        jobs.finish(claimed(jobs).id, 1, {})
    statements: list[str] = []

    @event.listens_for(jobs._engine, "before_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    assert jobs.claim(HERE) is None
    assert [statement.split()[0] for statement in statements if not statement.startswith("BEGIN")] == ["SELECT"]
    jobs.submit(asked())
    claimed(jobs)
    jobs.submit(asked())
    claimed(jobs)
    jobs.submit(asked())
    statements.clear()
    assert jobs.claim(HERE) is None  # full
    assert not any("IMMEDIATE" in statement or "advisory" in statement for statement in statements)


def test_many_threads_never_run_too_many_nor_one_job_twice(table: OpenTable) -> None:
    number = 24
    tables = [table() for _ in range(4)]
    for _ in range(number):
        tables[0].submit(asked())
    ran: list[str] = []
    most: list[int] = []
    together = threading.Barrier(4)

    def work(jobs: Jobs) -> None:
        together.wait(30)
        owner = replace(HERE, pid=HERE.pid + threading.get_ident())
        while len(ran) < number:
            if job := jobs.claim(owner):
                ran.append(job.id)
                most.append(jobs.counts().running)
                assert jobs.finish(job.id, job.attempt, {})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, tables))
    assert len(ran) == number and set(Counter(ran).values()) == {1}
    assert max(most) <= 2


def test_many_processes_never_run_too_many_nor_one_job_twice(database: str) -> None:
    number = 40
    jobs = open_table(database)
    for _ in range(number):
        jobs.submit(asked())
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.server.test_claim", database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    lines = [line.split() for worker in workers for line in worker.communicate(timeout=60)[0].splitlines()]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    ran = Counter(job_id for job_id, _ in lines)
    assert len(ran) == number and set(ran.values()) == {1}
    assert max(int(running) for _, running in lines) <= 2
    jobs.close()


def _work(url: str) -> None:
    jobs = open_table(url)
    owner = Owner.this_process()
    jobs.counts()
    print("ready", flush=True)
    sys.stdin.readline()
    while jobs.counts().waiting:
        if job := jobs.claim(owner):
            print(job.id, jobs.counts().running)
            assert jobs.finish(job.id, job.attempt, {})
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _work(sys.argv[1])
