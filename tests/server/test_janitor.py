"""The janitor: what has had its time goes, what belongs to a job stays."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from gasflux_core.errors import Busy
from server.jobs import janitor as module
from server.jobs.janitor import Janitor
from server.jobs.model import JobError, JobRow, JobStatus, ResultItem
from server.jobs.owner import Owner
from server.jobs.queue import Jobs, NoSuchJob
from server.jobs.request import SubJob, Upload
from server.ows.leftovers import maps_folder
from server.settings import Settings
from server.store import FolderStore
from tests.server.fakes import open_jobs, request, settings_in

HERE = Owner.this_process()
UPLOAD = [Upload("a.csv", b"one")]


class House:
    """A service's table and folders, and ways to fill them."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.settings: Settings = settings_in(folder, GASFLUX_SERVER_PARALLELPROCESSES="4", **environ)
        self.jobs: Jobs = open_jobs(self.settings)
        assert isinstance(self.jobs.store, FolderStore)
        self.store: FolderStore = self.jobs.store

    def tidy(self) -> None:
        """A turn of a janitor that has just begun, to whom everything is due."""
        Janitor(self.settings, self.jobs, self.store).turn()

    def begun(self) -> str:
        job_id = self.jobs.submit(request("echo", mode="async"), UPLOAD).id
        job = self.jobs.claim(HERE)
        assert job is not None and job.id == job_id
        self.store.begin_attempt(job_id, job.attempt)
        return job_id

    def ended(self, status: JobStatus, days_ago: float = 0, size: int = 10) -> str:
        job_id = self.begun()
        self.end(job_id, status, size)
        self.date_back(job_id, days_ago)
        return job_id

    def end(self, job_id: str, status: JobStatus, size: int = 10) -> None:
        attempt = self.jobs.get(job_id).attempt
        if status is JobStatus.SUCCESSFUL:
            (self.store.attempt_folder(job_id, attempt) / "results" / "page.html").write_text("x")
            item = ResultItem("complex", file="page.html", media_type="text/html", size=size)
            assert self.jobs.finish(job_id, attempt, {"page": item}, lambda: self.store.publish(job_id, attempt))
        elif status is JobStatus.FAILED:
            assert self.jobs.fail(job_id, attempt, JobError("server", "It failed."))
        else:
            self.jobs.dismiss(job_id)
        self.store.end_attempt(job_id, attempt)

    def date_back(self, job_id: str, days: float) -> None:
        ended = datetime.now(UTC) - timedelta(days=days)
        with self.jobs._engine.begin() as connection:
            connection.execute(update(JobRow).where(JobRow.id == job_id).values(finished=ended))

    def has(self, job_id: str) -> bool:
        """Whether the job is known; it is a fault of the janitor where the files say something else."""
        files = any(path.is_file() for path in self.settings.gasflux.data.glob(f"*/**/*{job_id}*/**/*"))
        try:
            self.jobs.get(job_id)
        except NoSuchJob:
            assert not files
            return False
        assert files
        return True


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def house(**environ: str) -> House:
        houses.append(House(tmp_path, **environ))
        return houses[-1]

    yield house
    for one in houses:
        one.jobs.close()


@pytest.fixture
def house(make: Callable[..., House]) -> House:
    return make()


# --- expiry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "days"), [(JobStatus.SUCCESSFUL, 30), (JobStatus.FAILED, 7), (JobStatus.DISMISSED, 1)]
)
def test_ended_jobs_are_kept_as_long_as_is_set(house: House, status: JobStatus, days: float) -> None:
    old, young = house.ended(status, days + 0.01), house.ended(status, days - 0.01)
    house.tidy()
    assert not house.has(old)
    assert house.has(young)


def test_what_was_made_for_maps_goes_with_its_job(house: House) -> None:
    old, young = house.ended(JobStatus.SUCCESSFUL, 30.01), house.ended(JobStatus.SUCCESSFUL, 1)
    for job in (old, young):
        (maps_folder(house.settings) / f"{job}-1-abc").mkdir(parents=True)
    house.tidy()
    assert [path.name for path in maps_folder(house.settings).iterdir()] == [f"{young}-1-abc"]


def test_jobs_that_have_not_ended_never_expire(make: Callable[..., House]) -> None:
    short = {f"GASFLUX_STORE_KEEP_{name}": "1e-9" for name in ("SUCCESSFUL", "FAILED", "DISMISSED")}
    house = make(**short, GASFLUX_STORE_LARGEST_TOTAL="1b")
    running = house.begun()
    waiting = house.jobs.submit(request("echo"), UPLOAD).id
    house.tidy()
    assert house.has(running) and house.has(waiting)


def test_the_oldest_results_go_where_all_together_are_too_large(make: Callable[..., House]) -> None:
    house = make(GASFLUX_STORE_LARGEST_TOTAL="250b")
    jobs = [house.ended(JobStatus.SUCCESSFUL, days, size=100) for days in (4, 1, 3, 2)]
    failed = house.ended(JobStatus.FAILED, 5)
    house.tidy()
    assert [house.has(job) for job in jobs] == [False, True, False, True]
    assert house.has(failed)


