"""Run by Alembic: applies the steps over the connection that ``server.jobs.database.migrate`` opened."""

from alembic import context

from server.jobs.model import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
# The caller's transaction holds the write lock, so that two processes don't migrate at once.
context.run_migrations()
