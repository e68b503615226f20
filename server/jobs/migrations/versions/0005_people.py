"""Names and notes of jobs, what each key may do, who did what, and the service's own secret."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns and the tables; a key from before may do what it could then."""
    op.add_column("jobs", sa.Column("name", sa.String(200), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("notes", sa.Text, nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("scopes", sa.String(60), nullable=False, server_default="submit,read"))
    op.add_column("api_keys", sa.Column("rate", sa.Integer))
    op.add_column("api_keys", sa.Column("quota", sa.Integer))
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("outcome", sa.String(200), nullable=False),
    )
    op.create_index("audit_time", "audit", ["time"])
    op.create_index("audit_key_action_time", "audit", ["key_id", "action", "time"])
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("secrets")
    op.drop_table("audit")
    for name in ("quota", "rate", "scopes"):
        op.drop_column("api_keys", name)
    for name in ("notes", "name"):
        op.drop_column("jobs", name)
