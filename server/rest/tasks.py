"""A job as this face tells of it: a task."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from server.jobs.model import Job, JobStatus
from server.rest.rates import Rate

STATUSES: dict[JobStatus, str] = {
    JobStatus.ACCEPTED: "pending",
    JobStatus.RUNNING: "processing",
    JobStatus.SUCCESSFUL: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.DISMISSED: "cancelled",
}
"""What this face calls where a job is in its life."""

_MESSAGES = {
    JobStatus.ACCEPTED: "The task waits for a free slot.",
    JobStatus.RUNNING: "The calculation runs.",
    JobStatus.SUCCESSFUL: "The calculation is done.",
    JobStatus.FAILED: "The calculation failed; error says why.",
    JobStatus.DISMISSED: "The task was cancelled.",
}


def task_document(job: Job) -> dict[str, Any]:
    """All that is told of a job."""
    flight = next(iter(job.request.inputs.get("flight", ())), None)
    return {
        "task_id": job.id,
        "status": STATUSES[job.status],
        "message": job.message or _MESSAGES[job.status],
        "progress": round(100 * job.progress, 1),
        "error": job.error.message if job.error else None,
        "results": results(job),
        "name": job.name,
        "notes": job.notes,
        "file": {"name": flight.file_name, "size": flight.size, "sha256": flight.sha256} if flight else None,
        "process": job.process,
        "created_at": moment(job.created),
        "started_at": moment(job.started),
        "finished_at": moment(job.finished),
        "updated_at": moment(job.updated),
    }


def results(job: Job) -> list[dict[str, Any]]:
    """The result files of a job."""
    return [
        {
            "name": item.file,
            "output": identifier,
            "size": item.size,
            "media_type": item.media_type,
            "sha256": item.sha256,
            # Without the path of the service below its host: clients put the address that they have before it.
            "download_url": f"/download/{job.id}/{quote(item.file)}",
        }
        for identifier, item in job.results.items()
        if item.file is not None
    ]


def rate_document(rate: Rate) -> dict[str, Any]:
    """One gas's rate."""
    return {
        "gas": rate.gas,
        "emission_rate": rate.emission_rate,
        "uncertainty": rate.uncertainty,
        "interval95": list(rate.interval95) if rate.interval95 else None,
        "unit": rate.unit,
        "flags": list(rate.flags),
    }


def moment(time: datetime | None) -> str | None:
    """A time in UTC, as ISO 8601."""
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"
