"""Notices to subscribers, and what lists of jobs need."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COLUMNS = ("notice", "notice_due", "notice_host", "notice_after", "notice_attempts", "notice_text")


def upgrade() -> None:
    """Add the columns, and the indexes for them and for lists in the order of time."""
    for column in (
        sa.Column("notice", sa.String(12), nullable=False, server_default="none"),
        sa.Column("notice_due", sa.DateTime),
        sa.Column("notice_host", sa.String(300)),
        sa.Column("notice_after", sa.DateTime),
        sa.Column("notice_attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("notice_text", sa.Text, nullable=False, server_default=""),
    ):
        op.add_column("jobs", column)
    due = sa.text("notice_due IS NOT NULL")
    op.create_index("jobs_notice_due", "jobs", ["notice_due"], sqlite_where=due, postgresql_where=due)
    op.drop_index("jobs_parent", "jobs")
    op.create_index("jobs_parent_created", "jobs", ["parent", "created"])
    op.create_index("jobs_client_created", "jobs", ["client", "created"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("jobs_client_created", "jobs")
    op.drop_index("jobs_parent_created", "jobs")
    op.create_index("jobs_parent", "jobs", ["parent"])
    op.drop_index("jobs_notice_due", "jobs")
    for name in _COLUMNS:
        op.drop_column("jobs", name)
