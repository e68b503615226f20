"""Fair shares, sub-jobs, shared results, losses, sizes and totals."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_INDEXES = {
    "jobs_status_finished": ["status", "finished"],
    "jobs_share_started": ["share", "started"],
    "jobs_parent": ["parent"],
    "jobs_fingerprint": ["fingerprint"],
}


def upgrade() -> None:
    """Add the columns, and the table of totals."""
    for column in (
        sa.Column("client", sa.String(100), nullable=False, server_default=""),
        sa.Column("share", sa.String(100), nullable=False, server_default=""),
        sa.Column("parent", sa.String(36)),
        sa.Column("label", sa.Text, nullable=False, server_default=""),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("sharers", sa.Integer, nullable=False, server_default="1"),
        sa.Column("losses", sa.Integer, nullable=False, server_default="0"),
        sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
    ):
        op.add_column("jobs", column)
    for name, columns in _INDEXES.items():
        op.create_index(name, "jobs", columns)
    op.create_table(
        "job_totals",
        sa.Column("process", sa.String(100), primary_key=True),
        sa.Column("outcome", sa.String(20), primary_key=True),
        sa.Column("at_most", sa.Double, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("job_totals")
    for name in _INDEXES:
        op.drop_index(name, "jobs")
    for name in ("client", "share", "parent", "label", "fingerprint", "sharers", "losses", "size"):
        op.drop_column("jobs", name)
