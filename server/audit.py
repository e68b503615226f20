"""The audit log: who did what, when and from where, in a table that outlives the jobs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import String

from server.jobs.model import Base, UtcTime


class AuditRow(Base):
    """One deed."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_time", "time"), Index("audit_key_action_time", "key_id", "action", "time"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time: Mapped[datetime] = mapped_column(UtcTime)
    key_id: Mapped[str] = mapped_column(String(16))
    """Of the key that did it; empty: none; ``bootstrap``: the operator's own."""
    action: Mapped[str] = mapped_column(String(40))
    """Such as ``job.submit`` or ``key.create``."""
    subject: Mapped[str] = mapped_column(String(200))
    """Id of what it was done to."""
    address: Mapped[str] = mapped_column(String(60))
    """From where, as the service sees it."""
    outcome: Mapped[str] = mapped_column(String(200))
    """``done``, or why it was refused."""
