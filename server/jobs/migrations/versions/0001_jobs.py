"""The job table."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("process", sa.String(100), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("face", sa.String(40), nullable=False),
        sa.Column("mode", sa.String(5), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("started", sa.DateTime),
        sa.Column("finished", sa.DateTime),
        sa.Column("owner", sa.String(200)),
        sa.Column("heartbeat", sa.DateTime),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("progress", sa.Double, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("results", sa.JSON),
        sa.Column("error", sa.JSON),
    )
    op.create_index("jobs_status_created", "jobs", ["status", "created"])


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("jobs")
