"""How the service is: whether it works, how much it has to do, what became of its jobs, and how it is set."""

from __future__ import annotations

import logging
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError

from server.jobs.model import NO_BOUND, Job, JobStatus
from server.jobs.queue import Jobs
from server.jobs.totals import BOUNDS, RECOVERED, Total
from server.ows.addresses import mapserver_program
from server.settings import Settings
from server.web.run_facts import moment, run_title, size_text, span
from server.web.site import Web

LOG = logging.getLogger(__name__)

FAILURES = 10
"""How many of the latest failures are shown."""

_ENDS = (JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED)
_SECRET = re.compile(r"secret|password|token|bootstrap|credential")
_HIGHEST_BAR = 100.0


def add_system(pages: Blueprint, web: Web) -> None:
    """Add the page of the service's state."""
    started = time.monotonic()

    @pages.get("/system")
    def system() -> Response:
        # Without the frame around it: the page takes this in place of what it shows.
        name = "system_part" if request.args.get("part") == "1" else "system"
        admin = web.caller().is_admin
        settings = web.settings
        values: dict[str, Any] = {
            "admin": admin,
            "version": version("gasflux-wps"),
            "uptime": span(time.monotonic() - started),
            "now": f"{datetime.now(UTC):%H:%M:%S} UTC",
            "engine": settings.jobs.engine,
            "mapserver": mapserver_program(settings) is not None,
            "fault": "",
            "queue": None,
            "details": None,
            "settings_shown": settings_shown(settings) if admin else [],
        }
        try:
            values["queue"] = queue_state(web.execution.jobs, settings)
            values["details"] = details(web.execution.jobs, settings) if admin else None
        except OSError:
            LOG.exception("the folder of the jobs can't be reached")
            values["fault"] = "disk"
        except SQLAlchemyError:
            LOG.exception("the database can't be reached")
            values["fault"] = "database"
        response = web.render(name, 503 if values["fault"] else 200, **values)
        if values["fault"]:
            response.headers["Retry-After"] = "10"
        return response


def queue_state(jobs: Jobs, settings: Settings) -> dict[str, Any]:
    """How much there is to do, and room for how much more."""
    counts, free = jobs.counts(), jobs.store.free()
    return {
        "waiting": counts.waiting,
        "most_waiting": settings.server.maxprocesses,
        "running": counts.running,
        "slots": jobs.parallel,
        "spread": counts.spread,
        "free": size_text(free),
        "disk_is_full": free < settings.store.min_free,
        "min_free": size_text(settings.store.min_free),
    }


def details(jobs: Jobs, settings: Settings) -> dict[str, Any]:
    """What administrators see beyond that."""
    totals = jobs.totals()
    stored, most = jobs.stored_bytes(), settings.store.largest_total
    oldest = jobs.find(statuses=[JobStatus.ACCEPTED], subjobs=True, ascending=True, limit=1)
    now = datetime.now(UTC)
    return {
        "longest": [{**_named(job), "waits": span((now - job.created).total_seconds())} for job in oldest],
        "stored": size_text(stored),
        "stored_share": min(100, round(100 * stored / most)),
        "most_stored": size_text(most),
        "keep": settings.store,
        "ends": ends_by_process(totals),
        "times": run_times(totals),
        "failures": [
            {
                **_named(job),
                "when": moment(job.finished or job.created),
                "error": job.error.message if job.error else "",
            }
            for job in jobs.find(statuses=[JobStatus.FAILED], subjobs=True, limit=FAILURES)
        ],
    }


def ends_by_process(totals: Iterable[Total]) -> list[dict[str, Any]]:
    """Of each process how many jobs came to which end, and how long the successful ones took on average."""
    counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    seconds: defaultdict[str, float] = defaultdict(float)
    for total in totals:
        counts[total.process][total.outcome] += total.count
        if total.outcome == JobStatus.SUCCESSFUL:
            seconds[total.process] += total.seconds
    rows = []
    for process, found in counts.items():
        if not any(found[end] for end in (*_ENDS, RECOVERED)):
            continue
        successful = found[JobStatus.SUCCESSFUL]
        rows.append(
            {
                "process": process,
                **{str(end): found[end] for end in _ENDS},
                "recovered": found[RECOVERED],
                "mean": span(seconds[process] / successful) if successful else "–",
            }
        )
    return sorted(rows, key=lambda row: -int(row[JobStatus.SUCCESSFUL]))


def run_times(totals: Iterable[Total]) -> list[dict[str, Any]]:
    """How many jobs ended within which time, as bars of a chart; without those at either end that are empty."""
    counts: defaultdict[float, int] = defaultdict(int)
    for total in totals:
        if total.outcome in _ENDS:
            counts[total.at_most] += total.count
    filled = [number for number, bound in enumerate(BOUNDS) if counts[bound]]
    if not filled:
        return []
    highest = max(counts.values())
    bars: list[dict[str, Any]] = []
    for number in range(filled[0], filled[-1] + 1):
        bound = BOUNDS[number]
        label = f"> {_short(BOUNDS[number - 1])}" if bound == NO_BOUND else f"≤ {_short(bound)}"
        bars.append({"label": label, "count": counts[bound], "height": _HIGHEST_BAR * counts[bound] / highest})
    return bars


def settings_shown(settings: Settings) -> list[dict[str, Any]]:
    """The settings in force by section; what is secret is not among them."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for one in settings.describe():
        value = "***" if one.value and _SECRET.search(one.key) else one.value
        # The file's path stands above the list.
        source = settings.file.name if settings.file and one.source == str(settings.file) else one.source
        row = {"key": one.key, "value": value, "source": source, "changed": one.source != "default"}
        sections.setdefault(one.section, []).append(row)
    return [
        {"section": section, "rows": rows, "changed": sum(row["changed"] for row in rows)}
        for section, rows in sections.items()
    ]


def _named(job: Job) -> dict[str, str]:
    return {"id": job.id, "title": run_title(job), "process": job.process}


def _short(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:.3g} min"
