"""Opening the database of the job table, and bringing its tables to this version's form."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, func, select
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from server.settings_error import SettingsError

_BUSY_SECONDS = 10
"""How long a write waits for another's to end; writes here take milliseconds."""

_SILENT_SECONDS = 60
"""A PostgreSQL transaction in which nothing happens for so long is ended by the server: its machine is gone."""

_WRITE_LOCK = 7_261_955_301
"""Key of the advisory lock that PostgreSQL's writers hold; any number that nobody else uses."""


def open_engine(url: str) -> Engine:
    """An engine on the database; SQLite in WAL mode, where readers never wait for the writer.

    Transactions that write must be opened by :func:`writing`.

    :raises SettingsError: the URL is none, or names a database whose driver isn't installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _open_sqlite(parsed)
        if parsed.get_backend_name() == "postgresql":
            return _open_postgresql(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise _cannot_open(url, error) from None
    raise SettingsError(
        [f"[jobs] database: got {_without_password(url)}; expected the URL of a SQLite or a PostgreSQL database"]
    )


def writing(engine: Engine, *, lasting: bool = True) -> Engine:
    """The engine for transactions that write: one after the other, from their first statement on.

    A transaction that reads first and writes later is refused by SQLite where another wrote in between,
    however long it would wait; one that starts with the lock is not. On PostgreSQL, counting and then
    writing would let two writers count the same.

    :param lasting: what is written must survive a loss of power; on SQLite that takes some milliseconds.
    """
    return engine.execution_options(gasflux_writes="lasting" if lasting else "passing")


def changes(engine: Engine) -> Callable[[], AbstractContextManager[Callable[[], int]]] | None:
    """How to learn cheaply whether anything was written: a number that changes with every write of others.

    :returns: None where the database has no such thing.
    """
    return partial(_data_version, engine) if engine.dialect.name == "sqlite" else None


@contextmanager
def _data_version(engine: Engine) -> Iterator[Callable[[], int]]:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        yield lambda: int(cursor.execute("PRAGMA data_version").fetchone()[0])
    finally:
        connection.close()


def clock(connection: Connection) -> datetime:
    """The time in UTC, by the clock that all machines of the service share: the database's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def migrate(url: str) -> None:
    """Bring the tables to this version's form; several processes may call it at once.

    :raises SettingsError: the database can't be opened, or a newer version has changed it.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    engine = open_engine(url)
    config = Config()
    config.set_main_option("script_location", "server.jobs:migrations")
    try:
        with writing(engine).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise SettingsError(
            [f"[jobs] database: {_without_password(url)} was made by another version of this service ({error})"]
        ) from None
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _cannot_open(url, error) from None
    finally:
        engine.dispose()


def _open_sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, pool_timeout=_BUSY_SECONDS)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_postgresql(url: URL) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")  # the driver that comes with this service
    waits = f"-c lock_timeout={_BUSY_SECONDS}s -c idle_in_transaction_session_timeout={_SILENT_SECONDS}s"
    engine = create_engine(
        url,
        connect_args={"connect_timeout": _BUSY_SECONDS, "options": waits},
        # Each statement sees what was committed before it, whatever the server's default is: the
        # first one waits for the lock.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_timeout=_BUSY_SECONDS,
    )
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Begin and commit are ours: the driver's own rules would begin a write only at its first statement.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")
    _use_wal(connection)


def _use_wal(connection: Any) -> None:
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # Where two processes open a new database at once, SQLite refuses the change without waiting.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _writes(connection: Connection) -> str | None:
    kind: str | None = connection.get_execution_options().get("gasflux_writes")
    return kind


def _begin_sqlite(connection: Connection) -> None:
    kind = _writes(connection)
    if kind is not None:
        # What is lost with NORMAL is lost whole, never torn; and a later FULL makes all before it last.
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if kind == 'lasting' else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if kind else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # Always lasting: those who work on a job may outlive this server, and what it told them must then still be true.
    if _writes(connection) is not None:
        connection.execute(select(func.pg_advisory_xact_lock(_WRITE_LOCK)))


def _cannot_open(url: str, error: Exception) -> SettingsError:
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    return SettingsError([f"[jobs] database: {_without_password(url)} can't be opened: {reason}"])


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(url)
