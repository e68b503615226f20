"""The database: its tables are those the model declares, and a newer version's are left alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from psycopg import sql
from sqlalchemy import Engine, inspect, make_url, text

from server.audit import AuditRow
from server.jobs.database import clock, migrate, open_engine, writing
from server.jobs.model import Base
from server.jobs.table import JobTable
from server.request_counts import RequestTotalRow
from server.settings_error import SettingsError
from server.signing import SecretRow


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        return
    url = make_url(request.getfixturevalue("postgresql"))
    name = sql.Identifier(f"{url.database}_empty")
    with psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            yield url.set(database=f"{url.database}_empty").render_as_string(hide_password=False)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_migrations_make_the_tables_the_model_declares(empty: str) -> None:
    migrate(empty)
    migrate(empty)  # nothing to do
    with opened(empty) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        made = inspect(connection)
        for name in (
            "jobs",
            "job_totals",
            AuditRow.__tablename__,
            SecretRow.__tablename__,
            RequestTotalRow.__tablename__,
        ):
            columns = {column["name"]: column["nullable"] for column in made.get_columns(name)}
            declared = Base.metadata.tables[name]
            assert columns == {column.name: column.nullable for column in declared.columns}
            keys = made.get_pk_constraint(name)["constrained_columns"]
            assert keys == [column.name for column in declared.primary_key]
            indexes = {index["name"]: index["column_names"] for index in made.get_indexes(name)}
            assert indexes == {index.name: [column.name for column in index.columns] for index in declared.indexes}


def test_processes_that_start_together_migrate_once(empty: str) -> None:
    script = "import sys; from server.jobs.database import migrate; sys.stdin.read(); migrate(sys.argv[1])"
    command = [sys.executable, "-c", script, empty]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).parents[2]) for _ in range(3)]
    for process in started:
        process.stdin.close()  # type: ignore[union-attr]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    with opened(empty) as engine, engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
        if engine.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"


def test_jobs_of_an_earlier_version_are_kept(empty: str) -> None:
    config = Config()
    config.set_main_option("script_location", "server.jobs:migrations")
    row = {
        **dict.fromkeys(("id", "process", "version", "face", "message"), "x"),
        "status": "failed",
        "mode": "async",
        "created": datetime.now(UTC).replace(tzinfo=None),
        "attempt": 1,
        "progress": 0.5,
        "request": '{"process": "x", "inputs": {}, "outputs": []}',
    }
    with opened(empty) as engine:
        with writing(engine).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0003")
            names = ", ".join(row)
            places = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO jobs ({names}) VALUES ({places})"), row)
        migrate(empty)
        (job,) = JobTable(engine).find()
    assert (job.id, job.status, job.notice, job.notice_text) == ("x", "failed", "none", "")


def test_a_table_of_a_newer_version_is_refused(empty: str) -> None:
    migrate(empty)
    with opened(empty) as engine, writing(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match="another version of this service"):
        migrate(empty)


def test_writers_come_one_after_the_other(database: str) -> None:
    """A second writer gets in only when the first is through, and then sees what that wrote."""
    counted: list[int] = []
    with opened(database) as engine:
        insert = text(
            "INSERT INTO job_totals (process, outcome, at_most, count, seconds) VALUES (:name, 'failed', 1, 1, 1)"
        )

        def write(name: str) -> None:
            with writing(engine).begin() as connection:
                counted.append(connection.scalar(text("SELECT count(*) FROM job_totals")) or 0)
                connection.execute(insert, {"name": name})

        threads = [threading.Thread(target=write, args=(f"p{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert counted == list(range(8))


def test_the_clock_is_in_utc(database: str) -> None:
    with opened(database) as engine, engine.connect() as connection:
        assert abs((clock(connection) - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "can't be opened"),
        ("mysql://user:secret@host/jobs", "expected the URL of a SQLite or a PostgreSQL database"),
        ("sqlite+nodriver:///jobs.sqlite", "can't be opened"),
    ],
)
def test_what_is_no_database_of_ours_is_refused(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        open_engine(url)
    assert "secret" not in str(caught.value)


def test_the_driver_of_postgresql_need_not_be_named() -> None:
    with opened("postgresql://user@host/jobs") as engine:
        assert engine.driver == "psycopg"
