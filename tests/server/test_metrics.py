"""Metrics: read back as Prometheus reads them, over a real job table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from server.app import create_app
from server.jobs import notices
from server.jobs.model import JobError
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.request import SubJob, Subscriber
from server.jobs.totals import BOUNDS, Total
from server.metrics import METRICS, Metrics
from tests.server.fakes import PRELOAD, open_jobs, registry, request, settings_in

HERE = Owner.this_process()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = open_jobs(settings_in(tmp_path, GASFLUX_SERVER_PARALLELPROCESSES="4", GASFLUX_JOBS_SYNC_SLOTS="0"))
    yield jobs
    jobs.close()


def told(jobs: Jobs) -> dict[str, Metric]:
    """What ``/metrics`` says, by name of the family."""
    text = Metrics(jobs).page().get_data(as_text=True)
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(metrics: dict[str, Metric], family: str, sample: str = "", **labels: str) -> float:
    """One sample's value."""
    (found,) = [one.value for one in metrics[family].samples if one.name == (sample or family) and one.labels == labels]
    return float(found)


def run_one(jobs: Jobs, word: str, error: JobError | None = None) -> None:
    job_id = jobs.submit(request("echo", word)).id
    job = jobs.claim(HERE)
    assert job is not None and job.id == job_id
    assert jobs.fail(job.id, job.attempt, error) if error else jobs.finish(job.id, job.attempt, {})


def test_a_new_service_has_all_its_figures(jobs: Jobs) -> None:
    metrics = told(jobs)
    for name in ("gasflux_jobs_waiting", "gasflux_jobs_running", "gasflux_jobs_spread"):
        assert value(metrics, name) == 0
    assert value(metrics, "gasflux_disk_free_bytes") > 0
    assert value(metrics, "gasflux_uptime_seconds") >= 0
    (build,) = metrics["gasflux_build_info"].samples
    assert build.value == 1 and build.labels["version"]


def test_jobs_are_counted_by_state(jobs: Jobs) -> None:
    campaign = jobs.submit(request("echo", "1")).id
    job = jobs.claim(HERE)
    assert job is not None
    jobs.spread(campaign, job.attempt, [SubJob(str(number), request("echo"), "") for number in range(3)])
    assert jobs.claim(HERE) is not None
    metrics = told(jobs)
    assert value(metrics, "gasflux_jobs_spread") == 1
    assert value(metrics, "gasflux_jobs_running") == 1
    assert value(metrics, "gasflux_jobs_waiting") == 2


def test_run_times_are_a_histogram_by_process_and_outcome(jobs: Jobs) -> None:
    run_one(jobs, "a")
    run_one(jobs, "b")
    run_one(jobs, "c", JobError("input", "no"))
    metrics = told(jobs)

    def bucket(outcome: str, bound: str) -> float:
        return value(
            metrics, "gasflux_job_seconds", "gasflux_job_seconds_bucket", process="echo", outcome=outcome, le=bound
        )

    for outcome, count in (("successful", 2), ("failed", 1)):
        of = {"process": "echo", "outcome": outcome}
        assert bucket(outcome, "+Inf") == count
        assert value(metrics, "gasflux_job_seconds", "gasflux_job_seconds_count", **of) == count
        assert 0 < value(metrics, "gasflux_job_seconds", "gasflux_job_seconds_sum", **of) < 10
    assert metrics["gasflux_job_seconds"].type == "histogram"


def test_buckets_add_up_and_lost_runs_are_no_ends(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    totals = [
        Total("echo", "successful", 0.3, 4, 1.0),
        Total("echo", "successful", 10.0, 2, 14.0),
        Total("echo", "successful", BOUNDS[-1], 1, 5000.0),
        Total("echo", "recovered", 3.0, 2, 5.0),
        Total("echo", "recovered", 30.0, 1, 20.0),
    ]
    monkeypatch.setattr(jobs, "totals", lambda: totals)
    metrics = told(jobs)
    samples = metrics["gasflux_job_seconds"].samples
    assert {one.labels["outcome"] for one in samples} == {"successful"}
    buckets = [(one.labels["le"], one.value) for one in samples if one.name.endswith("_bucket")]
    assert buckets == [
        ("0.1", 0), ("0.3", 4), ("1.0", 4), ("3.0", 4), ("10.0", 6), ("30.0", 6), ("100.0", 6),
        ("300.0", 6), ("1000.0", 6), ("3000.0", 6), ("+Inf", 7),
    ]  # fmt: skip
    of = {"process": "echo", "outcome": "successful"}
    assert value(metrics, "gasflux_job_seconds", "gasflux_job_seconds_sum", **of) == 5015
    assert value(metrics, "gasflux_jobs_recovered", "gasflux_jobs_recovered_total", process="echo") == 3


def test_lost_jobs_are_counted(jobs: Jobs) -> None:
    jobs.submit(request("echo", "a"))
    # No process was ever started so long ago.
    assert jobs.claim(replace(HERE, started=1.0)) is not None
    assert len(jobs.recover()) == 1
    assert value(told(jobs), "gasflux_jobs_recovered", "gasflux_jobs_recovered_total", process="echo") == 1


def test_counts_outlive_the_process_and_the_rows(jobs: Jobs, tmp_path: Path) -> None:
    run_one(jobs, "a")
    for job in jobs.find():
        jobs.remove(job.id)
    other = open_jobs(settings_in(tmp_path))
    of = {"process": "echo", "outcome": "successful"}
    assert value(told(other), "gasflux_job_seconds", "gasflux_job_seconds_count", **of) == 1
    other.close()


def notify(jobs: Jobs, why_not: str | None = None) -> None:
    """End a job with a subscriber, and try once to tell it."""
    jobs.submit(request("echo", "a", subscriber=Subscriber("http://a.example/")))
    job = jobs.claim(HERE)
    assert job is not None and jobs.finish(job.id, job.attempt, {})
    (notice,) = jobs.notices.claim(1)
    assert jobs.notices.not_delivered(notice, why_not) if why_not else jobs.notices.delivered(notice)


def test_notices_are_counted(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    notify(jobs)
    notify(jobs)
    notify(jobs, "no")
    assert value(told(jobs), "gasflux_notices_waiting") == 1
    monkeypatch.setattr(notices, "PAUSES", (15.0,))
    notify(jobs, "no")
    metrics = told(jobs)
    for name, count in (("delivered", 2), ("given_up", 1)):
        assert value(metrics, f"gasflux_notices_{name}", f"gasflux_notices_{name}_total", process="echo") == count
    assert value(metrics, "gasflux_notices_waiting") == 1
    of = {"process": "echo", "outcome": "successful"}
    assert value(metrics, "gasflux_job_seconds", "gasflux_job_seconds_count", **of) == 4, "notices are no ends"


def test_all_that_is_told_is_declared_and_the_other_way_round(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    run_one(jobs, "a")
    notify(jobs)
    monkeypatch.setattr(notices, "PAUSES", (15.0,))
    notify(jobs, "no")
    jobs.submit(request("echo", "b"))
    assert jobs.claim(replace(HERE, started=1.0)) is not None
    jobs.recover()
    found = {}
    for name, family in told(jobs).items():
        full = f"{name}_total" if family.type == "counter" else name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[full] = (family.type, family.documentation, labels)
    assert found == {one.name: (one.kind, one.text, set(one.labels)) for one in METRICS}


def test_the_page_is_served_as_prometheus_wants_it(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path), registry, PRELOAD)
    answer = app.test_client().get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert list(text_string_to_metric_families(answer.text))