def test_results_just_as_large_as_may_be_stay(make: Callable[..., House]) -> None:
    house = make(GASFLUX_STORE_LARGEST_TOTAL="200b")
    jobs = [house.ended(JobStatus.SUCCESSFUL, days, size=100) for days in (2, 1)]
    house.tidy()
    assert all(house.has(job) for job in jobs)


def _campaign(house: House) -> tuple[str, list[str]]:
    """A successful job that had spread into two, all of them old."""
    parent = house.begun()
    parts = [SubJob(label, request("echo", mode="async"), "1") for label in "ab"]
    children = [job.id for job in house.jobs.spread(parent, 1, parts)]
    house.store.end_attempt(parent, 1)
    for _ in children:
        job = house.jobs.claim(HERE)
        assert job is not None and job.id in children
        house.store.begin_attempt(job.id, job.attempt)
        house.end(job.id, JobStatus.SUCCESSFUL, size=100)
        house.date_back(job.id, 100)
    again = house.jobs.claim(HERE)
    assert again is not None and again.id == parent
    house.store.begin_attempt(parent, again.attempt)
    return parent, children


def test_sub_jobs_go_with_their_parent_and_not_before(make: Callable[..., House]) -> None:
    house = make(GASFLUX_STORE_LARGEST_TOTAL="150b")
    parent, children = _campaign(house)
    house.tidy()
    assert all(house.has(job) for job in (parent, *children))
    house.end(parent, JobStatus.SUCCESSFUL)
    house.date_back(parent, 29)
    other = house.ended(JobStatus.SUCCESSFUL, 1)
    house.tidy()
    assert not any(house.has(job) for job in (parent, *children))
    assert house.has(other)


def test_a_turn_is_bounded_and_the_next_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_AT_ONCE", 2)
    jobs = [house.ended(status, 100) for status in (JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.FAILED)]
    janitor = Janitor(house.settings, house.jobs, house.store)
    assert janitor.turn()
    assert sum(house.has(job) for job in jobs) == 1
    assert not janitor.turn()
    assert not any(house.has(job) for job in jobs)


# --- leftovers ------------------------------------------------------------------------------------


def test_leftovers_go_and_what_belongs_to_jobs_stays(house: House) -> None:
    running, done = house.begun(), house.ended(JobStatus.SUCCESSFUL)
    failed = house.ended(JobStatus.FAILED)
    lost = "9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
    house.store.stage_inputs(lost, UPLOAD).keep()
    (house.store.begin_attempt(lost, 1) / "results" / "page.html").write_text("x")
    house.store.publish(lost, 1)
    old = house.store.attempt_folder(running, 7)
    old.mkdir()
    house.tidy()
    assert not any(house.settings.gasflux.data.rglob(f"*{lost}*"))
    assert not old.exists()
    assert house.store.attempt_folder(running, 1).is_dir()
    assert house.store.open(done, 1, "page.html").size == 1
    assert house.store.input_file(failed, "a.csv", house.store.work).read_bytes() == b"one"


def test_what_a_lost_try_published_goes_when_the_job_has_failed(house: House) -> None:
    job = house.begun()
    (house.store.attempt_folder(job, 1) / "results" / "page.html").write_text("x")
    house.store.publish(job, 1)  # and the process was lost before the row could say so
    house.tidy()
    assert (house.store.outputs / job).is_dir()
    house.end(job, JobStatus.FAILED)
    house.tidy()
    assert not (house.store.outputs / job).exists()


# --- when, and what if it fails -------------------------------------------------------------------


class Noted:
    """A store and a table that note what the janitor asks them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fault: Exception | None = None
        self.known = None
        self.audit = self

    def forget(self, _before: Any) -> int:
        if self.fault is not None:
            raise self.fault
        return 0

    def clear_leftovers(self, _known: Any, *, thorough: bool) -> list[str]:
        self.calls.append("thorough" if thorough else "leftovers")
        if self.fault is not None:
            raise self.fault
        return []

    def expired(self, status: JobStatus, *_: Any) -> list[Any]:
        if status is JobStatus.SUCCESSFUL:
            self.calls.append("expiry")
        return []

    def stored_bytes(self) -> int:
        return 0


def test_each_work_has_its_own_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: Any = Noted()
    now = 1000.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    janitor = Janitor(settings_in(tmp_path), noted, noted)
    told: dict[float, list[str]] = {}
    for passed in (0, 1, 9.9, 10, 19, 20, 59, 61, 3599, 3601):
        now = 1000.0 + passed
        noted.calls = []
        janitor.turn()
        told[passed] = noted.calls
    assert told == {
        0: ["thorough", "expiry"],
        1: [],
        9.9: [],
        10: ["leftovers"],
        19: [],
        20: ["leftovers"],
        59: ["leftovers"],
        61: ["expiry"],
        3599: ["leftovers", "expiry"],
        3601: [],
    }


@pytest.mark.parametrize(
    "fault", [OSError("disk"), Busy("away", retry_after=1), OperationalError("begin", {}, Exception("locked"))]
)
def test_what_fails_is_logged_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    noted: Any = Noted()
    noted.fault = fault
    now = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    janitor = Janitor(settings_in(tmp_path), noted, noted)
    with caplog.at_level(logging.WARNING):
        janitor.turn()
    assert "tried again" in caplog.text
    now = 10.0
    noted.fault = None
    janitor.turn()
    assert noted.calls == ["thorough", "expiry", "thorough"]
