"""The job table: what is accepted ends, once, and by the attempt that runs it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect

from gasflux_core.errors import Busy, InputFaults, MissingInput, NoSolution, TooLarge
from server.jobs.database import migrate, open_engine
from server.jobs.model import Base, JobError, JobStatus, ResultItem
from server.jobs.queue import Jobs, NoSuchJob
from server.jobs.request import InputItem, JobRequest, OutputRequest, Upload
from server.settings_error import SettingsError
from tests.server.fakes import open_jobs, request, settings_in

FAILURE = JobError("input", "word: expected another", "word")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = open_jobs(settings_in(tmp_path, GASFLUX_SERVER_MAXPROCESSES="5"))
    yield jobs
    jobs.close()


def test_an_accepted_job_is_as_it_was_sent(jobs: Jobs) -> None:
    sent = JobRequest(
        "echo",
        {"word": [InputItem(text="a", unit="m"), InputItem(href="http://x/", headers={"A": "b"})]},
        [OutputRequest("page", by_reference=True)],
        mode="async",
        lineage=True,
    )
    before = datetime.now(UTC)
    job = jobs.get(jobs.submit(sent, version="1.2.3").id)
    assert job.request == sent
    assert (job.status, job.process, job.version, job.mode, job.face) == (
        JobStatus.ACCEPTED, "echo", "1.2.3", "async", "wps-1.0.0",
    )  # fmt: skip
    assert before <= job.created <= datetime.now(UTC)
    assert (job.attempt, job.progress, job.results, job.error, job.owner) == (0, 0, {}, None, None)
    assert uuid.UUID(job.id).version == 4


def test_an_unknown_job_is_said_to_be_unknown(jobs: Jobs) -> None:
    with pytest.raises(NoSuchJob, match="there is no job"):
        jobs.get(str(uuid.uuid4()))


def test_jobs_are_claimed_in_the_order_they_came(jobs: Jobs) -> None:
    ids = [jobs.submit(request("echo")).id for _ in range(3)]
    first, second = jobs.claim("a"), jobs.claim("b")
    assert first is not None and second is not None
    assert [first.id, second.id] == ids[:2]
    assert (first.status, first.owner, first.attempt) == (JobStatus.RUNNING, "a", 1)
    assert jobs.claim("a") is None  # two run at the most
    assert jobs.fail(first.id, 1, FAILURE)
    third = jobs.claim("a")
    assert third is not None and third.id == ids[2]


def test_many_claimers_never_get_more_than_may_run_nor_one_job_twice(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    tables = [open_jobs(settings) for _ in range(4)]
    for _ in range(12):
        tables[0].submit(request("echo"))
    claimed: list[str] = []
    most = 0
    lock = threading.Lock()

    def work(jobs: Jobs) -> None:
        nonlocal most
        while len(claimed) < 12:
            if job := jobs.claim(threading.current_thread().name):
                with lock:
                    claimed.append(job.id)
                    most = max(most, jobs.counts()[JobStatus.RUNNING])
                jobs.finish(job.id, job.attempt, {})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, tables))
    assert set(Counter(claimed).values()) == {1}
    assert most <= 2


def test_results_are_published_before_the_row_says_so(jobs: Jobs) -> None:
    job_id = jobs.submit(request("echo")).id
    jobs.claim("a")
    seen = []
    results = {
        "answer": ResultItem("literal", text="1", unit="m"),
        "page": ResultItem("complex", file="page.html", size=3),
    }
    assert jobs.finish(job_id, 1, results, lambda: seen.append(jobs.get(job_id).status))
    assert seen == [JobStatus.RUNNING]
    job = jobs.get(job_id)
    assert (job.status, job.results, job.progress) == (JobStatus.SUCCESSFUL, results, 1)


def test_a_job_whose_results_cannot_be_published_is_not_successful(jobs: Jobs) -> None:
    job_id = jobs.submit(request("echo")).id
    jobs.claim("a")

    def full() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        jobs.finish(job_id, 1, {}, full)
    assert jobs.get(job_id).status is JobStatus.RUNNING
    assert jobs.fail(job_id, 1, FAILURE)


def test_writes_of_an_earlier_attempt_change_nothing(jobs: Jobs) -> None:
    job_id = jobs.submit(request("echo")).id
    jobs.claim("gone")
    assert [job.status for job in jobs.recover(["gone"])] == [JobStatus.ACCEPTED]
    published: list[int] = []
    assert not jobs.progress(job_id, 1, 0.5, "late")
    assert not jobs.finish(job_id, 1, {}, lambda: published.append(1))
    again = jobs.claim("b")
    assert again is not None and again.attempt == 2
    assert not jobs.progress(job_id, 1, 0.5, "late")
    assert not jobs.fail(job_id, 1, FAILURE)
    assert not jobs.finish(job_id, 1, {}, lambda: published.append(1))
    assert published == []
    assert jobs.progress(job_id, 2, 7.0, "on time")
    job = jobs.get(job_id)
    assert (job.status, job.progress, job.message) == (JobStatus.RUNNING, 1.0, "on time")
    assert jobs.finish(job_id, 2, {})
    assert not jobs.fail(job_id, 2, FAILURE)


def test_a_job_lost_twice_is_given_up(jobs: Jobs) -> None:
    job_id = jobs.submit(request("echo")).id
    for owner in ("a", "b"):
        jobs.claim(owner)
        jobs.recover([owner])
    job = jobs.get(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error == JobError("server", "The service stopped 2 times while this job ran; it is given up.")


def test_only_jobs_of_supervisors_that_are_gone_are_taken_up_again(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = jobs.submit(request("echo")).id
    jobs.claim("a")
    assert jobs.recover(["b"]) == []
    monkeypatch.setattr("server.jobs.queue.LOST_SECONDS", 0.2)
    time.sleep(0.3)
    jobs.beat("a")
    assert jobs.recover([]) == []
    time.sleep(0.3)
    assert [job.id for job in jobs.recover([])] == [job_id]


def test_a_full_queue_refuses_and_keeps_nothing(jobs: Jobs) -> None:
    for _ in range(5):
        jobs.submit(request("echo"))
    with pytest.raises(Busy) as caught:
        jobs.submit(request("echo"), [Upload("a.csv", b"x")])
    assert caught.value.retry_after > 0
    assert len(list(jobs.store.work.iterdir())) == 5


def test_waiting_ends_with_the_job_or_with_the_time(jobs: Jobs) -> None:
    job_id = jobs.submit(request("echo")).id
    start = time.monotonic()
    assert jobs.wait(job_id, 0.2).status is JobStatus.ACCEPTED
    assert 0.2 <= time.monotonic() - start < 2
    jobs.claim("a")
    threading.Timer(0.1, lambda: jobs.finish(job_id, 1, {})).start()
    assert jobs.wait(job_id, 10).status is JobStatus.SUCCESSFUL
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MissingInput("m", "word"), "missing"),
        (TooLarge("m", "word"), "too_large"),
        (InputFaults([TooLarge("m")], "word"), "input"),
        (NoSolution("m", "word"), "no_solution"),
        (Busy("m", 3), "server"),
    ],
)
def test_errors_for_users_have_a_kind(error: Exception, kind: str) -> None:
    assert JobError.of(error).kind == kind  # type: ignore[arg-type]
    assert JobError.of(error).message == "m"  # type: ignore[arg-type]


def test_migrations_make_the_table_the_model_declares(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    migrate(url)
    migrate(url)  # nothing to do
    tables = inspect(open_engine(url))
    declared = Base.metadata.tables["jobs"]
    made = {column["name"]: column for column in tables.get_columns("jobs")}
    assert list(made) == [column.name for column in declared.columns]
    for column in declared.columns:
        assert made[column.name]["nullable"] == column.nullable, column.name
        assert str(made[column.name]["type"]) == str(column.type), column.name
    assert {index["name"] for index in tables.get_indexes("jobs")} == {index.name for index in declared.indexes}


def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    script = "import sys; from server.jobs.database import migrate; sys.stdin.read(); migrate(sys.argv[1])"
    command = [sys.executable, "-c", script, url]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).parents[2]) for _ in range(3)]
    for process in started:
        process.stdin.close()  # type: ignore[union-attr]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_table_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    migrate(url)
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="another version of this service"):
        migrate(url)
