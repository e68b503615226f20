"""Databases for tests: each test that asks for ``database`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, text

import server.keys  # declares its table
import server.request_counts  # noqa: F401  # the same
from server.jobs.database import migrate, open_engine
from server.jobs.model import Base
from tests.conftest import skip

_HOST = os.environ.get("PGHOST", "127.0.0.1")
_PORT = int(os.environ.get("PGPORT", "5432"))
_USER = os.environ.get("PGUSER", "postgres")


@contextmanager
def postgresql_database() -> Iterator[str]:
    """URL of an empty PostgreSQL database, which is dropped after the block."""
    try:
        server = psycopg.connect(
            host=_HOST, port=_PORT, user=_USER, dbname="postgres", autocommit=True, connect_timeout=5
        )
    except psycopg.OperationalError as error:
        skip(f"no PostgreSQL answers as {_USER} at {_HOST}:{_PORT}: {' '.join(str(error).split())}")
    name = f"gasflux_test_{uuid.uuid4().hex}"
    with server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = URL.create("postgresql+psycopg", _USER, os.environ.get("PGPASSWORD"), _HOST, _PORT, name)
            yield url.render_as_string(hide_password=False)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a PostgreSQL database that is made for this run."""
    with postgresql_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database with the service's tables, all empty."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        migrate(url)
        return url
    url = request.getfixturevalue("postgresql")
    migrate(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        names = ", ".join(sorted(Base.metadata.tables))
        connection.execute(text(f"TRUNCATE {names}"))
    engine.dispose()
    return url
