"""The view ``tasks``, and lists: on both databases."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from server.jobs.database import migrate, open_engine, writing
from server.jobs.model import JobError, JobStatus, ResultItem
from server.jobs.table import NoSuchJob
from server.rest.tasks import STATUSES
from tests.server.job_tables import HERE, OpenTable, asked, claimed
from tests.server.test_database import empty, opened

__all__ = ["empty"]


def test_each_job_is_a_row(table: OpenTable, database: str) -> None:
    jobs = table()
    done, failed, waits, cancelled = (jobs.submit(asked(word)).id for word in "abcd")
    jobs.dismiss(cancelled)
    first = jobs.claim(HERE)
    assert first is not None and first.id == done
    jobs.finish(done, 1, {"page": ResultItem("complex", file="page.html", media_type="text/html", size=3)})
    second = jobs.claim(HERE)
    assert second is not None
    jobs.fail(failed, 1, JobError("input", "word: 'x' isn't one", "word"))
    third = jobs.claim(HERE)
    assert third is not None and jobs.progress(waits, 1, 0.5, "Looking")
    rows = {row["task_id"]: row for row in read(database)}
    assert {row["status"] for row in rows.values()} == set(STATUSES.values()) - {"pending"}
    assert rows[done]["output_dir"] == done and rows[failed]["output_dir"] is None
    assert as_json(rows[done]["results"])["page"]["file"] == "page.html"
    assert rows[failed]["error"] == "word: 'x' isn't one" and rows[done]["error"] is None
    assert (rows[waits]["status"], rows[waits]["message"]) == ("processing", "Looking")
    for row in rows.values():
        assert moment(row["updated_at"]) >= moment(row["created_at"])
    assert set(rows[done]) == {
        "task_id", "status", "message", "error", "results", "output_dir", "created_at", "updated_at",
    }  # fmt: skip
    new = jobs.submit(asked("e")).id
    assert {row["task_id"]: row["status"] for row in read(database)}[new] == STATUSES[JobStatus.ACCEPTED]


def test_sub_jobs_are_no_tasks(table: OpenTable, database: str) -> None:
    jobs = table()
    first, second = (jobs.submit(asked(word)).id for word in "ab")
    with opened(database) as engine, writing(engine).begin() as connection:
        connection.execute(text("UPDATE jobs SET parent = :parent WHERE id = :id"), {"id": first, "parent": second})
    assert [row["task_id"] for row in read(database)] == [second]


def test_lists_are_searched_counted_and_sorted(table: OpenTable) -> None:
    jobs = table()
    for name in ("South_field", "southField", "north"):
        jobs.submit(asked(), name=name)
    job = claimed(jobs)
    assert jobs.count() == {JobStatus.ACCEPTED: 2, JobStatus.RUNNING: 1}
    assert jobs.count(text="SOUTH", statuses=[JobStatus.ACCEPTED]) == {JobStatus.ACCEPTED: 1}
    assert [found.name for found in jobs.find(text="th_f")] == ["South_field"]
    assert [found.id for found in jobs.find(text=job.id[:30])] == [job.id]
    # What has not started comes last, in either order.
    for ascending in (True, False):
        assert jobs.find(sort="started", ascending=ascending)[0].id == job.id
    assert jobs.waiting() == [found.id for found in reversed(jobs.find(statuses=[JobStatus.ACCEPTED]))]


def test_names_and_notes_are_set_apart(table: OpenTable) -> None:
    jobs = table()
    job_id = jobs.submit(asked(), name="first").id
    assert jobs.describe(job_id, notes="a\nb").name == "first"
    told = jobs.describe(job_id, name="second")
    assert (told.name, told.notes) == ("second", "a\nb") == (jobs.get(job_id).name, jobs.get(job_id).notes)
    with pytest.raises(NoSuchJob):
        jobs.describe("nobody", name="x")


def test_the_view_goes_and_comes_back(empty: str) -> None:
    migrate(empty)
    config = Config()
    config.set_main_option("script_location", "server.jobs:migrations")
    with opened(empty) as engine:
        with writing(engine).begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0005")
        with engine.connect() as connection:
            assert inspect(connection).get_view_names() == []
            assert "request_totals" not in inspect(connection).get_table_names()
        migrate(empty)
        with engine.connect() as connection:
            assert "tasks" in inspect(connection).get_view_names()


def read(database: str) -> list[dict[str, Any]]:
    engine = open_engine(database)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(text("SELECT * FROM tasks")).mappings()]
    engine.dispose()
    return rows


def as_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def moment(value: Any) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
