"""The jobs as the view ``tasks``, for those who query the table of the GasFlux Web API; counts of requests."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ERROR = {"sqlite": "json_extract(error, '$.message')", "postgresql": "error ->> 'message'"}


def upgrade() -> None:
    """Make both. A later step that drops or changes one of these columns drops the view first, and makes it anew."""
    op.execute(
        sa.text(
            f"""
            CREATE VIEW tasks AS SELECT
                id AS task_id,
                CASE status
                    WHEN 'accepted' THEN 'pending'
                    WHEN 'running' THEN 'processing'
                    WHEN 'successful' THEN 'completed'
                    WHEN 'dismissed' THEN 'cancelled'
                    ELSE status
                END AS status,
                message,
                {_ERROR[op.get_context().dialect.name]} AS error,
                results,
                CASE WHEN status = 'successful' THEN id END AS output_dir,
                created AS created_at,
                COALESCE(finished, heartbeat, started, created) AS updated_at
            FROM jobs
            WHERE parent IS NULL
            """
        )
    )
    op.create_table(
        "request_totals",
        sa.Column("method", sa.String(10), primary_key=True),
        sa.Column("endpoint", sa.String(200), primary_key=True),
        sa.Column("status", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("longest", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("request_totals")
    op.execute(sa.text("DROP VIEW tasks"))
