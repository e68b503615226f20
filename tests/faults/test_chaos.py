"""Whatever dies in whichever order, each accepted job ends, and nothing is left."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults import tree
from tests.faults.conftest import Figure
from tests.faults.order import assert_nothing_left, fault_service, recovery
from tests.faults.service import BOUND, FaultService

pytestmark = pytest.mark.slow

KILLS = 12


def test_random_deaths_while_jobs_come_in(tmp_path: Path, recovered: Figure) -> None:
    order = random.Random(3)
    accepted: list[str] = []
    died: list[str] = []
    with fault_service(tmp_path) as service:
        for _ in range(KILLS):
            for _ in range(4):
                answer = service.send("slow", seconds=order.choice((0.1, 0.5, 1.5)), steps=4, children=1)
                assert answer.status in (200, 503), answer.words
                if answer.status == 200:
                    accepted.append(answer.job_id)
            died.append(one_dies(service, order))
            tree.until(service.echo_works, BOUND, f"the service goes on after {died}")
        seconds = recovery(service, time.monotonic())
        rows = service.wait_ended(accepted, 120)
        for row in rows:
            # Lost twice, or its own process was the one that died: failed, in words.
            assert row.status == "successful" or (row.status == "failed" and row.error), row
        assert sum(row.status == "successful" for row in rows) > len(rows) / 2
        assert_nothing_left(service)
    recovered(f"{KILLS} random deaths ({', '.join(sorted(set(died)))})", seconds, jobs=len(accepted))


def one_dies(service: FaultService, order: random.Random) -> str:
    """Kill a process of one kind, if there is one."""
    kind = order.choice(("job", "supervisor", "web worker"))
    if kind == "job":
        found = [pid for pid in service.at_work() if tree.alive(pid)]
    elif kind == "supervisor":
        found = [service.wait_supervisor()]
    else:
        found = sorted(service.web_workers())
    if found:
        tree.kill(order.choice(found))
    return kind
