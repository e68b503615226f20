"""``/metrics``: what Prometheus is told, made anew from the job table at each request.

The table outlives every process of the service, so the counts go on over restarts, and every web
worker gives the same ones.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate
from typing import Literal

from flask import Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from server.jobs.model import NO_BOUND, JobStatus
from server.jobs.queue import Jobs
from server.jobs.totals import BOUNDS, NOTICE_DELIVERED, NOTICE_GIVEN_UP, RECOVERED, Total


@dataclass(frozen=True)
class MetricDeclaration:
    """One metric, as Prometheus and the reference show it."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    text: str
    labels: tuple[str, ...] = ()


WAITING = MetricDeclaration("gasflux_jobs_waiting", "gauge", "Jobs that wait for a free slot.")
RUNNING = MetricDeclaration("gasflux_jobs_running", "gauge", "Jobs that run, each in a slot.")
SPREAD = MetricDeclaration("gasflux_jobs_spread", "gauge", "Jobs that wait for the end of their sub-jobs.")
SECONDS = MetricDeclaration(
    "gasflux_job_seconds",
    "histogram",
    "Run times of the jobs that ended, from the start of their last try; the outcome is successful, failed or "
    "dismissed.",
    ("process", "outcome"),
)
RETAKEN = MetricDeclaration(
    "gasflux_jobs_recovered_total",
    "counter",
    "How many times a job was taken up again because the process that ran it was gone.",
    ("process",),
)
NOTICES_WAITING = MetricDeclaration(
    "gasflux_notices_waiting",
    "gauge",
    "Notices to subscribers of jobs that are to be delivered, now or at the next try.",
)
NOTICES_DELIVERED = MetricDeclaration(
    "gasflux_notices_delivered_total", "counter", "Notices of progress and of ends that subscribers have.", ("process",)
)
NOTICES_GIVEN_UP = MetricDeclaration(
    "gasflux_notices_given_up_total",
    "counter",
    "Notices of ends that could not be delivered, however often it was tried.",
    ("process",),
)
DISK_FREE = MetricDeclaration("gasflux_disk_free_bytes", "gauge", "Free space on the disk that jobs work on.")
UPTIME = MetricDeclaration("gasflux_uptime_seconds", "gauge", "How long the web worker that answers has been up.")
BUILD = MetricDeclaration("gasflux_build_info", "gauge", "Always 1; the label tells the version.", ("version",))

METRICS = (
    WAITING,
    RUNNING,
    SPREAD,
    SECONDS,
    RETAKEN,
    NOTICES_WAITING,
    NOTICES_DELIVERED,
    NOTICES_GIVEN_UP,
    DISK_FREE,
    UPTIME,
    BUILD,
)
"""All metrics there are."""


class Metrics:
    """The service's metrics.

    :param jobs: whose table they are made from.
    """

    def __init__(self, jobs: Jobs) -> None:
        # A registry of its own: the library's has metrics of the one process that answers.
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(jobs))

    def page(self) -> Response:
        """The metrics in Prometheus' text format."""
        return Response(generate_latest(self._registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Figures(Collector):
    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._started = time.monotonic()
        self._version = version("gasflux-wps")

    def collect(self) -> Iterator[Metric]:
        counts = self._jobs.counts()
        yield _gauge(WAITING, counts.waiting)
        yield _gauge(RUNNING, counts.running)
        yield _gauge(SPREAD, counts.spread)
        totals = self._jobs.totals()
        yield _run_times(totals)
        yield _counter(RETAKEN, totals, RECOVERED)
        yield _gauge(NOTICES_WAITING, self._jobs.notices.waiting())
        yield _counter(NOTICES_DELIVERED, totals, NOTICE_DELIVERED)
        yield _counter(NOTICES_GIVEN_UP, totals, NOTICE_GIVEN_UP)
        yield _gauge(DISK_FREE, self._jobs.store.free())
        yield _gauge(UPTIME, time.monotonic() - self._started)
        yield _gauge(BUILD, 1, self._version)


def _gauge(declared: MetricDeclaration, value: float, *labels: str) -> Metric:
    family = GaugeMetricFamily(declared.name, declared.text, labels=declared.labels)
    family.add_metric(labels, value)
    return family


def _run_times(totals: Iterable[Total]) -> Metric:
    counts: defaultdict[tuple[str, str], dict[float, int]] = defaultdict(dict)
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for total in totals:
        if total.outcome in (JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED):
            counts[total.process, total.outcome][total.at_most] = total.count
            seconds[total.process, total.outcome] += total.seconds
    family = HistogramMetricFamily(SECONDS.name, SECONDS.text, labels=SECONDS.labels)
    for labels, found in sorted(counts.items()):
        upto = accumulate(found.get(bound, 0) for bound in BOUNDS)
        family.add_metric(labels, list(zip(map(_bound, BOUNDS), upto, strict=True)), seconds[labels])
    return family


def _counter(declared: MetricDeclaration, totals: Iterable[Total], outcome: str) -> Metric:
    counts: defaultdict[str, int] = defaultdict(int)
    for total in totals:
        if total.outcome == outcome:
            counts[total.process] += total.count
    family = CounterMetricFamily(declared.name, declared.text, labels=declared.labels)
    for process, count in sorted(counts.items()):
        family.add_metric([process], count)
    return family


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == NO_BOUND else str(seconds)
