"""What lies ahead of a job."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.jobs.model import Job, JobStatus
from server.jobs.outlook import estimated_completion, expiration
from server.jobs.request import JobRequest
from server.sections import StoreSection

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
JOB = Job(
    id="1",
    status=JobStatus.RUNNING,
    process="echo",
    version="1",
    face="wps-1.0.0",
    mode="async",
    client="",
    parent=None,
    label="",
    created=START,
    started=START,
    finished=None,
    owner=None,
    heartbeat=None,
    attempt=1,
    losses=0,
    progress=0.25,
    message="",
    request=JobRequest("echo", {}),
    results={},
    error=None,
)
KEEP = StoreSection(keep_successful=30, keep_failed=7, keep_dismissed=1)


@pytest.mark.parametrize(
    ("status", "days"), [(JobStatus.SUCCESSFUL, 30), (JobStatus.FAILED, 7), (JobStatus.DISMISSED, 1)]
)
def test_an_ended_job_is_kept_as_the_settings_say(status: JobStatus, days: int) -> None:
    ended = replace(JOB, status=status, finished=START + timedelta(hours=1))
    assert expiration(ended, KEEP) == START + timedelta(days=days, hours=1)


@pytest.mark.parametrize("status", [JobStatus.ACCEPTED, JobStatus.RUNNING])
def test_a_job_that_has_not_ended_does_not_expire(status: JobStatus) -> None:
    assert expiration(replace(JOB, status=status), KEEP) is None


def test_a_quarter_in_ten_minutes_is_all_in_forty() -> None:
    assert estimated_completion(JOB, START + timedelta(minutes=10)) == START + timedelta(minutes=40)


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, progress=0.0),
        replace(JOB, status=JobStatus.ACCEPTED, started=None),
        replace(JOB, status=JobStatus.SUCCESSFUL, progress=1.0),
    ],
)
def test_nothing_is_estimated_from_nothing(job: Job) -> None:
    assert estimated_completion(job, START + timedelta(minutes=10)) is None
