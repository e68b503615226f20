"""Opening the database of the job table, and bringing its tables to this version's form."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from server.settings_error import SettingsError

_BUSY_SECONDS = 30
"""How long SQLite waits for another's write to end; writes here take milliseconds."""


def open_engine(url: str) -> Engine:
    """An engine on the database; SQLite in WAL mode, where readers never wait for the writer.

    Transactions that write must be opened by :func:`writing`.

    :raises SettingsError: the URL is none, or names a database whose driver isn't installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS})
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise _cannot_open(url, error) from None
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def writing(engine: Engine) -> Engine:
    """The engine for transactions that write: on SQLite they take the write lock from their first statement.

    A transaction that reads first and writes later is refused by SQLite where another wrote in between,
    however long it would wait; one that starts with the lock is not.
    """
    return engine.execution_options(gasflux_writes=True)


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


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("gasflux_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _cannot_open(url: str, error: Exception) -> SettingsError:
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    return SettingsError([f"[jobs] database: {_without_password(url)} can't be opened: {reason}"])


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(url)
