"""What the service has done, and what it takes: figures for its operator."""

from __future__ import annotations

import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import psutil

from server.jobs.model import JobStatus
from server.jobs.queue import Jobs
from server.request_counts import RequestCounts, RequestTotal
from server.rest.tasks import STATUSES, moment


class Statistics:
    """Gathers the figures."""

    def __init__(self, jobs: Jobs, counts: RequestCounts) -> None:
        self._jobs = jobs
        self._counts = counts
        self._started = time.monotonic()

    def document(self) -> dict[str, Any]:
        """Everything."""
        totals = self._counts.read()
        return {
            "uptime": round(time.monotonic() - self._started, 1),
            "requests": _requests(totals),
            "response_times": _times(totals),
            "tasks": self._tasks(),
            "memory": _memory(),
            "disk": disk(self._jobs),
        }

    def _tasks(self) -> dict[str, Any]:
        ended: defaultdict[str, int] = defaultdict(int)
        for total in self._jobs.totals():
            ended[total.outcome] += total.count
        counts = self._jobs.counts()
        at_work = {"pending": counts.waiting, "processing": counts.running + counts.spread}
        over = {
            STATUSES[status]: ended[status] for status in (JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED)
        }
        return {"created": sum(at_work.values()) + sum(over.values()), **over, **at_work}


def disk(jobs: Jobs) -> dict[str, int]:
    """Bytes of the disk that jobs work on."""
    return {"free": jobs.store.free(), "total": shutil.disk_usage(jobs.store.work).total}


def _memory() -> dict[str, int]:
    machine = psutil.virtual_memory()
    # The worker that answers; its siblings take about as much.
    own = psutil.Process(os.getpid()).memory_info().rss
    return {"worker": own, "available": machine.available, "total": machine.total}


def _requests(totals: Iterable[RequestTotal]) -> dict[str, Any]:
    found = list(totals)
    count = sum(total.count for total in found)
    refused = sum(total.count for total in found if 400 <= total.status < 500)
    failed = sum(total.count for total in found if total.status >= 500)
    return {
        "total": count,
        "since": moment(min((total.since for total in found), default=None)),
        "by_method": _by(found, lambda total: total.method),
        "by_endpoint": _by(found, lambda total: total.endpoint),
        "by_status": _by(found, lambda total: str(total.status)),
        "refused": refused,
        "failed": failed,
        "error_rate": round((refused + failed) / count, 6) if count else 0.0,
    }


def _by(totals: Iterable[RequestTotal], what: Callable[[RequestTotal], str]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for total in totals:
        counts[what(total)] += total.count
    return dict(sorted(counts.items()))


def _times(totals: Iterable[RequestTotal]) -> dict[str, Any]:
    """Seconds until an answer began, altogether and by endpoint."""
    groups: defaultdict[str, list[RequestTotal]] = defaultdict(list)
    for total in totals:
        groups[total.endpoint].append(total)
    every = [total for group in groups.values() for total in group]
    return {**_time(every), "by_endpoint": {endpoint: _time(group) for endpoint, group in sorted(groups.items())}}


def _time(totals: Iterable[RequestTotal]) -> dict[str, float]:
    found = list(totals)
    count = sum(total.count for total in found)
    return {
        "mean": round(sum(total.seconds for total in found) / count, 6) if count else 0.0,
        "longest": round(max((total.longest for total in found), default=0.0), 6),
    }
