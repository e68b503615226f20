"""Which waiting job goes next.

Each client has a share, and so has each job that spread into others. Shares take turns, so that
many jobs of one don't keep out the few of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from server.jobs.model import JobRow, JobStatus

_NEVER = datetime.min.replace(tzinfo=UTC)

_MODES = ("sync", "async")

# Made once: putting a statement together takes longer than running it.
_WAITS = JobRow.status == JobStatus.ACCEPTED
_OF_MODES = JobRow.mode.in_(bindparam("modes", expanding=True))
_ANY = select(JobRow.id).where(_WAITS).limit(1)
_ANY_OF = _ANY.where(_OF_MODES)
_RUNNING = select(JobRow.mode, JobRow.owner, JobRow.share).where(
    JobRow.status == JobStatus.RUNNING, JobRow.owner.is_not(None)
)
_WAITING_SHARES = select(JobRow.share, func.min(JobRow.created)).where(_WAITS, _OF_MODES).group_by(JobRow.share)
_LAST_START = select(func.max(JobRow.started)).where(JobRow.share == bindparam("share"))
_OLDEST = (
    select(JobRow.id)
    .where(_WAITS, JobRow.share == bindparam("share"), _OF_MODES)
    .order_by(JobRow.created, JobRow.id)
    .limit(1)
)


def startable(session: Session, machine: str, *, parallel: int, sync_slots: int) -> tuple[str, ...]:
    """The modes whose waiting jobs the machine may start now; none where none wait, or where it is full.

    :param parallel: how many jobs the machine may run.
    :param sync_slots: how many of these only jobs of synchronous requests may take.
    """
    table = session.connection()
    if table.scalar(_ANY) is None:
        return ()
    here = [mode for mode, owner, _ in table.execute(_RUNNING) if owner and owner.rsplit("/", 2)[0] == machine]
    groups = _open_to(here, parallel, sync_slots)
    return next((modes for modes in groups if modes == _MODES or table.scalar(_ANY_OF, {"modes": modes})), ())


def next_waiting(session: Session, modes: tuple[str, ...]) -> str | None:
    """Id of the job of one of these modes that goes next: of the share that is served least, the oldest.

    That is the share with the fewest running jobs; of several, the one whose last start is longest ago.
    """
    table = session.connection()
    shares = {row[0]: row[1] for row in table.execute(_WAITING_SHARES, {"modes": modes})}
    if not shares:
        return None
    if len(shares) > 1:
        running = Counter(share for _, _, share in table.execute(_RUNNING))
        started = {share: table.scalar(_LAST_START, {"share": share}) or _NEVER for share in shares}
        share = min(shares, key=lambda share: (running[share], started[share], shares[share], share))
    else:
        share = next(iter(shares))
    found: str | None = table.scalar(_OLDEST, {"share": share, "modes": modes})
    return found


def _open_to(running: Sequence[str], parallel: int, sync_slots: int) -> list[tuple[str, ...]]:
    """The modes whose jobs may start, in groups; a later group only where none of an earlier one waits.

    :param running: the modes of the jobs that the machine runs.
    """
    if len(running) >= parallel:
        return []
    if parallel == 1:
        return [("sync",), ("async",)]
    if running.count("async") >= max(1, parallel - sync_slots):
        return [("sync",)]
    return [_MODES]
