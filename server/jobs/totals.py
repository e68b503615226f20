"""How many jobs came to which end, and how long they ran: kept beyond the jobs' own rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from server.jobs.model import NO_BOUND, TotalRow

BOUNDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, NO_BOUND)
"""Upper bounds of the run times told apart, in seconds."""

RECOVERED = "recovered"
"""Outcome of a run that was lost with its owner, after which the job waits again."""

NOTICE_DELIVERED = "notice delivered"
"""Outcome of a notice that its subscriber has; the time is that from the job's end, 0 where it had not ended."""

NOTICE_GIVEN_UP = "notice given up"
"""Outcome of the notice of a job's end that could not be delivered."""

_ONE_MORE = (
    update(TotalRow)
    .where(
        TotalRow.process == bindparam("of_process"),
        TotalRow.outcome == bindparam("of_outcome"),
        TotalRow.at_most == bindparam("within"),
    )
    .values(count=TotalRow.count + 1, seconds=TotalRow.seconds + bindparam("passed"))
)


@dataclass(frozen=True)
class Total:
    """The ends of one kind, of one process, within one bound of run time and above the next smaller one."""

    process: str
    outcome: str
    """successful, failed, dismissed, :data:`RECOVERED`, :data:`NOTICE_DELIVERED` or :data:`NOTICE_GIVEN_UP`."""
    at_most: float
    """Seconds; one of :data:`BOUNDS`."""
    count: int
    seconds: float
    """Run times, together."""


def count_end(session: Session, process: str, outcome: str, started: datetime | None, now: datetime) -> None:
    """Count one end; the caller's transaction holds the write lock."""
    # A clock that was set back must not make the sum of run times smaller.
    seconds = max((now - started).total_seconds(), 0.0) if started else 0.0
    at_most = next(bound for bound in BOUNDS if seconds <= bound)
    counted = session.connection().execute(
        _ONE_MORE, {"of_process": process, "of_outcome": outcome, "within": at_most, "passed": seconds}
    )
    if counted.rowcount == 0:
        session.add(TotalRow(process=process, outcome=outcome, at_most=at_most, count=1, seconds=seconds))
        session.flush()


def read_totals(session: Session) -> list[Total]:
    """All that was counted, by process, outcome and bound."""
    rows = session.scalars(select(TotalRow).order_by(TotalRow.process, TotalRow.outcome, TotalRow.at_most))
    return [Total(row.process, row.outcome, row.at_most, row.count, row.seconds) for row in rows]
