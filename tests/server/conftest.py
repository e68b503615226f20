"""Fixtures that several modules of these tests use."""

from tests.server.databases import database, postgresql
from tests.server.job_tables import table

__all__ = ["database", "postgresql", "table"]
