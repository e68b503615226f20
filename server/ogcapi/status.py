"""How jobs are doing, as documents (statusInfo.yaml and jobList.yaml of OGC 18-062r2, clauses 7.12 and 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from server.jobs.model import Job, JobStatus
from server.jobs.outlook import estimated_completion, expiration
from server.ogcapi.problems import job_problem
from server.ogcapi.site import EXCEPTIONS, HTML, JSON, RESULTS, Link, Site, link, page_links, with_query
from server.sections import StoreSection

Document = dict[str, Any]

_SENTENCES = {
    JobStatus.ACCEPTED: "The job is accepted and waits for its turn.",
    JobStatus.RUNNING: "The job has started.",
    JobStatus.SUCCESSFUL: "The job has finished.",
    JobStatus.FAILED: "The job has failed.",
    JobStatus.DISMISSED: "The job was cancelled.",
}


def status_info(job: Job, site: Site, keep: StoreSection, shown: str = "json", *, kept: bool = True) -> Document:
    """How a job is doing.

    :param keep: for how long jobs are kept.
    :param shown: form of the page, ``json`` or ``html``.
    :param kept: whether the job is still there, to be asked for.
    """
    times = {
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "updated": _updated(job),
        "estimatedCompletion": estimated_completion(job),
        "expiration": expiration(job, keep) if kept else None,
    }
    told: Document = {
        "processID": job.process,
        "type": "process",
        "jobID": job.id,
        "status": job.status.value,
        "message": _message(job),
        "progress": _percent(job),
        **{name: utc(time) for name, time in times.items() if time is not None},
        "links": _links(job, site, shown) if kept else [link(site.jobs, "up", JSON, "All jobs")],
    }
    if job.status is JobStatus.FAILED:
        told["exception"] = job_problem(job).document
    return told


def job_list(
    jobs: Sequence[Job],
    site: Site,
    keep: StoreSection,
    query: Mapping[str, Any],
    *,
    limit: int,
    offset: int,
    more: bool,
    shown: str,
) -> Document:
    """One page of the list of jobs.

    :param query: the filters of the page.
    :param more: whether there is a next page.
    """
    titles = {"json": "The jobs as JSON", "html": "The jobs as HTML"}
    here = {**query, "limit": limit, "offset": offset}
    links = page_links(site.jobs, here, shown, titles)
    media_type = JSON if shown == "json" else HTML
    if more:
        href = with_query(site.jobs, {**here, "offset": offset + limit, "f": shown})
        links.append(link(href, "next", media_type, "Next page"))
    if offset > 0:
        href = with_query(site.jobs, {**here, "offset": max(offset - limit, 0), "f": shown})
        links.append(link(href, "prev", media_type, "Previous page"))
    links.append(link(site.root, "up", JSON, "Landing page"))
    return {"jobs": [status_info(job, site, keep) for job in jobs], "links": links}


def monitor(job: Job, site: Site) -> Link:
    """The link to a job's status, for answers that hold its results."""
    return link(site.job(job.id), "monitor", JSON, "Status of the job")


def utc(time: datetime) -> str:
    """A time as RFC 3339 has it; with all its digits, so that it finds its job again in the list."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _links(job: Job, site: Site, shown: str) -> list[Link]:
    titles = {"json": "Status of the job as JSON", "html": "Status of the job as HTML"}
    links = page_links(site.job(job.id), {}, shown, titles)
    links.append(monitor(job, site))
    if job.status is JobStatus.SUCCESSFUL:
        links.append(link(site.results(job.id), RESULTS, JSON, "Results of the job"))
    elif job.status is JobStatus.FAILED:
        links.append(link(site.results(job.id), EXCEPTIONS, "application/problem+json", "Why the job failed"))
    if job.parent:
        links.append(link(site.job(job.parent), "collection", JSON, "The job that this one is part of"))
    links.append(link(site.jobs, "up", JSON, "All jobs"))
    return links


def _message(job: Job) -> str:
    if job.error is not None:
        return job.error.message
    return job.message or _SENTENCES[job.status]


def _percent(job: Job) -> int:
    if job.status is JobStatus.SUCCESSFUL:
        return 100
    return min(int(job.progress * 100), 99)


def _updated(job: Job) -> datetime:
    known = (job.created, job.started, job.heartbeat, job.finished)
    return job.finished or max(time for time in known if time is not None)
