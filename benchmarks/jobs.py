"""How fast jobs are, beside plain PyWPS: both over HTTP under gunicorn with the same workers and threads."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wps_client import Answer, WpsClient
from benchmarks.wps_services import (
    PLAIN_PARALLEL,
    THREADS,
    WAITING,
    WORKERS,
    Processes,
    Span,
    Target,
    plain_python,
    plain_pywps,
    this_service,
)

JOBS = 50
ROUND_SECONDS, ROUNDS = 4.0, 3
BURST, BURST_SECONDS, BURST_JOB_SECONDS = 200, 5.0, 0.2
BURST_LIMIT = 120.0
"""Seconds after which a job of the burst that has no end counts as lost."""
SYNC_REQUESTS = 60
FILLING_SECONDS = 12.0


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: str
    here: float
    plain: float
    note: str = ""
    digits: int = 1


def time_jobs() -> None:
    """Run all cases, the two services in turn, and print one table."""
    with _both() as (here, plain, boundless, which):
        print(f"\nJobs, beside {which}; each: gunicorn, {WORKERS} workers, {THREADS} threads; {WAITING} jobs may wait;")
        print(f"plain: parallelprocesses = {PLAIN_PARALLEL}. Ratio: this service to plain PyWPS.\n")
        print(f"{'case':62}{'here':>9}{'plain':>9}{'ratio':>8}  note")
        for target in (here, plain, boundless):
            _warm(target.client)
        _show(_latency(here, plain))
        _show(_throughput(here, plain, boundless))
        _show(_beside_async(here, plain))
        # Last, since plain PyWPS does not get over it.
        _show(_burst(here, plain))


@contextmanager
def _both() -> Iterator[tuple[Target, Target, Target, str]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        python, which = plain_python()
        (folder / "here").mkdir()
        plain = stack.enter_context(plain_pywps(folder / "plain", python))
        boundless = stack.enter_context(plain_pywps(folder / "boundless", python, parallel=-1))
        yield stack.enter_context(this_service(folder / "here")), plain, boundless, which


def _show(rows: Iterator[Row]) -> None:
    for row in rows:
        ratio = f"{row.here / row.plain:8.2f}" if row.plain else f"{'':>8}"
        numbers = f"{row.here:9.{row.digits}f}{row.plain:9.{row.digits}f}"
        print(f"{row.case:62}{numbers}{ratio}  {row.note}", flush=True)


def _echo(client: WpsClient, *, stored: bool) -> Answer:
    return client.execute("echo", "string", "a few words", stored=stored)


def _warm(client: WpsClient) -> None:
    # More than one, so that each web worker has had its first.
    for stored in (True, False) * 4:
        if client.wait(_echo(client, stored=stored), 60) != "succeeded":
            raise RuntimeError(f"{client.url} does not run echo")


# --- one job at a time ----------------------------------------------------------------------------


def _latency(here: Target, plain: Target) -> Iterator[Row]:
    seconds: dict[str, list[float]] = {here.name: [], plain.name: []}
    before = {target.name: len(target.lives()) for target in (here, plain)}
    ends: Counter[str] = Counter()
    for _ in range(JOBS):
        # In turn, so that other work on the machine hits both.
        for target in (here, plain):
            began = time.perf_counter()
            end = target.client.wait(_echo(target.client, stored=True), 30)
            ends[f"{target.name} {end}"] += 1
            seconds[target.name].append(time.perf_counter() - began)
    note = ", ".join(f"{count} {name}" for name, count in sorted(ends.items()))
    rows = {
        target.name: [end - begin for begin, end in target.lives()[before[target.name] :]] for target in (here, plain)
    }
    for title, found in (("submit to finish, client's clock", seconds), ("submit to finish, as the row says", rows)):
        ours, theirs = found[here.name], found[plain.name]
        yield Row(f"{title}: median, ms", 1e3 * statistics.median(ours), 1e3 * statistics.median(theirs), note)
        yield Row(f"{title}: 95th percentile, ms", 1e3 * _percentile(ours), 1e3 * _percentile(theirs))
        note = ""


def _percentile(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


# --- synchronous requests one after another -------------------------------------------------------


def _throughput(here: Target, plain: Target, boundless: Target) -> Iterator[Row]:
    for clients, rival, title in (
        (1, plain, "1 client"),
        (8, plain, "8 clients"),
        (8, boundless, "8 clients, plain with no limit"),
    ):
        rounds = [(_answered(here, clients), _answered(rival, clients)) for _ in range(ROUNDS)]
        ours, theirs = zip(*rounds, strict=True)
        refused = f"not answered: here {_refused(ours)}, plain {_refused(theirs)}"
        yield Row(f"sync echo answered per second, {title}", _rate(ours), _rate(theirs), refused)


def _rate(rounds: tuple[Counter[str], ...]) -> float:
    return statistics.median(ends["succeeded"] for ends in rounds) / ROUND_SECONDS


def _refused(rounds: tuple[Counter[str], ...]) -> int:
    return sum(ends.total() - ends["succeeded"] for ends in rounds)


def _answered(target: Target, clients: int) -> Counter[str]:
    """Ends of the requests that so many clients made in one round, each as soon as its last was answered."""
    limit = time.monotonic() + ROUND_SECONDS

    def ask(_client: int) -> Counter[str]:
        ends: Counter[str] = Counter()
        while time.monotonic() < limit:
            ends[_echo(target.client, stored=False).end or "lost"] += 1
        return ends

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(ask, range(clients)), Counter())


# --- synchronous requests beside asynchronous jobs ------------------------------------------------


def _beside_async(here: Target, plain: Target) -> Iterator[Row]:
    ours, theirs = (_sync_beside_async(target) for target in (here, plain))
    title = f"{SYNC_REQUESTS} sync echoes at once, async jobs in all their slots"
    yield Row(f"{title}: answered", ours.ends["succeeded"], theirs.ends["succeeded"], digits=0)
    yield Row("  refused as busy", ours.ends["refused"], theirs.ends["refused"], digits=0)
    note = "of those answered" if ours.filled else "of those answered; here the async jobs ended before the last"
    yield Row("  median, s", ours.median, theirs.median, note, digits=2)
    yield Row("  longest, s", ours.longest, theirs.longest, digits=2)


@dataclass(frozen=True)
class Beside:
    """What became of synchronous requests while asynchronous jobs ran."""

    ends: Counter[str]
    seconds: list[float]
    """Of each that succeeded."""
    filled: bool
    """Whether the asynchronous jobs ran all the while."""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds or [0.0])

    @property
    def longest(self) -> float:
        return max(self.seconds, default=0.0)


def _sync_beside_async(target: Target) -> Beside:
    filling = [
        target.client.execute("slow", "seconds", str(FILLING_SECONDS), stored=True) for _ in range(PLAIN_PARALLEL)
    ]
    time.sleep(1)  # each is at work then, or never will be
    together = threading.Barrier(SYNC_REQUESTS)

    def ask(_number: int) -> tuple[str, float]:
        together.wait()
        began = time.monotonic()
        end = _echo(target.client, stored=False).end or "lost"
        return end, time.monotonic() - began

    with ThreadPoolExecutor(SYNC_REQUESTS) as pool:
        answers = list(pool.map(ask, range(SYNC_REQUESTS)))
    filled = all(target.client.status(job.status_url).end is None for job in filling)
    for job in filling:
        target.client.wait(job, 2 * FILLING_SECONDS, poll=0.1)
    ends = Counter(end for end, _ in answers)
    return Beside(ends, [seconds for end, seconds in answers if end == "succeeded"], filled)


# --- many at once ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Burst:
    """What became of many jobs sent within seconds."""

    ends: Counter[str]
    seconds: float
    """From the first submission to the last end that was seen."""
    most_running: int
    most_processes: int

    @property
    def accepted(self) -> int:
        return self.ends.total() - self.ends["refused"] - self.ends["failed at once"]


def _burst(here: Target, plain: Target) -> Iterator[Row]:
    ours, theirs = (_one_burst(target) for target in (here, plain))
    title = f"{BURST} jobs of {BURST_JOB_SECONDS:g} s sent in {BURST_SECONDS:g} s"
    yield Row(f"{title}: accepted", ours.accepted, theirs.accepted, digits=0)
    yield Row("  refused as busy", ours.ends["refused"], theirs.ends["refused"], digits=0)
    yield Row("  answered by another error", ours.ends["failed at once"], theirs.ends["failed at once"], digits=0)
    yield Row("  accepted and succeeded", ours.ends["succeeded"], theirs.ends["succeeded"], digits=0)
    yield Row("  accepted and failed", ours.ends["failed"], theirs.ends["failed"], digits=0)
    lost = f"no end {BURST_LIMIT:g} s after the first was sent"
    yield Row("  accepted and lost", ours.ends["lost"], theirs.ends["lost"], lost, digits=0)
    yield Row("  most running at once", ours.most_running, theirs.most_running, digits=0)
    yield Row("  most processes at once", ours.most_processes, theirs.most_processes, digits=0)
    yield Row("  until all had ended, s", ours.seconds, theirs.seconds)


def _one_burst(target: Target) -> Burst:
    before = len(target.runs())
    began = time.monotonic()

    def send(number: int) -> Answer:
        time.sleep(max(0.0, began + number * BURST_SECONDS / BURST - time.monotonic()))
        return target.client.execute("slow", "seconds", str(BURST_JOB_SECONDS), stored=True)

    with Processes(target) as processes, ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(send, range(BURST)))
        ends = Counter("failed at once" if answer.end == "failed" else answer.end for answer in answers if answer.end)
        waiting = deque(answer for answer in answers if answer.end is None)
        last = time.monotonic()
        while waiting and time.monotonic() < began + BURST_LIMIT:
            # Oldest first, and not long for one: whatever else ended meanwhile is seen soon too.
            answer = waiting.popleft()
            end = target.client.wait(answer, 1.0, poll=0.02)
            if end == "lost":
                waiting.append(answer)
            else:
                ends[end] += 1
                last = time.monotonic()
        ends["lost"] = len(waiting)
    return Burst(ends, last - began, _most_at_once(target.runs()[before:]), processes.most)


def _most_at_once(spans: list[Span]) -> int:
    changes = sorted([(ended, -1) for _, ended in spans] + [(began, 1) for began, _ in spans])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most
