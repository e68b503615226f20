"""The audit log: who did what, when and from where, in a table that outlives the jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Index, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import String

from server.jobs.database import clock, writing
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


@dataclass(frozen=True)
class Deed:
    """One row of the log. The time is UTC."""

    time: datetime
    key_id: str
    """Of the key that did it; empty: none; ``bootstrap``: the operator's own."""
    action: str
    subject: str
    address: str
    outcome: str


SUBMITTED = "job.submit"
"""The deed that is counted for the rate and the quota of a key."""


_INSERT = insert(AuditRow)


def note(
    connection: Connection,
    time: datetime,
    action: str,
    subject: str,
    *,
    key_id: str = "",
    address: str = "",
    outcome: str = "done",
) -> None:
    """Add a row within a transaction, with no more in it than its columns hold."""
    # Not by way of an object: each job that is sent waits for this.
    values = {
        "time": time,
        "key_id": _text(key_id, 16),
        "action": _text(action, 40),
        "subject": _text(subject, 200),
        "address": _text(address, 60),
        "outcome": _text(outcome, 200),
    }
    connection.execute(_INSERT, values)


def _text(text: str, most: int) -> str:
    """Without what databases refuse: PostgreSQL keeps no NUL, none keeps half a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]


class AuditLog:
    """The log.

    :param engine: of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # What a loss of power takes are its last moments.
        self._writing = writing(engine, lasting=False)

    def write(self, action: str, subject: str, *, key_id: str = "", address: str = "", outcome: str = "done") -> None:
        """Note a deed, in a transaction of its own."""
        with self._writing.begin() as connection:
            note(connection, clock(connection), action, subject, key_id=key_id, address=address, outcome=outcome)

    def read(
        self, *, limit: int = 100, offset: int = 0, key_id: str | None = None, action: str | None = None
    ) -> list[Deed]:
        """The deeds, the latest first.

        :param offset: so many of the latest are left out.
        :param key_id: only those of this key; empty: of none.
        :param action: only these.
        """
        chosen = select(AuditRow).order_by(AuditRow.time.desc(), AuditRow.id.desc()).limit(limit).offset(offset)
        if key_id is not None:
            chosen = chosen.where(AuditRow.key_id == key_id)
        if action is not None:
            chosen = chosen.where(AuditRow.action == action)
        with Session(self._engine) as session:
            return [
                Deed(row.time, row.key_id, row.action, row.subject, row.address, row.outcome)
                for row in session.scalars(chosen)
            ]

    def forget(self, before: datetime) -> int:
        """Remove the deeds of before that time (UTC).

        :returns: how many there were.
        """
        with Session(self._engine) as session:
            if session.scalar(select(AuditRow.id).where(AuditRow.time < before).limit(1)) is None:
                # No reason to keep others from writing.
                return 0
        with self._writing.begin() as connection:
            return connection.execute(delete(AuditRow).where(AuditRow.time < before)).rowcount
